"""Hold back a camera that sends more pictures than anybody can watch, so that it takes no time of the others."""

import asyncio

FRAMES_PER_S = 120.0
_SAVED_UP_S = 1.0


class FramePace:
    """One for each connection."""

    def __init__(self, frames_per_s: float = FRAMES_PER_S) -> None:
        self._frames_per_s = frames_per_s
        self._due_s = float("-inf")

    def wait_s(self, frames: int, now_s: float) -> float:
        """Count frames that came now, and return how long to wait before the next are read."""
        self._due_s = max(self._due_s, now_s - _SAVED_UP_S) + frames / self._frames_per_s
        return max(0.0, self._due_s - now_s)

    async def keep(self, frames: int) -> None:
        """Count frames that came now, and wait as long as they are too many."""
        if wait_s := self.wait_s(frames, asyncio.get_running_loop().time()):
            await asyncio.sleep(wait_s)
