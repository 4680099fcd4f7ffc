"""A load generator that costs less than any server: one process, raw sockets, one system call a picture.

It reads its orders as JSON from standard input (`Order`) and prints what happened as JSON (`Outcome`).
"""

import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.marks import MARK, MARK_BYTES

ROOT = Path(__file__).resolve().parent.parent
GIVE_UP_S = 30.0
_STORED = (200, 201, 204)
_ERRORS_SHOWN = 3


@dataclass(frozen=True)
class Order:
    """What to send where. Connections are dealt out over the urls; `per_s` 0: as fast as answers come."""

    urls: list[str]
    picture: str
    connections: int
    seconds: float
    method: str = "POST"
    headers: list[dict[str, str]] = field(default_factory=list)
    name_in_path: bool = False
    per_s: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What came of it. `generator_cpu` is the share of one core that sending took."""

    stored: int
    errors: int
    per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    generator_cpu: float
    examples: list[str]


def run(order: Order) -> Outcome:
    """Carry out the order in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.load"]
    patience_s = order.seconds + GIVE_UP_S + 10
    done = subprocess.run(
        command,
        input=json.dumps(asdict(order)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The load generator failed:\n{done.stderr[-2000:]}")
    return Outcome(**json.loads(done.stdout))


class Connection:
    """One keep-alive connection that sends a picture, waits for the answer, and then may send the next."""

    def __init__(self, url: str, order: Order, headers: dict[str, str], picture: bytes, tag: str) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._path, self._order, self._tag = parts.path, order, tag
        self._fixed = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._fixed += (
            f"Host: {parts.netloc}\r\nContent-Length: {len(picture)}\r\nContent-Type: image/jpeg\r\n"
        )
        self._body = bytearray(picture)
        self._mark = picture.index(MARK)
        self._number = 0
        self._left: list[memoryview] = []
        self._got = b""
        self.begun_s = 0.0
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        made = socket.create_connection(self.address, timeout=GIVE_UP_S)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
        return made

    def reconnect(self) -> None:
        self.socket.close()
        self.socket = self._connect()

    def begin(self, begun_s: float) -> None:
        """Start the next picture; its bytes and its name are those of no other."""
        name = f"{self._tag}-{self._number}"
        self._number += 1
        mark = (MARK + name.encode()).ljust(MARK_BYTES, b"-")
        self._body[self._mark : self._mark + MARK_BYTES] = mark[:MARK_BYTES]
        path = f"{self._path}{name}.jpg" if self._order.name_in_path else self._path
        head = f"{self._order.method} {path} HTTP/1.1\r\nName-Pic: {name}\r\n{self._fixed}\r\n"
        self._left = [memoryview(head.encode()), memoryview(self._body)]
        self._got, self.begun_s = b"", begun_s

    def send(self) -> bool:
        """Send what the socket takes; True when all is sent."""
        try:
            sent = self.socket.sendmsg(self._left)
        except BlockingIOError:
            return False
        while self._left and sent >= len(self._left[0]):
            sent -= len(self._left.pop(0))
        if self._left:
            self._left[0] = self._left[0][sent:]
        return not self._left

    def receive(self) -> tuple[int, bytes, bool] | None:
        """Return (status, answer, whether the server closes) once the answer is whole."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self._got += piece
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return None
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(body) < length:
            return None
        return int(head[9:12]), body, b"connection: close" in lines


class Generator:
    """Keeps all connections busy until the time is over, then waits for the last answers."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._times: list[float] = []
        self._errors: list[str] = []
        self._selector = selectors.DefaultSelector()
        picture, tag = Path(order.picture).read_bytes(), os.urandom(4).hex()
        headers = order.headers or [{}]
        self._idle = deque(
            Connection(
                order.urls[i % len(order.urls)], order, headers[i % len(headers)], picture, f"{tag}-{i}"
            )
            for i in range(order.connections)
        )
        self._busy: set[Connection] = set()
        self._handed_out = 0

    def run(self) -> Outcome:
        begun_s, cpu_s = time.perf_counter(), time.process_time()
        end_s = begun_s + self._order.seconds
        while self._busy or time.perf_counter() < end_s:
            now_s = time.perf_counter()
            if now_s < end_s:
                self._begin_due(begun_s, now_s)
            elif now_s > end_s + GIVE_UP_S:
                self._errors += ["no answer in time"] * len(self._busy)
                break
            for key, events in self._selector.select(self._pause_s(begun_s, now_s)):
                self._go_on(key.data, events)
        elapsed_s = max(time.perf_counter() - begun_s, 1e-9)
        return self._outcome(elapsed_s, (time.process_time() - cpu_s) / elapsed_s)

    def _due_s(self, begun_s: float) -> float:
        return begun_s + self._handed_out / self._order.per_s if self._order.per_s else 0.0

    def _begin_due(self, begun_s: float, now_s: float) -> None:
        while self._idle and (due_s := self._due_s(begun_s)) <= now_s:
            connection = self._idle.popleft()
            self._handed_out += 1
            # At a fixed pace the time counts from when the picture was due: a stalled server looks stalled.
            connection.begin(due_s or time.perf_counter())
            self._busy.add(connection)
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            self._send(connection)

    def _pause_s(self, begun_s: float, now_s: float) -> float:
        if not self._order.per_s or not self._idle:
            return 0.1
        return min(0.1, max(0.0, self._due_s(begun_s) - now_s))

    def _send(self, connection: Connection) -> None:
        try:
            wanted = selectors.EVENT_READ | (0 if connection.send() else selectors.EVENT_WRITE)
            if self._selector.get_key(connection.socket).events != wanted:
                self._selector.modify(connection.socket, wanted, connection)
        except OSError as error:
            self._fail(connection, error)

    def _go_on(self, connection: Connection, events: int) -> None:
        if events & selectors.EVENT_READ:
            try:
                answer = connection.receive()
            except OSError as error:
                self._fail(connection, error)
                return
            if answer is not None:
                self._finish(connection, *answer)
                return
        if events & selectors.EVENT_WRITE:
            self._send(connection)

    def _finish(self, connection: Connection, status: int, answer: bytes, closes: bool) -> None:
        if status in _STORED:
            self._times.append(time.perf_counter() - connection.begun_s)
        else:
            self._errors.append(f"{status} {answer[:100].decode(errors='replace')}")
        self._rest(connection, closes)

    def _fail(self, connection: Connection, error: OSError) -> None:
        self._errors.append(f"{type(error).__name__}: {error}")
        self._rest(connection, True)

    def _rest(self, connection: Connection, reconnect: bool) -> None:
        self._selector.unregister(connection.socket)
        self._busy.discard(connection)
        if reconnect:
            connection.reconnect()
        self._idle.append(connection)

    def _outcome(self, elapsed_s: float, cpu: float) -> Outcome:
        times = sorted(self._times) or [0.0]
        return Outcome(
            stored=len(self._times),
            errors=len(self._errors),
            per_s=round(len(self._times) / elapsed_s, 2),
            p50_ms=round(1000 * times[len(times) // 2], 3),
            p99_ms=round(1000 * times[int(len(times) * 0.99)], 3),
            max_ms=round(1000 * times[-1], 3),
            generator_cpu=round(cpu, 3),
            examples=self._errors[:_ERRORS_SHOWN],
        )


if __name__ == "__main__":
    print(json.dumps(asdict(Generator(Order(**json.load(sys.stdin))).run())))
