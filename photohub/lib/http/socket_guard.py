"""uvicorn's WebSocket protocol with what it lacks: bounds for messages that are not whole, and for who does not read.

The limit of a message is one for all paths, and MQTT needs room for a picture in each. Strangers could fill that on as many
connections as they like, or ask with pings for answers that they never take. Here

    - a message that is not whole yet is held in at most so many pieces, and up to 64 KiB where no pictures come;
    - all that are not whole take so much together: beyond that the connection with the largest is cut off;
    - from a client that takes nothing no more is read.
"""

import logging
from collections.abc import Callable

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from photohub.lib.log.throttling import Seldom

SMALL_MESSAGE_BYTES = 64 * 1024
HELD_AT_MOST_BYTES = 32 * 2**20
PIECES_AT_MOST = 1000
_LARGE_PATHS = ("/mqtt", "/mqtt/")

# Why a connection is cut off.
LARGE, PIECES, TOGETHER = "large", "pieces", "together"

log = logging.getLogger(__name__)
_said = Seldom()
_tell: Callable[[str, str, int], object] | None = None
_held: "dict[GuardedWebSocket, int]" = {}


def tell_with(tell: Callable[[str, str, int], object] | None) -> None:
    """Have it told, once a minute at most: `tell(why, path, how many since the last time)`, called in the loop."""
    global _tell
    _tell = tell


class GuardedWebSocket(WebSocketsSansIOProtocol):
    """One connection, for `uvicorn.Config(ws=GuardedWebSocket)`."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if len(self.frames) > PIECES_AT_MOST:
            self._cut_off(PIECES)
            return
        held_bytes = len(self.conn.reader.buffer) + sum(map(len, self.frames))
        if held_bytes > SMALL_MESSAGE_BYTES:
            self._hold(held_bytes)
        else:
            _held.pop(self, None)
        if not self.writable.is_set():
            # Pings alone are answered without the application, and the answers would wait here.
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        _held.pop(self, None)
        super().connection_lost(exc)

    def _hold(self, held_bytes: int) -> None:
        if not self.handshake_initiated or self.scope["path"] not in _LARGE_PATHS:
            self._cut_off(LARGE)
            return
        _held[self] = held_bytes
        if sum(_held.values()) > HELD_AT_MOST_BYTES:
            max(_held, key=_held.__getitem__)._cut_off(TOGETHER)

    def _cut_off(self, why: str) -> None:
        _held.pop(self, None)
        path = self.scope["path"] if self.handshake_initiated else ""
        if count := _said.count(why):
            log.warning("A WebSocket to %r was cut off: %s (%d of this kind).", path[:100], why, count)
            if _tell is not None:
                _tell(why, path, count)
        self.frames.clear()
        # Who serves the connection may still hold it for a while.
        self.conn.reader.buffer.clear()
        self.transport.abort()
