"""What cameras that send frame after frame have in common: a pace, a scene, and a diary."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from simulators.esp32s3 import Event, FrameSource

EVENTS_KEPT = 1000


class StreamingCamera:
    """Run one camera: `await run()` until `await stop()`. `events` and `counters` tell what happened."""

    def __init__(self, scene: FrameSource, fps: float, *, clock: Callable[[], float] = time.time) -> None:
        self.events: list[Event] = []
        self.counters: Counter[str] = Counter()
        self.scene = scene
        self._fps = fps
        self._clock = clock
        self._frame = 0
        self._due_s = 0.0
        self._stopping = asyncio.Event()
        self._finished = asyncio.Event()
        self._finished.set()

    async def run(self) -> None:
        """Send pictures until `stop()`, or until the program of this board would end."""
        self._finished.clear()
        try:
            await self._work()
        finally:
            self._finished.set()

    async def stop(self) -> None:
        """End `run()` after the picture under way."""
        self._stopping.set()
        await self._finished.wait()

    async def _work(self) -> None:
        raise NotImplementedError

    async def _next_picture(self) -> bytes:
        """Wait until the next picture is due and return it."""
        self._due_s = max(self._due_s + 1 / self._fps, time.monotonic() - 1)
        await self._rest(self._due_s - time.monotonic())
        self._frame += 1
        return await asyncio.to_thread(self.scene.jpeg, self._clock(), self._frame)

    async def _rest(self, pause_s: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), max(0.0, pause_s))
        except TimeoutError:
            return

    def _note(self, kind: str, detail: str = "") -> None:
        self.counters[kind] += 1
        if kind != "frame":
            self.events.append(Event(kind, detail))
            del self.events[:-EVENTS_KEPT]
