"""The newest picture of every camera, and any number of people looking at it.

A frame is kept until the next one replaces it; there is no queue per viewer. A viewer that is slow finds the
newest frame when it comes back and has skipped those between, and nobody waits for it. When frames stop,
viewers get the last picture with its age, and later a plain notice (`notices`). One loop holds it all.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from media_pipeline.formats import jpeg
from photohub.lib.memory import budget as memory
from photohub.lib.memory import decoding

from . import notices

STALE_AFTER_S = 4.0
GONE_AFTER_S = 60.0
REPEAT_EVERY_S = 10.0
AGAIN_AFTER_S = 0.25
# A stream this fast soon sends the next frame; when it stumbles, or the hub does, repeating would add to the load.
_FAST_FRAMES, _FAST_WITHIN_S, _FAST_PATIENCE = 6, 1.0, 2
_METER_S = 5.0
_METER_FRAMES = 256


class Kind(StrEnum):
    """What a viewer is shown."""

    LIVE = "live"
    LAST = "last"
    NONE = "none"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class View:
    """One picture for viewers. `received_at` is unix time, `received_s` the monotonic clock."""

    kind: Kind
    jpeg: bytes
    sequence: int = 0
    received_at: float | None = None
    received_s: float | None = None

    def age_s(self, now_s: float | None = None) -> float | None:
        """Return how old the camera's picture is."""
        if self.received_s is None:
            return None
        return max(0.0, (time.monotonic() if now_s is None else now_s) - self.received_s)


@dataclass(frozen=True, slots=True)
class Stats:
    """How a camera's stream went in the last five seconds; `frames` counts from the start."""

    fps: float
    bytes_per_s: float
    age_s: float | None
    frames: int
    viewers: int


class Watching(Protocol):
    """One look at a camera, until it is closed."""

    def take(self) -> View | None:
        """Return the newest that was not taken yet, None when there is nothing until `wake` is called."""

    def close(self) -> None:
        """Look no more."""


class Frames(Protocol):
    """What endpoints and pages know of live pictures, in one process or across several."""

    def put(self, code: str, picture: bytes) -> None:
        """Take a camera's newest picture. Call from the loop; it never waits."""

    def watch(self, code: str, wake: Callable[[], None], *, again: bool = False) -> "Watching":
        """Begin to look, from the loop. `wake` is called there when there may be something to take.

        `again`: give a picture once more when no newer one follows it soon.
        """

    async def snapshot(self, code: str) -> View | None:
        """Return the newest picture, however old, or None when there is none."""

    async def stats(self, code: str) -> Stats | None:
        """Return how the stream goes, None for a camera that never sent a frame."""

    def forget(self, code: str) -> None:
        """Drop what is held of a camera: it was removed, or may no longer be seen."""

    def codes(self) -> list[str]:
        """Return the cameras that are received here."""


