"""Measure live view: one camera over TCP, many browsers, against two peers that speak the same wires.

    python -m benchmarks.live_view [--long] [--json FILE]

    photohub    the stream door and the live picture behind uvicorn
    fan-out     the least that can be done in asyncio: every frame is written to every viewer as it comes; no
                identity, no rights, no notices, and a viewer that does not read grows the process
    relay       the published relay's behaviour: a thread per viewer reads the camera's one socket, so frames
                are read only while somebody looks and each goes to one viewer (a lock keeps them whole here)

Server, camera and viewers share the machine; CPU is that of the server process alone.
"""

import argparse
import asyncio
import json
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import uvicorn
import uvloop

from media_pipeline.doors.mjpeg import MjpegDoor, Verdict
from media_pipeline.doors.stream import StreamClaim, StreamDoor
from media_pipeline.live import LatestFrames
from photohub.lib.http_guard import GuardedHttp
from simulators.scenes import Scene, Still

FRAME_BYTES = 55_000
_HEAD = (
    b"HTTP/1.0 200 OK\r\nAge: 0\r\nCache-Control: no-cache, private\r\nPragma: no-cache\r\n"
    b"Content-Type: multipart/x-mixed-replace; boundary=FRAME\r\n\r\n"
)
_PART = b"--FRAME\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
_WARM_UP_S = 1.0


@dataclass(frozen=True)
class Load:
    """How many look, at how many frames a second; `stopped` are viewers that never read."""

    viewers: int
    fps: float
    stopped: int = 0


@dataclass(frozen=True)
class Result:
    """What one server did under one load. `delivered_share` is 1 when every viewer got every frame."""

    server: str
    viewers: int
    fps: float
    stopped: int
    sent: int
    delivered: int
    delivered_share: float
    cpu_us_per_frame: float
    age_p50_ms: float
    age_p99_ms: float
    rss_mb: float


SHORT = (Load(1, 10), Load(10, 10))
LONG = (Load(1, 10), Load(10, 10), Load(50, 10), Load(10, 24), Load(10, 10, stopped=1))


# --- the servers, each in a process of its own


