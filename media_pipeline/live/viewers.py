"""Viewers of live pictures: what each is given, and one watch over all of them.

A viewer is offered the newest picture when it took the one before. Where the server lets us write directly
(`photohub.lib.http.guard`), a frame costs one call for each viewer; behind another ASGI server each viewer has a
task that sends. Nothing else is done per frame: one timer looks over all viewers for those that take nothing any
more, and for rights that are to be asked again.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol
from weakref import WeakValueDictionary

from photohub.lib.messaging import measures

from .latest_frame import View, Watching

log = logging.getLogger(__name__)

VIEWERS = measures.Present("photohub_live_viewers", "Live pictures that somebody looks at now, beside walls.")
# A stopped viewer costs one piece beyond what the network took, so no piece is larger than this.
SLICE_BYTES = 256 * 1024
OPENING = b"--FRAME\r\n"
_LOOK_EVERY_S = 1.0
_ASK_AT_ONCE = 8


class DirectBody(Protocol):
    """What a server offers for a body that never ends; `photohub.lib.http.guard.GuardedHttp` does."""

    is_free: bool
    untaken_bytes: int

    def begin_direct(self, on_free: Callable[[], None]) -> None: ...
    def end_direct(self) -> None: ...
    def write_direct(self, data: bytes) -> None: ...
    def cut_off(self) -> None: ...


def chunk(data: bytes) -> bytes:
    """Return a piece in the chunk framing of HTTP/1.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Packer:
    """Makes a camera's newest picture into pieces, once for all viewers that get it in the same form."""

    def __init__(self, *, chunked: bool) -> None:
        self._chunked = chunked
        self._view: View | None = None
        self._pieces: tuple[bytes, ...] = ()

    def pieces_of(self, view: View) -> tuple[bytes, ...]:
        """Return a picture with what stands around it."""
        if view is not self._view:
            head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(view.jpeg)
            self._pieces = self.frame(b"".join((head, view.jpeg, b"\r\n", OPENING)))
            self._view = view
        return self._pieces

    def frame(self, data: bytes) -> tuple[bytes, ...]:
        """Return bytes as they go to the server."""
        pieces = [data[at : at + SLICE_BYTES] for at in range(0, len(data), SLICE_BYTES)]
        return tuple(map(chunk, pieces) if self._chunked else pieces)


class Viewer:
    """One who looks. `ended` is done when the stream is to end: its result tells whether to cut the viewer off."""

    def __init__(self, packer: Packer, group: object, ask: Callable[[], Awaitable[bool]]) -> None:
        self.group = group
        self.ask = ask
        self.ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.ask_at_s = 0.0
        self.stuck: tuple[object, float] | None = None
        self._packer = packer
        self._watching: Watching | None = None
        self._pieces = packer.frame(OPENING)
        self._next = 0
        self._given = 0
        self._is_closed = False

    def look(self, watching: Watching) -> None:
        """Begin with the pictures."""
        self._watching = watching
        self.wake()

    def end(self, *, cut: bool) -> None:
        """End the stream."""
        if not self.ended.done():
            self.ended.set_result(cut)

    def close(self) -> None:
        """Look no more."""
        self._is_closed = True
        if self._watching is not None:
            self._watching.close()

    def wake(self) -> None:
        """Hear that there may be something to give."""
        raise NotImplementedError

    def progress(self) -> object | None:
        """Return what changes as the viewer takes things; None while it owes us nothing."""
        raise NotImplementedError


class DirectViewer(Viewer):
    """A viewer to whose connection we write."""

    def __init__(
        self, body: DirectBody, packer: Packer, group: object, ask: Callable[[], Awaitable[bool]]
    ) -> None:
        super().__init__(packer, group, ask)
        self._body = body
        body.begin_direct(self.wake)
        self._write = body.write_direct

    def close(self) -> None:
        """Look no more."""
        super().close()
        self._body.end_direct()

    def wake(self) -> None:
        """Give what the network takes."""
        # As short as can be: this runs for every frame and viewer.
        body, newest = self._body, False
        while body.is_free and not self._is_closed:
            if self._next == len(self._pieces):
                view = self._watching.take() if self._watching is not None and not newest else None
                if view is None:
                    return
                self._pieces, self._next, newest = self._packer.pieces_of(view), 0, True
            self._next += 1
            self._given += 1
            self._write(self._pieces[self._next - 1])

    def progress(self) -> object | None:
        """Return what changes as the viewer takes things; None while it owes us nothing."""
        return None if self._body.is_free else (self._given, self._body.untaken_bytes)


