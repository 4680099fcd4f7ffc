"""uvicorn's HTTP protocol with what it lacks: an end to patience and to memory while the headers arrive.

uvicorn waits for ever for the end of the headers and keeps what comes; each byte renews its keep-alive time.
So a thousand clients that send a byte a minute would take every file descriptor. Here

    - a request's headers must be whole within 10 s of its first byte, or of the connection;
    - headers end at 64 KiB (431);
    - only so many connections may wait, between requests or in their headers: beyond that the one that waits
      longest is closed.

A request that cannot be served just now may be turned away (`turn_away_with`) without a scope, a task and an application
for each, and one that only tells something be answered so: a crowd of devices that is told to come again is then felt less
by others.

A client that ends its side of the connection can still be answered, for 10 s, and an application gets all bytes of a body that
ended too early or was damaged before it is told `http.disconnect`. Header names of answers are spelled as people write
them, because some small clients look for `Content-Length` letter by letter; what is no HTTP is refused in JSON.

It also offers applications what ASGI lacks for a body that never ends: `scope["extensions"][DIRECT_BODY]` writes
without a task for each client, tells how much the network has not taken, and can cut a client off.
"""

import asyncio
import contextlib
import itertools
import json
import re
import socket
import sys
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .answer import HeaderName, head_of, refusal_body, spell, status_line, whole_answer

HEADERS_WITHIN_S = 10.0
HEADERS_AT_MOST_BYTES = 64 * 1024
# How long a request may be worked on after its client closed its own side.
ANSWER_WITHIN_S = 10.0
DIRECT_BODY = "photohub.direct_body"
# What a client did not take yet waits here and not in the kernel, whose buffers grow to megabytes: a slow client
# would be sent seconds of old pictures.
UNSENT_AT_MOST_BYTES = 128 * 1024
# A crowd of devices that come at once is no attack; but it must leave files and memory for everything else.
WAITING_AT_MOST = 2000
_WAITING_AT_LEAST = 200

_TOO_LARGE = b"Request headers are larger than 64 KiB."
_ANSWER_431 = whole_answer(431, _TOO_LARGE, {"Content-Type": "text/plain", "Connection": "close"})
_CLOSE = (HeaderName(b"Connection"), b"close")
_ODD = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

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


def _bad_request(reason: str) -> bytes:
    """Return the refusal of what is no HTTP, in the one shape of every refusal to a device."""
    clean = "".join(c if c.isprintable() and c.isascii() else " " for c in reason)[:120]
    said = refusal_body("bad_request", f"This is not valid HTTP: {clean or 'it cannot be read'}.")
    named = {"Content-Type": "application/json", "Connection": "close"}
    return whole_answer(400, json.dumps(said, separators=(",", ":")).encode(), named)


class _Cycle(RequestResponseCycle):
    """One request and its answer, also for a client that says no more."""

    # Set when no more of the request comes: the client closed its side, or `fault` says what it sent.
    ended = False
    fault = ""
    _end_given = False

    def end_body(self, fault: str = "") -> None:
        """Tell the application that no more comes, once it has read what came. It may still answer."""
        if not self.ended:
            self.ended, self.fault, self.keep_alive = True, fault, False
            self.message_event.set()

    # Every event, as ASGI gives it.
    # pyrefly: ignore[bad-override]
    async def receive(self):
        if not (self.ended and self._is_handed_out()):
            message: Any = await super().receive()
            if message["type"] == "http.disconnect":
                return message
            if not (self.ended and not message["body"] and self._is_handed_out()):
                self._end_given |= not message["more_body"]
                return message
        if not self.fault and not self.more_body:
            await self._let_it_be_answered()
        return {"type": "http.disconnect"}

    async def _let_it_be_answered(self) -> None:
        """Wait for the answer to a whole request: many applications, Django too, drop their work at `http.disconnect`.

        The client may have gone and not only closed its side. Nobody sees which before something is written to it.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                while not (self.disconnected or self.response_complete):
                    self.message_event.clear()
                    await self.message_event.wait()

    def _is_handed_out(self) -> bool:
        """Tell whether the application was given all that came."""
        return not self.body and (self.more_body or self._end_given)

    def take_whole(self) -> bytearray | None:
        """Return the whole body, when all of it is here and nothing of it was received; else None.

        For small bodies, which mostly came with their heads: it spares the application a wait, and a copy.
        """
        if (
            self.more_body
            or self._end_given
            or self.ended
            or self.disconnected
            or self.waiting_for_100_continue
        ):
            return None
        body, self.body = self.body, bytearray()
        self._end_given = True
        self.message_event.clear()
        self.flow.resume_reading()
        return body

    def send_whole(self, status: int, named: dict[str, str], body: bytes) -> bool:
        """Write a whole answer, head and body in one piece; False when it has to be sent in the usual way."""
        if self.response_started or self.disconnected or self.flow.write_paused:
            return False
        if self.scope["method"] == "HEAD" or _ODD.search("".join(named.values())):
            return False
        if "close" in named.get("Connection", ""):
            self.keep_alive = False
        elif not self.keep_alive:
            named = named | {"Connection": "close"}
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        own = b"".join(b"%s: %s\r\n" % (spell(name), value) for name, value in self.default_headers)
        self.transport.write(status_line(status) + own + head_of(named) + body)
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True

    async def send(self, message) -> None:
        if message["type"] == "http.response.start":
            message = message | {"headers": self._spelled(message.get("headers", ()))}
            self.default_headers = [(spell(name), value) for name, value in self.default_headers]
        await super().send(message)

    def _spelled(self, headers) -> list[tuple[bytes, bytes]]:
        named = [(spell(name), value) for name, value in headers]
        if not self.keep_alive and not any(name.lower() == b"connection" for name, _value in named):
            named.append(_CLOSE)
        return named

    async def run_asgi(self, app) -> None:
        async def answer(scope, receive, send) -> None:
            try:
                return await app(scope, receive, send)
            finally:
                if self.ended and not self.response_started:
                    self._leave_unanswered()

        await super().run_asgi(answer)

    def _leave_unanswered(self) -> None:
        if self.fault and not self.transport.is_closing():
            self.transport.write(_bad_request(self.fault))
        self.disconnected = True
        self.transport.close()


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

    # uvicorn's does nothing; asyncio's protocol says that True keeps the connection.
    # pyrefly: ignore[bad-override]
    def eof_received(self) -> bool:
        """Keep the connection for the answer when the client closed its own side."""
        if self._is_idle() or self.cycle.disconnected:
            return False
        self._own_cycle().end_body()
        return True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app) -> None:
        # uvicorn makes its own class, and has no place to name another.
        cycle.__class__ = _Cycle
        super()._start_asgi_task(cycle, app)

    def _own_cycle(self) -> "_Cycle":
        if not isinstance(self.cycle, _Cycle):
            raise TypeError("A request began that `_start_asgi_task` has not seen.")
        return self.cycle

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read. uvicorn calls this while it handles the parser's error."""
        reason = str(sys.exception() or "")
        if self._is_idle():
            self.transport.write(_bad_request(reason))
            self._close()
        else:
            # Its head was right, and so is what came of its body.
            self._own_cycle().end_body(reason)

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
        # ASGI lets an extension be anything; its types ask for a dictionary.
        # pyrefly: ignore[bad-assignment]
        self.scope["extensions"] = {DIRECT_BODY: self}
        self._in_headers, self._header_bytes = False, 0
        self._stop_waiting()
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.__class__ = _Cycle

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
