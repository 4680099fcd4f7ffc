"""What live view is compared with: servers that take one camera over TCP and show it to viewers over HTTP.

    photohub    the stream endpoint and the live picture behind uvicorn, as the hub runs them
    fan-out     the least that can be done in asyncio: every frame is written to every viewer as it comes; no
                identity, no rights, no notices, and a viewer that does not read grows the process
    relay       the published relay's behaviour: a thread per viewer reads the camera's one socket, so frames
                are read only while somebody looks, each goes to one viewer, and two viewers tear them apart

Each runs in a process of its own: `python -m benchmarks.live_peers NAME CAMERA_FD WEB_FD`.
"""

import asyncio
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn
import uvloop

from media_pipeline.live.latest_frame import LatestFrames
from media_pipeline.live.mjpeg import MjpegEndpoint, Verdict
from media_pipeline.streams.tcp import StreamClaim, StreamEndpoint
from photohub.lib.http.guard import GuardedHttp

_HEAD = (
    b"HTTP/1.0 200 OK\r\nAge: 0\r\nCache-Control: no-cache, private\r\nPragma: no-cache\r\n"
    b"Content-Type: multipart/x-mixed-replace; boundary=FRAME\r\n\r\n"
)
_PART = b"--FRAME\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
_CREDIBLE_BYTES = 4 * 2**20


async def serve_photohub(camera: socket.socket, web: socket.socket) -> None:
    """Run the endpoints as the hub does, with everybody allowed."""
    frames = LatestFrames()

    async def identify(_claim: StreamClaim) -> str:
        return "porch"

    async def authorise(_scope: dict, _code: str | None) -> Verdict:
        return Verdict(200, "porch")

    endpoint = StreamEndpoint(identify, lambda code, jpeg, _address: frames.put(code, jpeg))
    await endpoint.start_on(camera)
    config = uvicorn.Config(
        MjpegEndpoint(frames, authorise), log_config=None, lifespan="off", http=GuardedHttp, access_log=False
    )
    await uvicorn.Server(config).serve(sockets=[web])


async def serve_fan_out(camera: socket.socket, web: socket.socket) -> None:
    """Write every frame to every viewer."""
    viewers: set[asyncio.StreamWriter] = set()

    async def film(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                (size,) = struct.unpack(">I", await reader.readexactly(4))
                part = _PART % (size, await reader.readexactly(size))
                for viewer in viewers:
                    viewer.write(part)

    async def show(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_HEAD)
        viewers.add(writer)
        with suppress(OSError):
            await reader.read()
        viewers.discard(writer)
        writer.close()

    await asyncio.start_server(film, sock=camera, limit=2**20)
    server = await asyncio.start_server(show, sock=web)
    await server.serve_forever()


def serve_relay(camera: socket.socket, web: socket.socket) -> None:
    """Let a thread per viewer read the camera's only socket."""
    source = camera.accept()[0].makefile("rb")

    def show(viewer: socket.socket) -> None:
        viewer.recv(4096)
        try:
            viewer.sendall(_HEAD)
            while True:
                (size,) = struct.unpack(">I", source.read(4))
                # Another thread took the length that belonged here: what was read is part of a picture. The
                # published program waits for gigabytes then; here they are passed over.
                picture = source.read(size) if size <= _CREDIBLE_BYTES else source.read(_CREDIBLE_BYTES)
                viewer.sendall(_PART % (len(picture), picture))
        except (OSError, struct.error):
            viewer.close()

    while True:
        threading.Thread(target=show, args=(web.accept()[0],), daemon=True).start()


SERVERS: dict[str, Callable] = {"photohub": serve_photohub, "fan-out": serve_fan_out, "relay": serve_relay}


def serve(name: str, camera_fd: int, web_fd: int) -> None:
    """Run one server on sockets that the parent opened."""
    camera, web = socket.socket(fileno=camera_fd), socket.socket(fileno=web_fd)
    if name == "relay":
        serve_relay(camera, web)
    else:
        uvloop.run(SERVERS[name](camera, web))


@contextmanager
def running(name: str) -> Iterator[tuple[int, int, int]]:
    """Start a server; yield its process id, the camera's port and the viewers' port."""
    sockets = [socket.create_server(("127.0.0.1", 0), backlog=256) for _ in range(2)]
    words = [
        sys.executable,
        "-m",
        "benchmarks.live_peers",
        name,
        *(str(s.fileno()) for s in sockets),
    ]
    process = subprocess.Popen(words, pass_fds=[s.fileno() for s in sockets])
    try:
        yield process.pid, *(s.getsockname()[1] for s in sockets)
    finally:
        process.kill()
        process.wait()
        for listener in sockets:
            listener.close()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
