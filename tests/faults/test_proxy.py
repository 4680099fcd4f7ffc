"""The fault proxy itself: a test tool that does not do what it says would let everything pass."""

import asyncio
import time

import pytest

from tests.faults.proxy import FaultProxy


async def talk(proxy_settings: dict, message: bytes = b"x" * 10_000) -> tuple[bytes, float]:
    """Send a message to an echo server through the proxy; return what came back and after how long."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with FaultProxy(*server.sockets[0].getsockname()) as proxy:
        for name, value in proxy_settings.items():
            setattr(proxy, name, value)
        begun = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(message)
        writer.write_eof()
        try:
            async with asyncio.timeout(2):
                return await reader.read(), time.monotonic() - begun
        finally:
            writer.close()
            server.close()


async def test_without_a_fault_everything_comes_through():
    assert (await talk({}))[0] == b"x" * 10_000


async def test_it_cuts_after_so_many_bytes():
    assert (await talk({"cut_after_bytes": 5000}))[0] == b""


async def test_it_cuts_the_answer_after_so_many_bytes():
    assert len((await talk({"cut_answer_after_bytes": 5000}))[0]) == 5000


async def test_it_resets():
    with pytest.raises(ConnectionResetError):
        await talk({"cut_after_bytes": 5000, "cut_by_reset": True})


async def test_it_is_late():
    assert (await talk({"latency_s": 0.1}, b"short"))[1] > 0.2


async def test_it_is_slow():
    assert (await talk({"rate_bytes_s": 20_000}))[1] > 0.4


async def test_in_a_black_hole_nothing_comes_back():
    with pytest.raises(TimeoutError):
        await talk({"black_hole": True})
