"""A tiny hub on real sockets: keeps every request and gives the answers it was told to give."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

STORED = b'{"code":0,"des":"uploadup ok","url":"aHR0cDovL2h1Yi9wL2FiYw==","id":"1"}'


@dataclass
class Request:
    """One request as it came over the wire; header names as they were sent."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeHub:
    """Answer each request with the next of `answers`, and for ever with the last one."""

    answers: list[bytes]
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers["Content-Length"]))
            self.requests.append(Request(head[0], headers, body))
            reply = self.answers[min(len(self.requests), len(self.answers)) - 1]
            writer.write(reply)
            # An empty answer is silence: the connection stays open until the device gives up.
            await (writer.drain() if reply else reader.read())
        except (asyncio.IncompleteReadError, ConnectionError):
            self.requests.append(Request("broken", {}, b""))
        finally:
            writer.close()


def answer(body: bytes = STORED, status: str = "200 OK", *headers: str) -> bytes:
    """Return a whole HTTP answer with its Content-Length."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def fake_hub(*answers: bytes) -> AsyncIterator[FakeHub]:
    """Serve a hub on a free port."""
    hub = FakeHub(list(answers) or [answer()])
    server = await asyncio.start_server(hub.serve, "127.0.0.1", 0)
    hub.port = server.sockets[0].getsockname()[1]
    try:
        yield hub
    finally:
        server.close()
        await server.wait_closed()


async def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Wait until the condition holds; fail after the deadline."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
