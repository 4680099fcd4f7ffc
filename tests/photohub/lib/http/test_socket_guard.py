"""WebSockets of strangers: what they cost is bounded, whatever they send."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from photohub.lib.http import socket_guard
from photohub.lib.http.socket_guard import GuardedWebSocket
from photohub.lib.log.throttling import Seldom
from tests.waiting import until

HELLO = (
    "GET %s HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def echo(scope: dict, receive, send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": b"%d" % len(message["bytes"])})


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    config = uvicorn.Config(
        echo, port=0, lifespan="off", log_config=None, ws=GuardedWebSocket, ws_max_size=2**24
    )
    server = uvicorn.Server(config)
    server.config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.force_exit = True
        await server.shutdown()


async def connect(port: int, path: str = "/mqtt") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((HELLO % path).encode())
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def frame(payload: bytes, *, kind: int = 2, fin: bool = True, missing: int = 0) -> bytes:
    """Return a frame whose mask changes nothing; `missing` bytes of it are left out."""
    head = bytes([kind | fin << 7, 0x80 | 127]) + len(payload).to_bytes(8, "big") + bytes(4)
    return head + payload[: len(payload) - missing]


def running(name: str) -> list[asyncio.Task]:
    return [task for task in asyncio.all_tasks() if task.get_coro().__name__ == name]


async def is_cut_off(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(10):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def test_a_whole_picture_passes_where_pictures_come():
    async with serving() as port:
        reader, writer = await connect(port)
        for _ in range(3):
            writer.write(frame(bytes(4 * 2**20)))
            assert (await reader.readexactly(9))[2:] == b"4194304"
        writer.transport.abort()


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/ws/live/", frame(bytes(2**20), missing=1)),
        ("/ws/live/", frame(b"", fin=False) + frame(bytes(2000), kind=0, fin=False) * 100),
        ("/mqtt", frame(b"", fin=False) + frame(b"", kind=0, fin=False) * 2000),
    ],
)
async def test_a_message_that_is_too_much_before_it_is_whole_is_cut_off(monkeypatch, path: str, sent: bytes):
    told = []
    monkeypatch.setattr(socket_guard, "_said", Seldom())
    monkeypatch.setattr(socket_guard, "_tell", lambda *words: told.append(words))
    async with serving() as port:
        reader, writer = await connect(port, path)
        writer.write(sent)
        assert await is_cut_off(reader)
    why = "pieces" if b"\0" * 2000 not in sent and path == "/mqtt" else "large"
    assert told == [(why, path, 1)]


async def test_all_that_is_not_whole_has_one_bound(monkeypatch):
    monkeypatch.setattr(socket_guard, "HELD_AT_MOST_BYTES", 3 * 2**20)
    async with serving() as port:
        (first, one), (second, two) = await connect(port), await connect(port)
        one.write(frame(bytes(2**20), missing=1))
        two.write(frame(bytes(3 * 2**20), missing=1))
        assert await is_cut_off(second)
        one.write(b"\0")
        assert (await first.readexactly(9))[2:] == b"1048576"
        one.transport.abort()


async def test_who_asks_and_never_reads_is_not_read_either():
    async with serving() as port:
        _reader, writer = await connect(port)
        (served,) = [task.get_coro().cr_frame.f_locals["self"] for task in running("run_asgi")]
        # More than the buffers of both systems take.
        writer.write(frame(os.urandom(100), kind=9) * 200_000)
        await until(lambda: not served.transport.is_reading(), 60)
        assert served.transport.get_write_buffer_size() < 2**20
        writer.transport.abort()
