"""A TCP proxy that misbehaves like a bad network: late, slow, cut, reset, or silent.

    async with FaultProxy("127.0.0.1", hub.http_port) as proxy:
        proxy.cut_after_bytes = 5000        # towards the server, then both sides are closed
        await ledger.send(entry, port=proxy.port)

The settings hold for connections that are opened afterwards, `black_hole` and `latency_s` at once for all.
"""

import asyncio
import contextlib
import socket
import struct
import time
from dataclasses import dataclass

_PIECE_BYTES = 4096


@dataclass(eq=False)
class _Pair:
    """The two connections of one client: to it and to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter

    def close(self) -> None:
        self.client.close()
        self.server.close()

    def reset(self) -> None:
        """End both with RST instead of FIN, as a cable does that is pulled and plugged in again."""
        for writer in (self.client, self.server):
            raw = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class FaultProxy:
    """Listens on a free port of 127.0.0.1 and passes everything on, with the faults that are set."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task] = set()
        self.port = 0
        self.connections = 0
        self.latency_s = 0.0
        self.rate_bytes_s = 0
        self.cut_after_bytes: int | None = None
        self.cut_answer_after_bytes: int | None = None
        self.cut_by_reset = False
        self._open = asyncio.Event()
        self._open.set()

    @property
    def black_hole(self) -> bool:
        """Whether bytes go in and nothing comes out, while every connection stays."""
        return not self._open.is_set()

    @black_hole.setter
    def black_hole(self, closed: bool) -> None:
        self._open.clear() if closed else self._open.set()

    async def __aenter__(self) -> "FaultProxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset_all(self) -> None:
        """Reset every open connection now."""
        for pair in list(self._pairs):
            pair.reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            upstream, server = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        finally:
            self._tasks.discard(task)
        pair = _Pair(writer, server)
        self._pairs.add(pair)
        there = self._pass_on(reader, server, pair, self.cut_after_bytes)
        back = self._pass_on(upstream, writer, pair, self.cut_answer_after_bytes)
        self._tasks.add(task)
        try:
            await asyncio.gather(there, back)
        finally:
            self._tasks.discard(task)
            self._pairs.discard(pair)
            pair.close()

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pair: _Pair,
        cut_after_bytes: int | None,
    ) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(_PIECE_BYTES):
                if cut_after_bytes is not None and passed + len(data) >= cut_after_bytes:
                    await self._send(writer, data[: cut_after_bytes - passed])
                    pair.reset() if self.cut_by_reset else pair.close()
                    return
                passed += len(data)
                await self._send(writer, data)
            # The sender is done; the other direction may still talk.
            if writer.can_write_eof():
                writer.write_eof()

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        step = max(1, self.rate_bytes_s // 20) if self.rate_bytes_s else len(data) or 1
        for start in range(0, len(data), step):
            begun = time.monotonic()
            await self._open.wait()
            writer.write(data[start : start + step])
            await writer.drain()
            if self.rate_bytes_s:
                await asyncio.sleep(max(0.0, step / self.rate_bytes_s - (time.monotonic() - begun)))
