"""uvicorn's HTTP protocol with what it lacks: an end to patience and to memory while the headers arrive.

uvicorn waits for ever for the end of the headers and keeps what comes; each byte renews its keep-alive time.
So a thousand clients that send a byte a minute would take every file descriptor. Here

    - a request's headers must be whole within 10 s of its first byte, or of the connection;
    - headers end at 64 KiB (431);
    - only so many connections may wait, between requests or in their headers: beyond that the one that waits
      longest is closed.

A request that cannot be served just now may be turned away (`turn_away_with`) without a scope, a task and an application
for each: a crowd of devices that is told to come again is then felt less by others.

It also offers applications what ASGI lacks for a body that never ends: `scope["extensions"][DIRECT_BODY]` writes
without a task for each client, tells how much the network has not taken, and can cut a client off.
"""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_WITHIN_S = 10.0
HEADERS_AT_MOST_BYTES = 64 * 1024
DIRECT_BODY = "photohub.direct_body"
# What a client did not take yet waits here and not in the kernel, whose buffers grow to megabytes: a slow client
# would be sent seconds of old pictures.
UNSENT_AT_MOST_BYTES = 128 * 1024
# A crowd of devices that come at once is no attack; but it must leave files and memory for everything else.
WAITING_AT_MOST = 2000
_WAITING_AT_LEAST = 200

_TOO_LARGE = b"Request headers are larger than 64 KiB."
_ANSWER_431 = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_TOO_LARGE), _TOO_LARGE)
)

TurnAway = Callable[[bytes], bytes | None]

_turn_away: TurnAway | None = None
_waiting: "dict[GuardedHttp, None]" = {}
_waiting_at_most = 400


def make_room(open_files: int) -> int:
    """Let as many connections wait as suits a process that may have so many files open. Returns how many."""
    global _waiting_at_most
    _waiting_at_most = max(_WAITING_AT_LEAST, min(WAITING_AT_MOST, open_files * 2 // 5))
    return _waiting_at_most


def turn_away_with(answer_to: TurnAway | None) -> None:
    """Ask this about the first bytes of each connection's first request.

    An answer that it returns, whole with its head, is all that the client gets; with None the request goes on.
    """
    global _turn_away
    _turn_away = answer_to


class GuardedHttp(HttpToolsProtocol):
    """One connection, for `uvicorn.Config(http=GuardedHttp)`."""

    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _in_headers = True
    _on_free: Callable[[], None] | None = None
    # Whether the client took nearly all that was written.
    is_free = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self.is_free, self._on_free = False, None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if _turn_away is not None and self.cycle is None and not self._header_bytes:
            answer = _turn_away(data)
            if answer is not None:
                self.transport.write(answer)
                self._close()
                return
        if self._deadline is None and self._is_idle():
            self._wait_for_headers()
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if (
            self._in_headers
            and self._header_bytes > HEADERS_AT_MOST_BYTES
            and not self.transport.is_closing()
        ):
            self.transport.write(_ANSWER_431)
            self._close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.is_free = False

    def resume_writing(self) -> None:
        super().resume_writing()
        self.is_free = True
        if self._on_free is not None:
            self._on_free()

    # --- the extension: the body of the answer under way, as it goes over the wire

    def begin_direct(self, on_free: Callable[[], None]) -> None:
        """Take over the body after the answer's start was sent; `on_free` is called when more may be written.

        `write_direct` is there from now on. What it writes carries, under HTTP/1.1, its own chunk framing.
        """
        self._on_free = on_free
        self.write_direct = self.transport.write
        with contextlib.suppress(OSError, AttributeError):
            self.transport.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_AT_MOST_BYTES
            )

    def end_direct(self) -> None:
        """Give the body back to ASGI's `send`."""
        self._on_free = None

    @property
    def untaken_bytes(self) -> int:
        """How much the network has not taken yet."""
        return self.transport.get_write_buffer_size()

    def cut_off(self) -> None:
        """End the connection without waiting for the client."""
        self.is_free = False
        self.transport.abort()

    def on_headers_complete(self) -> None:
        self.scope["extensions"] = {DIRECT_BODY: self}
        self._in_headers, self._header_bytes = False, 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_begin(self) -> None:
        self._in_headers = True
        super().on_message_begin()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_idle():
            _waiting[self] = None
            _close_the_longest()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_headers(self) -> None:
        self._deadline = self.loop.call_later(HEADERS_WITHIN_S, self._close)
        _waiting.pop(self, None)
        _waiting[self] = None
        _close_the_longest()

    def _stop_waiting(self) -> None:
        _waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        self._stop_waiting()
        if not self.transport.is_closing():
            self.transport.close()


def _close_the_longest() -> None:
    for connection in list(itertools.islice(_waiting, max(0, len(_waiting) - _waiting_at_most))):
        connection._close()
