"""Live view: one camera over TCP and 1 to 200 viewers, beside the barest fan-out and the published relay.

Server, camera and viewers share the machine; CPU is that of the server process alone. The ratio is to the bare
fan-out of the same round.
"""

import asyncio
import socket
import statistics
import struct
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.live_peers import running
from benchmarks.measuring import alternate, median, ratio, spread, table
from simulators.scenes import Scene, Still

FRAME_BYTES = 55_000
BASE = "fan-out"
_WARM_UP_S = 1.0
_END = b"\xff\xd9"


@dataclass(frozen=True)
class Load:
    """How many look, at how many frames a second; `stopped` are viewers that never read."""

    viewers: int
    fps: float = 10.0
    stopped: int = 0
    servers: tuple[str, ...] = ("photohub", BASE)


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    loads: tuple[Load, ...]
    rounds: int
    seconds: float


@dataclass(frozen=True)
class Result:
    """What one server did under one load. `delivered_share` is 1 when every viewer got every frame."""

    sent: int
    delivered: int
    broken: int
    delivered_share: float
    per_s: float
    cpu_ms_per_s: float
    cpu_us_per_frame: float
    age_p50_ms: float
    age_p99_ms: float
    rss_mb: float


_EVERYBODY = ("photohub", BASE, "relay")
_LOADS = (Load(0), Load(1, servers=_EVERYBODY), Load(2, servers=_EVERYBODY), Load(10), Load(50), Load(200))
TINY = Size((Load(2, 20.0, servers=_EVERYBODY),), 1, 1.0)
SHORT = Size((*_LOADS, Load(10, stopped=10)), 5, 5.0)
LONG = Size((*_LOADS, Load(10, stopped=10), Load(10, 24.0)), 9, 15.0)


class Counting:
    """What the viewers got while `open`."""

    def __init__(self) -> None:
        self.open = False
        self.sent = 0
        self.broken = 0
        self.ages_s: list[float] = []

    def take(self, picture: bytes, before: float) -> float:
        """Note how old a frame is on arrival, or that it is none; returns when it was sent, as `before` of the next."""
        if picture[2:4] != b"\xff\xfe" or not picture.endswith(_END):
            self.broken += self.open
            return before
        sent_s = float(picture[6 : 6 + 60].split(b"\xff")[0].split()[3])
        # A picture that no other follows soon is sent twice; it was shown when it came first.
        if self.open and sent_s > before:
            self.ages_s.append(time.monotonic() - sent_s)
        return sent_s


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
    """Read parts as a browser does, whether or not they come in chunks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    writer.write(b"GET /stream.mjpg HTTP/1.1\r\nHost: hub\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    sent_s = 0.0
    while True:
        # The head of a chunk stands before it, and an empty line may be the end of one.
        head = b""
        while b"Content-Length: " not in head:
            head = await reader.readuntil(b"\r\n\r\n")
        picture = await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
        sent_s = counting.take(picture, sent_s)


async def stand_still(port: int) -> None:
    """Ask for the live picture and never read it."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: hub\r\n\r\n")
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


@cache
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
        sent=counting.sent,
        delivered=delivered,
        broken=counting.broken,
        delivered_share=round(delivered / max(1, counting.sent * wanted.viewers), 3),
        per_s=round(delivered / seconds, 2),
        cpu_ms_per_s=round(cpu_s * 1000 / seconds, 3),
        cpu_us_per_frame=round(cpu_s * 1e6 / max(1, delivered), 1),
        age_p50_ms=round(statistics.median(ages) * 1000, 2),
        age_p99_ms=round(ages[min(len(ages) - 1, int(len(ages) * 0.99))] * 1000, 2),
        rss_mb=round(rss_mb, 1),
    )


def run(size: Size) -> dict[str, Any]:
    """Measure every server under every load, in turns. Returns {"cells": [...]}."""
    cells, unwatched = [], {}
    for wanted in size.loads:
        found = alternate(size.rounds, wanted.servers, lambda name, w=wanted: measure(name, w, size.seconds))
        base = [result.cpu_us_per_frame for result in found[BASE]]
        if not wanted.viewers:
            unwatched = {name: median(r.cpu_ms_per_s for r in results) for name, results in found.items()}
        cells += [_cell(name, wanted, results, base, unwatched) for name, results in found.items()]
    return {"cells": cells}


def _cell(
    name: str, wanted: Load, results: list[Result], base: list[float], unwatched: dict[str, float]
) -> dict[str, Any]:
    cpu = [result.cpu_us_per_frame for result in results]
    figures = {key: median(asdict(r)[key] for r in results) for key in asdict(results[0])}
    return {
        "server": name,
        "viewers": wanted.viewers,
        "fps": wanted.fps,
        "stopped": wanted.stopped,
        **figures,
        # What a viewer adds to a camera that is received anyway, for each frame.
        "added_us": median(
            (r.cpu_ms_per_s - unwatched.get(name, 0.0)) * 1000 / max(r.per_s, 1e-9) for r in results
        )
        if wanted.viewers
        else 0.0,
        "ratio": ratio(cpu, base),
        "spread": spread(cpu),
        "rounds": [asdict(result) for result in results],
    }


def report(result: dict[str, Any]) -> str:
    """Return the result as a table."""
    head = (
        "viewers",
        "frames/s",
        "server",
        "frames shown",
        "broken",
        "CPU ms/s",
        "CPU µs/frame",
        "ratio",
        "spread",
    )
    rows = (
        (
            f"{c['viewers']}" + (f" and {c['stopped']} stopped" if c["stopped"] else ""),
            f"{c['fps']:g}",
            c["server"],
            f"{c['delivered_share']:.1%}" if c["viewers"] else "",
            f"{c['broken']:.0f}",
            c["cpu_ms_per_s"],
            c["cpu_us_per_frame"] if c["delivered"] else "",
            c["ratio"] if c["delivered"] else "",
            f"{c['spread']:.0%}",
            c["added_us"] if c["delivered"] else "",
            c["age_p50_ms"] if c["delivered"] else "",
            c["age_p99_ms"] if c["delivered"] else "",
            c["rss_mb"],
        )
        for c in result["cells"]
    )
    return table((*head, "added µs/frame", "age p50 ms", "age p99 ms", "memory MB"), rows)
