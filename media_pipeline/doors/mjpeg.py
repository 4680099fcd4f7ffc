r"""The live picture as an endless multipart answer: `/devices/<code>/stream.mjpg` and `/stream.mjpg`.

    --FRAME\r\n
    Content-Type: image/jpeg\r\n
    Content-Length: <n>\r\n
    \r\n
    <JPEG>\r\n
    --FRAME\r\n …

Each boundary is sent together with the picture before it, because browsers show a picture when they see what
comes behind it. Chromium waits even for the head of the next part, so a picture that no other follows soon is
sent twice. A viewer always gets the newest frame; what it did not take in time it never gets.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from ..live import Frames, View

log = logging.getLogger(__name__)

PATHS = re.compile(r"^(?:/devices/(?P<code>[a-z0-9][a-z0-9-]{1,31}))?/stream\.mjpg$")
RECHECK_EVERY_S = 8.0
STALLED_AFTER_S = 10.0
# The server holds one slice beyond what the network took, so a stopped viewer costs little more than this.
SLICE_BYTES = 256 * 1024
_GOODBYE_WITHIN_S = 1.0
_HEADERS = [
    (b"age", b"0"),
    (b"cache-control", b"no-cache, private"),
    (b"pragma", b"no-cache"),
    (b"content-type", b"multipart/x-mixed-replace; boundary=FRAME"),
    (b"x-accel-buffering", b"no"),
]
_ENDLESS = (b"content-length", str(2**63 - 1).encode())
_SENTENCES = {
    401: b"Log in to see this camera.",
    403: b"You may not see this camera.",
    404: b"There is no such camera.",
    405: b"Use GET.",
    503: b"The hub cannot look up your rights just now.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a viewer may look. `code` is the camera; `status` is 200, or what to answer, with its `sentence`."""

    status: int
    code: str = ""
    sentence: str = ""


Authorise = Callable[[dict, str | None], Awaitable[Verdict]]


def serves(path: str) -> bool:
    """Tell whether this path is a live picture."""
    return PATHS.match(path) is not None


class MjpegDoor:
    """The ASGI application. `authorise` gets the scope and the path's code, None for the default stream."""

    def __init__(
        self,
        frames: Frames,
        authorise: Authorise,
        *,
        recheck_every_s: float = RECHECK_EVERY_S,
        stalled_after_s: float = STALLED_AFTER_S,
    ) -> None:
        self._frames = frames
        self._authorise = authorise
        self._recheck_every_s = recheck_every_s
        self._stalled_after_s = stalled_after_s
        self.viewers = 0
        # Kept for as long as somebody holds the view.
        self._parts: WeakKeyDictionary[View, bytes] = WeakKeyDictionary()

    async def __call__(self, scope: dict, receive, send) -> None:
        """Answer one viewer until it leaves, stalls, or may no longer look."""
        verdict = await self._ask(scope)
        if verdict.status != 200:
            await _refuse(send, verdict, scope["method"] == "HEAD")
            return
        await send({"type": "http.response.start", "status": 200, "headers": _headers(scope)})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        self.viewers += 1
        try:
            await self._show(scope, verdict, receive, send)
        finally:
            self.viewers -= 1

    async def _ask(self, scope: dict, code: str | None = None) -> Verdict:
        match = PATHS.match(scope["path"])
        if match is None:
            return Verdict(404)
        if scope["method"] not in ("GET", "HEAD"):
            return Verdict(405)
        try:
            return await self._authorise(scope, code or match["code"])
        except Exception:
            log.exception("The rights of a viewer could not be looked up.")
            return Verdict(503)

    async def _show(self, scope: dict, verdict: Verdict, receive, send) -> None:
        """Run the three things that can end a stream; the first one ends it."""
        leaving = asyncio.create_task(_wait_for_leave(receive))
        sending = asyncio.create_task(self._send_all(verdict.code, send))
        checking = asyncio.create_task(self._check(scope, verdict))
        try:
            await asyncio.wait((leaving, sending, checking), return_when=asyncio.FIRST_COMPLETED)
            # The last piece must be out, or given up, before a goodbye may follow it.
            stalled = sending.done()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            if not leaving.done():
                await _end(send, leaving, abort=stalled or _is_old(scope))
        finally:
            for task in (leaving, sending, checking):
                task.cancel()
            await asyncio.gather(leaving, sending, checking, return_exceptions=True)

    async def _send_all(self, code: str, send) -> None:
        """Send frames for ever; returns when the viewer took nothing for too long."""
        try:
            await _within(self._stalled_after_s, send, b"--FRAME\r\n")
            async with aclosing(self._frames.watch(code, again=True)) as views:
                async for view in views:
                    await self._send_part(view, send)
        except (TimeoutError, OSError):
            return
        except Exception:
            log.exception("The live picture of %s could not be sent.", code)

    async def _send_part(self, view: View, send) -> None:
        part = self._part_of(view)
        for at in range(0, len(part), SLICE_BYTES):
            piece = part if len(part) <= SLICE_BYTES else part[at : at + SLICE_BYTES]
            await _within(self._stalled_after_s, send, piece)

    def _part_of(self, view: View) -> bytes:
        """Return a picture with what stands around it, made once for all viewers."""
        part = self._parts.get(view)
        if part is None:
            head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(view.jpeg)
            part = self._parts[view] = b"".join((head, view.jpeg, b"\r\n--FRAME\r\n"))
        return part

    async def _check(self, scope: dict, verdict: Verdict) -> None:
        """Return when the viewer may no longer look. A database that is away ends nothing."""
        while True:
            await asyncio.sleep(self._recheck_every_s)
            # By its code: the default stream stays the one that it was, whoever else begins to stream.
            if (await self._ask(scope, verdict.code)).status not in (200, 503):
                return


def _is_old(scope: dict) -> bool:
    return scope.get("http_version") == "1.0"


def _headers(scope: dict) -> list[tuple[bytes, bytes]]:
    # An HTTP/1.0 client takes everything up to the end, but the server would send it chunks, which it cannot
    # read. A length that is never reached keeps the body as it is.
    return [*_HEADERS, _ENDLESS] if _is_old(scope) and scope["method"] == "GET" else _HEADERS


async def _within(limit_s: float, send, body: bytes) -> None:
    """Send a piece; raises TimeoutError when the viewer does not take it."""
    async with asyncio.timeout(limit_s):
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _wait_for_leave(receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(send, leaving: asyncio.Task, *, abort: bool) -> None:
    """End the answer: politely, or by cutting a viewer off that takes nothing any more."""
    if not abort:
        try:
            async with asyncio.timeout(_GOODBYE_WITHIN_S):
                await send({"type": "http.response.body", "body": b""})
            return
        except (TimeoutError, OSError):
            pass
    # A polite end would wait behind the bytes that the viewer does not take. uvicorn's `send` knows its
    # transport; behind another server the connection ends when the viewer's own side does.
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
        await asyncio.wait({leaving}, timeout=_GOODBYE_WITHIN_S)


async def _refuse(send, verdict: Verdict, head_only: bool) -> None:
    status = verdict.status
    body = verdict.sentence.encode() or _SENTENCES.get(status, b"This camera cannot be shown.")
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if status == 405:
        headers.append((b"allow", b"GET, HEAD"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head_only else body})
