"""A client that keeps a ledger: which upload was answered yes, no or not at all, to compare with the hub.

ok        code 0 came: the picture must be stored, whatever happens afterwards
no        an error came, or the connection never stood: it must not be stored
unknown   the connection ended first: it may be stored, and sent again it must be stored exactly once

A 503 counts as unknown where `unsure` says so: behind a proxy, or when a database goes away during the commit, nobody
who could answer knows.
"""

import asyncio
import contextlib
import hashlib
import io
import itertools
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

ANSWER_WITHIN_S = 12.0


@dataclass
class Entry:
    """One upload and what became of it."""

    name: str
    data: bytes
    outcome: str = "unknown"
    status: int = 0
    answer: dict = field(default_factory=dict)
    took_s: float = 0.0
    sha256: str = ""

    def __post_init__(self) -> None:
        self.sha256 = hashlib.sha256(self.data).hexdigest()


def make_picture(size_bytes: int = 20_000) -> bytes:
    """Return a valid JPEG of about this size, whose bytes no other has (in its comment segments)."""
    comments = b""
    while len(comments) < size_bytes - len(_PLAIN):
        text = os.urandom(min(60_000, max(16, size_bytes - len(_PLAIN) - len(comments))))
        comments += b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    return _PLAIN[:2] + comments + _PLAIN[2:]


def _plain_jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "seagreen").save(out, "JPEG")
    return out.getvalue()


_PLAIN = _plain_jpeg()