class SendingViewer(Viewer):
    """A viewer behind an ASGI server that offers `send` and no more."""

    def __init__(self, send, packer: Packer, group: object, ask: Callable[[], Awaitable[bool]]) -> None:
        super().__init__(packer, group, ask)
        self._send = send
        self._woken = asyncio.Event()
        self._is_sending = False
        self.task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Hear that there may be something to give."""
        self._woken.set()

    def progress(self) -> object | None:
        """Return what changes as the viewer takes things; None while it owes us nothing."""
        return self._given if self._is_sending else None

    async def stop(self) -> None:
        """Send no more; returns when the piece under way is out or given up."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while not self._is_closed:
                await self._woken.wait()
                self._woken.clear()
                while (piece := self._next_piece()) is not None:
                    self._is_sending = True
                    await self._send({"type": "http.response.body", "body": piece, "more_body": True})
                    self._is_sending = False
        except OSError:
            self.end(cut=True)
        except Exception:
            log.exception("A live picture could not be sent.")
            self.end(cut=True)

    def _next_piece(self) -> bytes | None:
        if self._next == len(self._pieces):
            view = self._watching.take() if self._watching is not None else None
            if view is None:
                return None
            self._pieces, self._next = self._packer.pieces_of(view), 0
        self._next += 1
        self._given += 1
        return self._pieces[self._next - 1]


class Gallery:
    """All viewers of an endpoint."""

    def __init__(self, *, recheck_every_s: float, stalled_after_s: float) -> None:
        self._recheck_every_s = recheck_every_s
        self._stalled_after_s = stalled_after_s
        self._look_every_s = min(_LOOK_EVERY_S, recheck_every_s / 4, stalled_after_s / 4)
        self._viewers: set[Viewer] = set()
        self._packers: WeakValueDictionary[tuple[str, bool], Packer] = WeakValueDictionary()
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task | None = None

    def __len__(self) -> int:
        return len(self._viewers)

    def packer(self, code: str, *, chunked: bool) -> Packer:
        """Return what packs this camera's pictures, shared by all who get them in this form."""
        packer = self._packers.get((code, chunked))
        if packer is None:
            packer = self._packers[code, chunked] = Packer(chunked=chunked)
        return packer

    def enter(self, viewer: Viewer) -> None:
        """Watch over a viewer until it leaves."""
        # At different times, so that viewers who came together do not ask together for ever.
        viewer.ask_at_s = time.monotonic() + self._recheck_every_s * random.uniform(0.75, 1)
        self._viewers.add(viewer)
        VIEWERS.add(1)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._look_every_s, self._look)

    def leave(self, viewer: Viewer) -> None:
        """Watch over it no more."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)
            VIEWERS.add(-1)
        if not self._viewers and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._look_every_s, self._look)
        now_s = time.monotonic()
        for viewer in self._viewers:
            self._end_if_stalled(viewer, now_s)
        if self._asking is None and any(viewer.ask_at_s <= now_s for viewer in self._viewers):
            self._asking = asyncio.create_task(self._ask(now_s))

    def _end_if_stalled(self, viewer: Viewer, now_s: float) -> None:
        progress = viewer.progress()
        if progress is None:
            viewer.stuck = None
        elif viewer.stuck is None or viewer.stuck[0] != progress:
            viewer.stuck = progress, now_s
        elif now_s - viewer.stuck[1] >= self._stalled_after_s:
            viewer.end(cut=True)

    async def _ask(self, now_s: float) -> None:
        """Ask for everybody whose time has come, once for all who show the same papers for the same camera."""
        try:
            groups: dict[object, list[Viewer]] = {}
            for viewer in self._viewers:
                groups.setdefault(viewer.group, []).append(viewer)
            due = [viewers for viewers in groups.values() if any(v.ask_at_s <= now_s for v in viewers)]
            for at in range(0, len(due), _ASK_AT_ONCE):
                await asyncio.gather(*map(self._ask_for, due[at : at + _ASK_AT_ONCE]))
        except Exception:
            log.exception("The rights of viewers could not be asked again.")
        finally:
            self._asking = None

    async def _ask_for(self, viewers: Iterable[Viewer]) -> None:
        viewers = list(viewers)
        may_stay = await viewers[0].ask()
        for viewer in viewers:
            viewer.ask_at_s = time.monotonic() + self._recheck_every_s
            if not may_stay:
                viewer.end(cut=False)