async def serve_photohub(camera: socket.socket, web: socket.socket) -> None:
    """Run the doors as the hub does, with everybody allowed."""
    frames = LatestFrames()

    async def identify(_claim: StreamClaim) -> str:
        return "porch"

    async def authorise(_scope: dict, _code: str | None) -> Verdict:
        return Verdict(200, "porch")

    door = StreamDoor(identify, lambda code, jpeg, _address: frames.put(code, jpeg))
    await door.start_on(camera)
    config = uvicorn.Config(
        MjpegDoor(frames, authorise), log_config=None, lifespan="off", http=GuardedHttp, access_log=False
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
    reading = threading.Lock()

    def show(viewer: socket.socket) -> None:
        viewer.recv(4096)
        try:
            viewer.sendall(_HEAD)
            while True:
                with reading:
                    (size,) = struct.unpack(">I", source.read(4))
                    picture = source.read(size)
                viewer.sendall(_PART % (size, picture))
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
        "benchmarks.live_view",
        "--serve",
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


# --- camera and viewers


class Counting:
    """What the viewers got while `open`."""

    def __init__(self) -> None:
        self.open = False
        self.sent = 0
        self.ages_s: list[float] = []


async def film(port: int, fps: float, still: Still, counting: Counting) -> None:
    """Send frames that carry their number and the time at which they were sent."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    number, due_s = 0, time.monotonic()
    while True:
        picture = still.jpeg(time.monotonic(), number)
        writer.write(struct.pack(">I", len(picture)) + picture)
        await writer.drain()
        counting.sent += counting.open
        number, due_s = number + 1, due_s + 1 / fps
        await asyncio.sleep(due_s - time.monotonic())


async def look(port: int, counting: Counting) -> None:
    """Read parts and note how old each frame is on arrival."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    writer.write(b"GET /stream.mjpg HTTP/1.0\r\nHost: hub\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        picture = await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
        if counting.open and picture[2:4] == b"\xff\xfe":
            words = picture[6 : 6 + 60].split(b"\xff")[0].split()
            counting.ages_s.append(time.monotonic() - float(words[3]))


async def stand_still(port: int) -> None:
    """Ask for the live picture and never read it."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"GET /stream.mjpg HTTP/1.0\r\nHost: hub\r\n\r\n")
    try:
        await asyncio.Event().wait()
    finally:
        connection.close()


async def load(
    pid: int, camera_port: int, web_port: int, wanted: Load, seconds: float
) -> tuple[Counting, float]:
    """Run camera and viewers; return what was counted, and the server's CPU seconds meanwhile."""
    counting, still = Counting(), make_picture()
    work = [film(camera_port, wanted.fps, still, counting)]
    work += [look(web_port, counting) for _ in range(wanted.viewers)]
    work += [stand_still(web_port) for _ in range(wanted.stopped)]
    tasks = [asyncio.create_task(one) for one in work]
    await asyncio.sleep(_WARM_UP_S)
    counting.open, cpu_s = True, cpu_of(pid)
    await asyncio.sleep(seconds)
    counting.open, cpu_s = False, cpu_of(pid) - cpu_s
    broken = [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in broken:
        task.result()
    return counting, cpu_s


def make_picture() -> Still:
    """Return a picture of about 55 kB."""
    best = min(
        (
            Scene("harbour", width=800, height=600, quality=quality).jpeg(1_700_000_000, 1)
            for quality in range(60, 96, 5)
        ),
        key=lambda data: abs(len(data) - FRAME_BYTES),
    )
    return Still(best)


def cpu_of(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    # A thread's schedstat begins with nanoseconds; /proc/<pid>/stat counts in hundredths of a second.
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def rss_of(pid: int) -> float:
    """Return a process's memory in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


def measure(name: str, wanted: Load, seconds: float) -> Result:
    """Run one server under one load."""
    with running(name) as (pid, camera_port, web_port):
        counting, cpu_s = uvloop.run(load(pid, camera_port, web_port, wanted, seconds))
        rss_mb = rss_of(pid)
    ages = sorted(counting.ages_s) or [float("nan")]
    delivered = len(counting.ages_s)
    return Result(
        server=name,
        **asdict(wanted),
        sent=counting.sent,
        delivered=delivered,
        delivered_share=round(delivered / max(1, counting.sent * wanted.viewers), 3),
        cpu_us_per_frame=round(cpu_s * 1e6 / max(1, delivered), 1),
        age_p50_ms=round(statistics.median(ages) * 1000, 2),
        age_p99_ms=round(ages[min(len(ages) - 1, int(len(ages) * 0.99))] * 1000, 2),
        rss_mb=round(rss_mb, 1),
    )


def median_of(results: list[Result]) -> Result:
    """Return the result in the middle by CPU per frame."""
    return sorted(results, key=lambda result: result.cpu_us_per_frame)[len(results) // 2]


def table(results: list[Result]) -> str:
    """Return the results as lines of text."""
    lines = ["server     viewers  fps  stopped  delivered  share  CPU µs/frame  age p50 ms  p99 ms  RSS MB"]
    for r in results:
        lines.append(
            f"{r.server:<10} {r.viewers:>7} {r.fps:>4g} {r.stopped:>8} {r.delivered:>10}"
            f" {r.delivered_share:>6.3f} {r.cpu_us_per_frame:>13.1f} {r.age_p50_ms:>11.2f}"
            f" {r.age_p99_ms:>7.2f} {r.rss_mb:>7.1f}"
        )
    return "\n".join(lines)


def run(loads: tuple[Load, ...], rounds: int, seconds: float) -> list[Result]:
    """Measure every server under every load, in turns, and return the medians."""
    results = []
    for wanted in loads:
        tries: dict[str, list[Result]] = {name: [] for name in SERVERS}
        for _ in range(rounds):
            for name, found in tries.items():
                found.append(measure(name, wanted, seconds))
        results += [median_of(found) for found in tries.values()]
    return results


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--long", action="store_true", help="more loads, 3 rounds of 20 s, instead of 1 of 5 s"
    )
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument("--serve", nargs=3, metavar=("NAME", "FD", "FD"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve[0], int(options.serve[1]), int(options.serve[2]))
        return 0
    results = run(LONG, 3, 20.0) if options.long else run(SHORT, 1, 5.0)
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
