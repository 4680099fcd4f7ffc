"""Whether viewers that stopped (SIGSTOP) cost uploads or memory: the embedded hub, with a camera that streams.

What is stopped runs in a process of its own: `python -m benchmarks.stopped_viewers look HTTP_PORT TOKEN COUNT`;
so does the camera: `… film STREAM_PORT CODE KEY`.
"""

import asyncio
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.live_view import make_picture as make_frame
from benchmarks.measuring import alternate, median, ratio, table
from benchmarks.memory import resident_mb
from benchmarks.pictures import make_picture
from benchmarks.servers import embedded_server
from simulators.raspberry_pi import RaspberryPi, RaspberryPiConfig
from tests.hub_process import HubProcess, running_hub

_CODE = "lane"
_OWNER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "correct horse 9"}
# As long as the hub lets a viewer stall, less what it takes to start.
_TURN_AT_MOST_S = 7.0
_BUFFERS_FILL_S = 1.0


@dataclass(frozen=True)
class Size:
    viewers: int
    rounds: int
    seconds: float
    picture_bytes: int = 55_000


TINY = Size(3, 1, 0.3, 4_000)
SHORT = Size(50, 5, 5.0)
LONG = Size(50, 9, _TURN_AT_MOST_S)


def run(size: Size) -> dict[str, Any]:
    """Measure uploads while nobody looks, while viewers read, and while as many stand still."""
    with running_hub(env=_OWNER) as hub, tempfile.TemporaryDirectory() as folder:
        made = hub.add_device(_CODE, "raspberry-pi")
        token = hub.run("api_token", "ada").strip()
        picture = Path(folder) / "picture.jpg"
        picture.write_bytes(make_picture(size.picture_bytes))
        order = embedded_server("hub", hub, [made]).order(picture, 4, size.seconds, per_s=30.0)

        def measure(who: str) -> dict[str, Any]:
            with looking(hub, token, who, size.viewers):
                outcome = load.run(order)
                return {**asdict(outcome), "memory_mb": resident_mb(hub.pid)}

        with camera(hub, made):
            measure("read")  # Memory that the first viewers take stays: it is not the stopped ones' cost.
            found = alternate(size.rounds, ("nobody", "read", "stopped"), measure)
    return {"viewers": size.viewers, "cells": [_cell(who, rounds, found) for who, rounds in found.items()]}


def _cell(who: str, rounds: list[dict[str, Any]], found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    p99_ms, base = ([r["p99_ms"] for r in of] for of in (rounds, found["nobody"]))
    return {
        "who": who,
        "p50_ms": median(r["p50_ms"] for r in rounds),
        "p99_ms": median(p99_ms),
        "ratio": ratio(p99_ms, base),
        "errors": sum(r["errors"] for r in rounds),
        "memory_mb": median(r["memory_mb"] for r in rounds),
        "rounds": rounds,
    }


@contextlib.contextmanager
def helper(*words: str) -> Iterator[subprocess.Popen]:
    """Run one of this module's other parts until the end of the block; it says when it is ready."""
    command = [sys.executable, "-m", "benchmarks.stopped_viewers", *words]
    with subprocess.Popen(command, cwd=load.ROOT, stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is None or not process.stdout.readline():
                raise RuntimeError(f"{' '.join(words[:1])} did not begin.")
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def camera(hub: HubProcess, made: dict[str, str]) -> Iterator[None]:
    """Stream from a camera."""
    with helper("film", str(hub.stream_port), made["code"], made["key"]):
        yield


@contextlib.contextmanager
def looking(hub: HubProcess, token: str, who: str, count: int) -> Iterator[None]:
    """Let viewers look, or stand still after they have begun."""
    if who == "nobody":
        yield
        return
    with helper("look", str(hub.http_port), token, str(count)) as viewers:
        if who == "stopped":
            viewers.send_signal(signal.SIGSTOP)
            time.sleep(_BUFFERS_FILL_S)
        yield


async def film(port: int, code: str, key: str) -> None:
    """Send ten frames a second."""
    config = RaspberryPiConfig(port=port, code=code, key=key, fps=10.0)
    print("ready", flush=True)
    await RaspberryPi(config, make_frame()).run()


async def look(port: int, token: str, count: int) -> None:
    """Look at the camera with so many connections, and read what comes."""
    request = f"GET /devices/{_CODE}/stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}"
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    for reader, writer in connections:
        writer.write(f"{request}\r\n\r\n".encode())
        if b" 200 " not in await reader.readline():
            raise RuntimeError("A viewer was not let in.")
    print("ready", flush=True)
    await asyncio.gather(*(_read(reader) for reader, _writer in connections))


async def _read(reader: asyncio.StreamReader) -> None:
    while await reader.read(2**18):
        pass


def report(result: dict[str, Any]) -> str:
    """Return the result as a table."""
    names = {"nobody": "nobody looks", "read": "{} viewers read", "stopped": "{} viewers are stopped"}
    rows = (
        (
            names[c["who"]].format(result["viewers"]),
            c["p50_ms"],
            c["p99_ms"],
            c["ratio"],
            c["errors"],
            f"{c['memory_mb']:.0f}",
        )
        for c in result["cells"]
    )
    head = ("30 uploads/s while a camera streams and", "p50 ms", "p99 ms", "p99 ratio", "errors", "memory MB")
    return table(head, rows)


if __name__ == "__main__":
    kind, *words = sys.argv[1:]
    if kind == "film":
        asyncio.run(film(int(words[0]), words[1], words[2]))
    else:
        asyncio.run(look(int(words[0]), words[1], int(words[2])))
