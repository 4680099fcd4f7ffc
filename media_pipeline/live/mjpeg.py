r"""The live picture as an endless multipart answer: `/devices/<code>/stream.mjpg` and `/stream.mjpg`.

    --FRAME\r\n
    Content-Type: image/jpeg\r\n
    Content-Length: <n>\r\n
    \r\n
    <JPEG>\r\n
    --FRAME\r\n …

Each boundary is sent together with the picture before it, because browsers show a picture when they see what
comes behind it. Chromium waits even for the head of the next part, so a picture that no other follows soon is
sent twice. A viewer always gets the newest frame; what it did not take in time it never gets. How pictures get to
viewers stands in `viewers`.
"""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from photohub.lib.http.answer import headers_from, wait_for_leave
from photohub.lib.http.guard import DIRECT_BODY

from .latest_frame import Frames
from .viewers import DirectViewer, Gallery, SendingViewer, Viewer

log = logging.getLogger(__name__)

PATHS = re.compile(r"^(?:/devices/(?P<code>[a-z0-9][a-z0-9-]{1,31}))?/stream\.mjpg$")
RECHECK_EVERY_S = 8.0
STALLED_AFTER_S = 10.0
_GOODBYE_WITHIN_S = 1.0
_PAPERS = (b"authorization", b"cookie")
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
    """Whether a viewer may look. `code` is the camera; `status` is 200, or what to answer, with its `sentence` and
    further `headers`."""

    status: int
    code: str = ""
    sentence: str = ""
    headers: dict[str, str] = field(default_factory=dict)


_FULL = Verdict(
    503,
    sentence="Too many people are watching just now. Try again in a minute.",
    headers={"Retry-After": "60"},
)

Authorise = Callable[[dict, str | None], Awaitable[Verdict]]


def serves(path: str) -> bool:
    """Tell whether this path is a live picture."""
    return PATHS.match(path) is not None


class MjpegEndpoint:
    """The ASGI application. `authorise` gets the scope and the code in its path, None for the default stream.

    More viewers than `of_one_path_at_most` at one path are told to come later.
    """

    def __init__(
        self,
        frames: Frames,
        authorise: Authorise,
        *,
        paths: re.Pattern[str] = PATHS,
        recheck_every_s: float = RECHECK_EVERY_S,
        stalled_after_s: float = STALLED_AFTER_S,
        of_one_path_at_most: int | None = None,
    ) -> None:
        self._frames = frames
        self._paths = paths
        self._authorise = authorise
        self._of_one_path_at_most = of_one_path_at_most
        self._at: Counter[str] = Counter()
        self._gallery = Gallery(recheck_every_s=recheck_every_s, stalled_after_s=stalled_after_s)

    @property
    def viewers(self) -> int:
        """How many look."""
        return len(self._gallery)

    async def __call__(self, scope: dict, receive, send) -> None:
        """Answer one viewer until it leaves, stalls, or may no longer look."""
        verdict = await self._ask(scope)
        if verdict.status == 200 and self._is_full(scope["path"]):
            verdict = _FULL
        if verdict.status != 200:
            await _refuse(send, verdict, scope["method"] == "HEAD")
            return
        with self._counted(scope["path"]):
            await send({"type": "http.response.start", "status": 200, "headers": _headers(scope)})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
            else:
                await self._receive(scope, verdict.code, receive, send)

    def _is_full(self, path: str) -> bool:
        return self._of_one_path_at_most is not None and self._at[path] >= self._of_one_path_at_most

    @contextmanager
    def _counted(self, path: str) -> Iterator[None]:
        self._at[path] += 1
        try:
            yield
        finally:
            self._at[path] -= 1
            if not self._at[path]:
                del self._at[path]

    async def _receive(self, scope: dict, code: str, receive, send) -> None:
        """Show pictures to somebody who has his answer's head already."""
        viewer = self._welcome(scope, code, send)
        leaving = asyncio.create_task(wait_for_leave(receive))
        try:
            await self._show(viewer, code, leaving)
            if not leaving.done():
                await _end(scope, send, leaving, cut=viewer.ended.result() or _is_old(scope))
        finally:
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)

    def _welcome(self, scope: dict, code: str, send) -> Viewer:
        body = (scope.get("extensions") or {}).get(DIRECT_BODY)
        packer = self._gallery.packer(code, chunked=body is not None and not _is_old(scope))
        # Who shows the same papers for the same camera gets the same answer.
        papers = tuple((name, value) for name, value in scope["headers"] if name in _PAPERS)

        async def may_stay() -> bool:
            # By its code: the default stream stays the one that it was, whoever else begins to stream. A database
            # that is away ends nothing.
            return (await self._ask(scope, code)).status in (200, 503)

        if body is not None:
            return DirectViewer(body, packer, (code, papers), may_stay)
        return SendingViewer(send, packer, (code, papers), may_stay)

    async def _show(self, viewer: Viewer, code: str, leaving: asyncio.Task) -> None:
        """Show pictures until the viewer leaves or is to end."""
        self._gallery.enter(viewer)
        try:
            viewer.look(self._frames.watch(code, viewer.wake, again=True))
            await asyncio.wait((leaving, viewer.ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._gallery.leave(viewer)
            viewer.close()
            if isinstance(viewer, SendingViewer):
                # The last piece must be out, or given up, before a goodbye may follow it.
                await viewer.stop()

    async def _ask(self, scope: dict, code: str | None = None) -> Verdict:
        match = self._paths.match(scope["path"])
        if match is None:
            return Verdict(404)
        if scope["method"] not in ("GET", "HEAD"):
            return Verdict(405)
        try:
            return await self._authorise(scope, code or match["code"])
        except Exception:
            log.exception("The rights of a viewer could not be looked up.")
            return Verdict(503)


def _is_old(scope: dict) -> bool:
    return scope.get("http_version") == "1.0"


def _headers(scope: dict) -> list[tuple[bytes, bytes]]:
    # An HTTP/1.0 client takes everything up to the end, but the server would send it chunks, which it cannot
    # read. A length that is never reached keeps the body as it is.
    return [*_HEADERS, _ENDLESS] if _is_old(scope) and scope["method"] == "GET" else _HEADERS


async def _end(scope: dict, send, leaving: asyncio.Task, *, cut: bool) -> None:
    """End the answer: politely, or by cutting a viewer off that takes nothing any more."""
    if not cut:
        try:
            async with asyncio.timeout(_GOODBYE_WITHIN_S):
                await send({"type": "http.response.body", "body": b""})
            return
        except (TimeoutError, OSError):
            pass
    # A polite end would wait behind the bytes that the viewer does not take. Behind a server that cannot cut, the
    # connection ends when the viewer's own side does.
    if (body := (scope.get("extensions") or {}).get(DIRECT_BODY)) is not None:
        body.cut_off()
    elif (transport := getattr(getattr(send, "__self__", None), "transport", None)) is not None:
        transport.abort()  # uvicorn without PhotoHub's connection class.
    else:
        return
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
    headers += headers_from(verdict.headers)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head_only else body})
