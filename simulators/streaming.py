"""What cameras that send frame after frame have in common: a pace, a scene, and a diary."""

import asyncio
import time

from simulators.device import Diary, FrameSource, Life


class StreamingCamera(Life, Diary):
    """Run one camera: `await run()` until `await stop()`. Its diary counts frames and names the rest."""

    def __init__(self, scene: FrameSource, fps: float) -> None:
        super().__init__()
        self.scene = scene
        self._fps = fps
        self._frame = 0
        self._due_s = 0.0

    async def _next_picture(self) -> bytes:
        """Wait until the next picture is due and return it."""
        self._due_s = max(self._due_s + 1 / self._fps, time.monotonic() - 1)
        await self._rest(self._due_s - time.monotonic())
        self._frame += 1
        return await asyncio.to_thread(self.scene.jpeg, time.time(), self._frame)
