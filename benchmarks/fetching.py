"""Devices that fetch, in one process: each address once, over a connection of its own, coming again after a 503.

It reads its orders as JSON from standard input (`Order`) and prints what happened as JSON (`Outcome`).
"""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import uvloop

from benchmarks.load import ROOT

GIVE_UP_S = 300.0
_ERRORS_SHOWN = 3


@dataclass(frozen=True)
class Order:
    """What to fetch, and by how many devices at once. They come evenly within `over_s` seconds, with 0 all in one moment."""

    urls: list[str]
    connections: int
    over_s: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What came of it. `refused` counts the answers that said to come again."""

    fetched: int
    fetched_bytes: int
    refused: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float
    examples: list[str]


def run(order: Order) -> Outcome:
    """Carry out the order in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fetching"],
        input=json.dumps(asdict(order)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=GIVE_UP_S + 10,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The devices failed:\n{done.stderr[-2000:]}")
    return Outcome(**json.loads(done.stdout))


class Download(asyncio.Protocol):
    """One request; `done` becomes (status, bytes of the body, seconds to wait)."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._head = b""
        self._got_bytes = self._length_bytes = 0
        self._status = self._wait_s = 0
        self.done: asyncio.Future[tuple[int, int, int]] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        if not self._status:
            self._head += data
            head, found, body = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            lines = head.lower().split(b"\r\n")
            self._status, data = int(head[9:12]), body
            self._length_bytes = next((int(ln[15:]) for ln in lines if ln.startswith(b"content-length:")), 0)
            self._wait_s = next((int(ln[12:]) for ln in lines if ln.startswith(b"retry-after:")), 0)
        self._got_bytes += len(data)
        if self._got_bytes >= self._length_bytes and not self.done.done():
            self.done.set_result((self._status, self._got_bytes, self._wait_s))
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))


class Devices:
    """Fetches all addresses, so many at once."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._times: list[float] = []
        self._errors: list[str] = []
        self._bytes = self._refused = 0

    async def run(self) -> Outcome:
        self._begun_s = begun_s = time.perf_counter()
        async with asyncio.timeout(GIVE_UP_S):
            await asyncio.gather(*(self._fetch_all(i) for i in range(self._order.connections)))
        times = sorted(self._times) or [0.0]
        return Outcome(
            fetched=len(self._times),
            fetched_bytes=self._bytes,
            refused=self._refused,
            errors=len(self._errors),
            seconds=round(time.perf_counter() - begun_s, 3),
            p50_ms=round(1000 * times[len(times) // 2], 3),
            p99_ms=round(1000 * times[int(len(times) * 0.99)], 3),
            examples=self._errors[:_ERRORS_SHOWN],
        )

    async def _fetch_all(self, lane: int) -> None:
        count, lanes = len(self._order.urls), self._order.connections
        for number in range(lane, count, lanes):
            await self._wait_until(number / count * self._order.over_s)
            url = self._order.urls[number]
            try:
                await self._fetch(url)
            except OSError as error:
                self._errors.append(f"{type(error).__name__}: {error}")

    async def _wait_until(self, due_s: float) -> None:
        if due_s:
            await asyncio.sleep(self._begun_s + due_s - time.perf_counter())

    async def _fetch(self, url: str) -> None:
        parts = urlsplit(url)
        while True:
            begun_s = time.perf_counter()
            _transport, download = await asyncio.get_running_loop().create_connection(
                lambda: Download(parts.path), parts.hostname, parts.port
            )
            status, got_bytes, wait_s = await download.done
            if status != 503:
                break
            self._refused += 1
            await asyncio.sleep(wait_s)
        if status == 200:
            self._times.append(time.perf_counter() - begun_s)
            self._bytes += got_bytes
        else:
            self._errors.append(f"{status} {url}")


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(Devices(Order(**json.load(sys.stdin))).run()))))