class _Camera:
    """One camera's newest picture and who waits for the next."""

    def __init__(self) -> None:
        # As it came, until somebody wants to see it: most frames nobody looks at.
        self.frame: View | None = None
        self._is_cut = False
        # What viewers are to see: the frame, or what is said instead of it.
        self.shown: View | None = None
        self.watches: set[Watch] = set()
        self.minder: asyncio.Task | None = None
        self.frames = 0
        self.settled: View | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._back: asyncio.Future | None = None
        self._meter: deque[tuple[float, int]] = deque(maxlen=_METER_FRAMES)

    def take(self, frame: View) -> None:
        self.frame, self._is_cut = frame, False
        self.frames += 1
        self._meter.append((frame.received_s or 0.0, len(frame.jpeg)))
        if self._back is not None and not self._back.done():
            self._back.set_result(None)
        self.show(self.newest() if self.watches else frame)

    def newest(self) -> View | None:
        """Return the newest frame as viewers get it."""
        if self.frame is not None and not self._is_cut:
            picture, self._is_cut = complete(self.frame.jpeg), True
            if picture is not self.frame.jpeg:
                self.frame = replace(self.frame, jpeg=picture)
        return self.frame

    def show(self, view: View | None) -> None:
        self.shown = view
        self.wake()

    def wake(self) -> None:
        for watch in tuple(self.watches):
            watch.wake()

    async def wait_for_frame(self, within_s: float) -> None:
        """Return when a frame comes, or the time is over."""
        self._back = asyncio.get_running_loop().create_future()
        await asyncio.wait((self._back,), timeout=within_s)

    def settle_later(self, view: View, after_s: float) -> None:
        """Let viewers who wish it have this view once more, unless a newer one comes first."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(after_s, self._settle, view)

    def _settle(self, view: View) -> None:
        self.settled, self._alarm = view, None
        self.wake()

    def is_fast(self) -> bool:
        if len(self._meter) < _FAST_FRAMES:
            return False
        return self._meter[-1][0] - self._meter[-_FAST_FRAMES][0] < _FAST_WITHIN_S

    def stats(self, now_s: float) -> Stats:
        recent = [(at_s, size) for at_s, size in self._meter if now_s - at_s <= _METER_S]
        span_s = max(now_s - recent[0][0], 0.2) if recent else _METER_S
        return Stats(
            fps=len(recent) / span_s,
            bytes_per_s=sum(size for _, size in recent) / span_s,
            age_s=self.frame.age_s(now_s) if self.frame else None,
            frames=self.frames,
            viewers=len(self.watches),
        )


class Watch:
    """One look at a camera of this process."""

    __slots__ = ("_again", "_camera", "_leave", "_may_repeat", "_taken", "wake")

    def __init__(
        self, camera: _Camera, wake: Callable[[], None], again: bool, leave: Callable[["Watch"], None]
    ) -> None:
        self.wake = wake
        self._camera = camera
        self._again = again
        self._leave = leave
        self._taken: View | None = None
        self._may_repeat = False

    def take(self) -> View | None:
        """Return the newest that was not taken yet, None when there is nothing until `wake` is called."""
        view = self._camera.shown
        if view is not self._taken and view is not None:
            self._taken, self._may_repeat = view, self._again
            return view
        if self._may_repeat and self._camera.settled is view:
            self._may_repeat = False
            return view
        return None

    def close(self) -> None:
        """Look no more."""
        self._leave(self)


class LatestFrames:
    """The live pictures of this process. `grace_s`: how long a first picture may take before it is missed."""

    def __init__(
        self,
        *,
        stale_after_s: float = STALE_AFTER_S,
        gone_after_s: float = GONE_AFTER_S,
        repeat_every_s: float = REPEAT_EVERY_S,
        grace_s: float = 0.0,
        again_after_s: float = AGAIN_AFTER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stale_after_s = stale_after_s
        self._gone_after_s = gone_after_s
        self._repeat_every_s = repeat_every_s
        self._grace_s = grace_s
        self._again_after_s = again_after_s
        self._clock = clock
        self._cameras: dict[str, _Camera] = {}

    def put(self, code: str, picture: bytes) -> None:
        """Take a camera's newest picture. Call from the loop; it never waits."""
        self.take(code, picture, self._camera(code).frames + 1, 0.0, time.time())

    def take(self, code: str, picture: bytes, sequence: int, age_s: float, received_at: float) -> None:
        """Take a picture that was received elsewhere, `age_s` ago."""
        received_s, camera = self._clock() - age_s, self._camera(code)
        camera.take(View(Kind.LIVE, picture, sequence, received_at, received_s))
        if camera.watches and camera.shown is not None:
            patience = _FAST_PATIENCE if camera.is_fast() else 1
            camera.settle_later(camera.shown, self._again_after_s * patience)

    def watch(self, code: str, wake: Callable[[], None], *, again: bool = False) -> Watch:
        """Begin to look, from the loop. `wake` is called there when there may be something to take."""
        camera = self._camera(code)

        def leave(watch: Watch) -> None:
            camera.watches.discard(watch)
            if not camera.watches:
                self._look_away(code, camera)

        watch = Watch(camera, wake, again, leave)
        camera.watches.add(watch)
        if camera.minder is None:
            # Nobody minded it so far: what it shows may be old.
            frame = camera.newest()
            camera.shown = frame if self._is_fresh(frame) else None
            camera.minder = asyncio.create_task(self._mind(camera))
            if frame is not None:
                camera.settle_later(frame, self._again_after_s)
        return watch

    def _look_away(self, code: str, camera: _Camera) -> None:
        if camera.minder is not None:
            if camera.minder is not None:
                camera.minder.cancel()
            camera.minder = None
        if camera.frame is None and self._cameras.get(code) is camera:
            del self._cameras[code]

    async def snapshot(self, code: str) -> View | None:
        """Return the newest picture, however old, or None when there is none."""
        return self.newest(code)

    async def stats(self, code: str) -> Stats | None:
        """Return how the stream goes, None for a camera that never sent a frame."""
        camera = self._cameras.get(code)
        return camera.stats(self._clock()) if camera and camera.frames else None

    def forget(self, code: str) -> None:
        """Drop what is held of a camera; who still looks sees that there is no picture."""
        camera = self._cameras.get(code)
        if camera is None:
            return
        camera.frame = camera.shown = None
        if camera.watches:
            if camera.minder is not None:
                camera.minder.cancel()
            camera.minder = asyncio.create_task(self._mind(camera))
        else:
            del self._cameras[code]

    def newest(self, code: str) -> View | None:
        """Return the newest picture held here, however old."""
        camera = self._cameras.get(code)
        return camera.newest() if camera else None

    def codes(self) -> list[str]:
        """Return the cameras of which a picture is held."""
        return [code for code, camera in self._cameras.items() if camera.frame]

    def viewers(self, code: str) -> int:
        """Return how many look at this camera here."""
        return len(self._cameras[code].watches) if code in self._cameras else 0

    def _camera(self, code: str) -> _Camera:
        return self._cameras.setdefault(code, _Camera())

    def _is_fresh(self, frame: View | None) -> bool:
        age_s = frame.age_s(self._clock()) if frame is not None else None
        return age_s is not None and age_s < self._stale_after_s

    async def _mind(self, camera: _Camera) -> None:
        """Say it when the camera is silent. Runs while somebody looks; all who do share the drawing."""
        if camera.frame is None:
            await asyncio.sleep(self._grace_s)
        while True:
            frame, age_s = camera.frame, camera.frame.age_s(self._clock()) if camera.frame else None
            if age_s is not None and age_s < self._stale_after_s:
                await asyncio.sleep(self._stale_after_s - age_s + 0.01)
                continue
            notice = await self._draw(frame, age_s)
            if camera.frame is frame:
                camera.show(notice)
                camera.settle_later(notice, self._again_after_s)
                # The camera may come back meanwhile, and fall silent again.
                await camera.wait_for_frame(self._until_next(age_s))

    async def _draw(self, frame: View | None, age_s: float | None) -> View:
        if frame is None or age_s is None or age_s >= self._gone_after_s:
            return View(Kind.NONE, await asyncio.to_thread(notices.draw_no_picture))
        drawn = await asyncio.to_thread(_draw_last, frame.jpeg, age_s)
        return View(Kind.LAST, drawn, frame.sequence, frame.received_at, frame.received_s)

    def _until_next(self, age_s: float | None) -> float:
        """Return when the notice is due again: at round ages, and repeated so that no proxy hangs up."""
        if age_s is None or age_s >= self._gone_after_s:
            return self._repeat_every_s
        return min(self._repeat_every_s - age_s % self._repeat_every_s, self._gone_after_s - age_s) + 0.01


def _draw_last(picture: bytes, age_s: float) -> bytes:
    try:
        with decoding.room_for(picture):
            return notices.draw_last(picture, age_s)
    except (memory.Crowded, memory.TooLarge):
        return notices.draw_no_picture()


def cut_tail(picture: bytes) -> bytes:
    """Return the picture without what the camera left behind its end."""
    try:
        end = jpeg.end_of_image(picture)
    except jpeg.NotJpeg:
        return picture
    return picture if end in (None, len(picture)) else picture[:end]


def complete(picture: bytes) -> bytes:
    """Return the picture as every program can show it: without a tail, and with Huffman tables."""
    return jpeg.with_tables(cut_tail(picture))


async def views(frames: Frames, code: str, *, again: bool = False) -> AsyncGenerator[View]:
    """Yield what there is to see, the newest each time, for ever. Close it with `aclosing`."""
    woken = asyncio.Event()
    watching = frames.watch(code, woken.set, again=again)
    try:
        while True:
            while (view := watching.take()) is not None:
                yield view
            await woken.wait()
            woken.clear()
    finally:
        watching.close()
