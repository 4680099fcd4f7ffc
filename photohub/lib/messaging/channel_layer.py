"""The in-memory channel layer, made safe for the threads of the single process."""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from channels.layers import InMemoryChannelLayer

HANDOVER_S = 5.0


class ThreadSafeLayer(InMemoryChannelLayer):
    """Deliver messages at once, whichever thread or loop sends them.

    The parent keeps plain asyncio queues, which wake nobody when they are filled from another thread: what
    the Celery worker sent waited until the loop happened to turn. So the layer remembers the loop its
    consumers live in, and every send from elsewhere is handed over to that loop. Callers need not know: the
    Redis layer has the same methods.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: Counter[str] = Counter()

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop in which the consumers live, before the first of them arrives."""
        self._loop = loop

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        await self._run_at_home(super().send(channel, message))

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self._run_at_home(super().group_send(group, message))

    async def receive(self, channel: str) -> dict[str, Any]:
        self._settle()
        self._waiting[channel] += 1
        try:
            return await super().receive(channel)
        finally:
            self._waiting[channel] -= 1
            if not self._waiting[channel]:
                del self._waiting[channel]
            self._listened(channel)

    async def group_add(self, group: str, channel: str) -> None:
        self._settle()
        await super().group_add(group, channel)
        self._listened(channel)

    def _listened(self, channel: str) -> None:
        """Count a membership from the last time that its channel was read: nobody joins a second time."""
        for members in self.groups.values():
            if channel in members:
                members[channel] = time.monotonic()

    async def _run_at_home(self, work: Coroutine[Any, Any, None]) -> None:
        home = self._loop
        if home is None or home is asyncio.get_running_loop():
            await work
        elif home.is_running():
            # The layer promises at most once: a loop that ends just now must not hold the sender for ever.
            handed_over = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, home))
            await asyncio.wait([handed_over], timeout=HANDOVER_S)
            if handed_over.done():
                handed_over.result()
        else:
            # Nobody can be listening in a loop that stopped.
            work.close()

    def _settle(self) -> None:
        """Remember the running loop, unless another one that still runs is home already."""
        if self._loop is None or not self._loop.is_running():
            self._loop = asyncio.get_running_loop()

    def _clean_expired(self) -> None:
        """Drop expired messages, and nothing but them.

        The parent also throws the reader of an expired message out of all its groups: a dashboard that was
        busy for a minute would stay open and never hear anything again. And it ends every membership a day after
        joining, by a clock that may jump. Here only who has not listened for the whole group expiry, and does not
        listen now, is taken out.
        """
        now = time.time()
        for channel, queue in list(self.channels.items()):
            # asyncio's queue keeps what waits there, in order.
            # pyrefly: ignore[missing-attribute]
            while not queue.empty() and not now <= queue._queue[0][0] <= now + self.expiry:
                queue.get_nowait()
                if queue.empty():
                    self.channels.pop(channel, None)
        before = time.monotonic() - self.group_expiry
        for members in self.groups.values():
            for channel, listened_at in list(members.items()):
                if listened_at < before and not self._waiting[channel]:
                    del members[channel]
