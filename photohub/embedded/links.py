"""The two ways MQTT bytes arrive: a TCP socket and a WebSocket of the HTTP server."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

READ_BYTES = 64 * 1024
FRAME_BYTES = 64 * 1024
CLOSE_S = 1.0
# So much may wait in the process for each peer without anybody waiting for it.
UNSENT_BYTES = 16 * 1024

# A peer that vanished without a word is noticed by the kernel after 60 + 4 * 15 seconds.
KEEPALIVE_OPTIONS = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}


class Link(Protocol):
    """The bytes below a connection: a TCP socket or a WebSocket."""

    peer: str

    async def read(self) -> bytes:
        """Wait for some bytes; none at all means that the other side has gone."""

    async def write(self, data: bytes, stall_s: float) -> None:
        """Send all; raises TimeoutError when no byte moves for `stall_s`, OSError when nobody is there."""

    def abort(self) -> None:
        """Throw the connection away with whatever is still unsent."""

    async def close(self) -> None:
        """Close in good order."""


class TcpLink:
    """A TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer = str((writer.get_extra_info("peername") or ("unknown",))[0])
        self._reader = reader
        self._writer = writer
        connection: socket.socket = writer.get_extra_info("socket")
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in KEEPALIVE_OPTIONS.items():
                if hasattr(socket, name):
                    connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    async def read(self) -> bytes:
        return await self._reader.read(READ_BYTES)

    async def write(self, data: bytes, stall_s: float) -> None:
        """Send all, however slowly it is taken; raises TimeoutError when nothing moves for `stall_s`."""
        # In pieces, so that the process holds no copy of a large message for each client that is slow to take it.
        for start in range(0, len(data), FRAME_BYTES):
            await self._write_piece(data[start : start + FRAME_BYTES], stall_s)

    async def _write_piece(self, piece: bytes, stall_s: float) -> None:
        self._writer.write(piece)
        waiting_bytes = self._unsent_bytes()
        if waiting_bytes <= UNSENT_BYTES:
            return
        while True:
            try:
                async with asyncio.timeout(stall_s):
                    await self._writer.drain()
                return
            except TimeoutError:
                if self._unsent_bytes() >= waiting_bytes:
                    raise
                waiting_bytes = self._unsent_bytes()

    def _unsent_bytes(self) -> int:
        return self._writer.transport.get_write_buffer_size()

    def abort(self) -> None:
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._writer.wait_closed()


class WebSocketLink:
    """A WebSocket whose handshake is done, as ASGI shows it."""

    def __init__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        self.peer = str((scope.get("client") or ("unknown",))[0])
        self._receive = receive
        self._send = send
        self._open = True

    async def read(self) -> bytes:
        """Return the next bytes: MQTT packets may be cut and glued over frames in any way (MQTT-6.0.0-2)."""
        while self._open:
            message = await self._receive()
            if message["type"] == "websocket.disconnect" or message.get("text") is not None:
                self._open = message["type"] != "websocket.disconnect"
                return b""
            if message.get("bytes"):
                return message["bytes"]
        return b""

    async def write(self, data: bytes, stall_s: float) -> None:
        # In pieces, so that "not one byte moved" can be told from "a large picture over a slow line".
        for start in range(0, len(data), FRAME_BYTES):
            async with asyncio.timeout(stall_s):
                await self._pass({"type": "websocket.send", "bytes": data[start : start + FRAME_BYTES]})

    async def _pass(self, message: dict[str, Any]) -> None:
        """Send an ASGI message; servers differ in what they raise for a lost peer, here it is OSError."""
        try:
            await self._send(message)
        except (OSError, TimeoutError):
            raise
        except Exception as error:
            self._open = False
            raise ConnectionResetError(str(error)) from error

    def abort(self) -> None:
        """Do nothing more: the server drops the connection when the application returns."""
        self._open = False

    async def close(self) -> None:
        if not self._open:
            return
        self._open = False
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._pass({"type": "websocket.close", "code": 1000})