class Ledger:
    """One camera's client. `send` uploads one picture; `load` sends all the time from a thread of its own."""

    def __init__(self, url: str, key: str, prefix: str = "picture", unsure: bool = False) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.key = key
        self.keeps_data = True
        self.unsure = unsure
        self.entries: list[Entry] = []
        self._names = (f"{prefix}-{number}" for number in itertools.count())

    def head(self, entry: Entry, length: int | None = None, **headers: str) -> bytes:
        """Return the request's head; `length` lies about the body's size."""
        lines = [
            "POST /api/upload HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            f"Authorization: Bearer {self.key}",
        ]
        lines += [
            f"Name-Pic: {entry.name}",
            f"Content-Length: {len(entry.data) if length is None else length}",
        ]
        lines += [
            "Connection: close",
            *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    def new_entry(self, size_bytes: int = 20_000) -> Entry:
        entry = Entry(next(self._names), make_picture(size_bytes))
        self.entries.append(entry)
        return entry

    async def send(self, entry: Entry, port: int | None = None) -> Entry:
        """Upload it, through another port when given, and note the outcome. Never raises."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                reader, writer = await asyncio.open_connection(self.host, port or self.port)
        except (OSError, TimeoutError):
            entry.outcome = "no"
            return entry
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                writer.write(self.head(entry) + entry.data)
                raw = await reader.read()
            note_answer(entry, raw)
            if self.unsure and entry.status == 503:
                entry.outcome = "unknown"
        except (OSError, TimeoutError):
            entry.outcome = "unknown"
        finally:
            entry.took_s = time.monotonic() - begun
            writer.close()
        return entry

    def send_now(self, *entries: Entry) -> list[Entry]:
        """Send these at once from a plain test."""
        return self.send_now_through([self.port], *entries)

    def send_now_through(self, ports: list[int], *entries: Entry) -> list[Entry]:
        """Send these at once, through one port after the other."""

        async def all_of_them() -> list[Entry]:
            pairs = zip(entries, itertools.cycle(ports), strict=False)
            return list(await asyncio.gather(*(self.send(entry, port) for entry, port in pairs)))

        return asyncio.run(all_of_them())

    @contextlib.contextmanager
    def load(self, senders: int = 6, size_bytes: int = 20_000, per_second: float = 0) -> Iterator["Ledger"]:
        """Send pictures without a pause, or so many a second, while the block runs."""
        stopped = threading.Event()
        thread = threading.Thread(
            target=lambda: asyncio.run(self._load(stopped, senders, size_bytes, per_second))
        )
        thread.start()
        try:
            yield self
        finally:
            stopped.set()
            thread.join()

    async def _load(self, stopped: threading.Event, senders: int, size_bytes: int, per_second: float) -> None:
        begun, turns = time.monotonic(), itertools.count()

        async def sender() -> None:
            while not stopped.is_set():
                if per_second:
                    await asyncio.sleep(max(0.0, begun + next(turns) / per_second - time.monotonic()))
                entry = await self.send(self.new_entry(size_bytes))
                if not self.keeps_data and entry.outcome != "unknown":
                    entry.data = b""
                if entry.outcome != "ok":
                    await asyncio.sleep(0.05)

        await asyncio.gather(*(sender() for _ in range(senders)))

    def wait_for(self, count: int, outcome: str = "ok", within_s: float = 20.0) -> None:
        """Wait until so many uploads ended like this, counted from now."""
        wanted = self.count(outcome) + count
        deadline = time.monotonic() + within_s
        while self.count(outcome) < wanted:
            assert time.monotonic() < deadline, (
                f"Only {self.count(outcome)} of {wanted} uploads were {outcome}."
            )
            time.sleep(0.02)

    def count(self, outcome: str) -> int:
        return sum(entry.outcome == outcome for entry in self.entries)

    def p99_s(self, since: int = 0) -> float:
        """Return the 99th percentile of the answers' times, from this entry on."""
        times = sorted(entry.took_s for entry in self.entries[since:] if entry.outcome == "ok")
        return times[min(len(times) - 1, int(len(times) * 0.99))]

    def replay_unknown(self) -> None:
        """Send everything again that got no answer; now each must be answered yes."""
        for entry in [e for e in self.entries if e.outcome == "unknown"]:
            assert self.send_now(entry)[0].outcome == "ok", (
                f"{entry.name}, sent again, was answered {entry.answer}."
            )


def note_answer(entry: Entry, raw: bytes) -> None:
    """Read the raw HTTP answer into the entry: only a whole one counts."""
    head, _, body = raw.partition(b"\r\n\r\n")
    try:
        entry.status = int(head.split()[1])
        entry.answer = json.loads(body)
        entry.outcome = "ok" if entry.answer["code"] == 0 else "no"
    except (IndexError, ValueError, KeyError):
        entry.outcome = "unknown"


def compare(ledger: Ledger, rows: list, pictures: Path) -> list[Path]:
    """Assert that what is stored is what was answered. Returns the files that no row names.

    `rows` are captures with `id`, `name`, `sha256` and `path`; `pictures` is the folder of the files.
    """
    compare_at(ledger, rows, lambda row: pictures / row["path"])
    named = {pictures / row["path"] for row in rows}
    return [path for path in pictures.rglob("*") if path.is_file() and path not in named]


def compare_at(ledger: Ledger, rows: list, path_of: Callable[[Any], Path]) -> None:
    """Assert that what is stored is what was answered, where the files lie as `path_of(row)` says."""
    stored = {row["name"]: row for row in rows}
    twice = [name for name, count in Counter(row["name"] for row in rows).items() if count > 1]
    assert not twice, f"Stored twice: {twice}"
    for row in rows:
        data = path_of(row).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"], (
            f"{row['name']} has other bytes on the disk."
        )
    for entry in ledger.entries:
        row = stored.get(entry.name)
        if entry.outcome == "ok":
            assert row, f"{entry.name} was answered code 0 and is lost."
            assert row["sha256"] == entry.sha256, f"{entry.name} was stored with other bytes."
            # Over MQTT the answer names no picture.
            assert str(row["id"]).replace("-", "") == entry.answer.get("id", str(row["id"])).replace("-", "")
        elif entry.outcome == "no":
            assert not row, f"{entry.name} was answered {entry.answer} and is stored."
