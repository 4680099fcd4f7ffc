"""Calls that come while one is on its way wait for it, and then go together: a lone call waits for nobody.

One hop to a thread, one statement and one commit then serve all of them, which is most of what a single one costs.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from .db import in_thread

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Carries calls out in groups. Used from one loop at a time.

    `work` is a plain function that may use the database. It returns what came of each item, in their order; an
    exception among these is raised for its item alone, and one that `work` raises is raised for all of the group.
    Groups begin at least `apart_s` after each other, so that they are large where many calls come.
    """

    def __init__(
        self, work: Callable[[list[T]], Sequence[R | Exception]], *, at_most: int = 200, apart_s: float = 0.0
    ) -> None:
        self._work = work
        self._at_most, self._apart_s = at_most, apart_s
        self._next_s = 0.0
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """Return what came of this item, or raise it."""
        loop = asyncio.get_running_loop()
        if self._running is not None and self._running.get_loop() is not loop:
            # The loop before this one has ended, and with it whoever waited there.
            self._running, self._waiting = None, []
        answer: asyncio.Future[R] = loop.create_future()
        self._waiting.append((item, answer))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._waiting:
            if (wait_s := self._next_s - clock()) > 0:
                await asyncio.sleep(wait_s)
            self._next_s = clock() + self._apart_s
            group, self._waiting = self._waiting[: self._at_most], self._waiting[self._at_most :]
            try:
                results = await in_thread(self._work, [item for item, _answer in group])
                if len(results) != len(group):
                    raise RuntimeError(f"{len(results)} results came for {len(group)} items.")
            except Exception as error:
                results = [error] * len(group)
            except asyncio.CancelledError:
                # Whoever waits hears of it, or he would wait for ever.
                for _item, answer in [*group, *self._waiting]:
                    _settle(answer, RuntimeError("It was not carried out, because the hub stops."))
                self._waiting = []
                raise
            for (_item, answer), result in zip(group, results, strict=True):
                _settle(answer, result)


def _settle(answer: asyncio.Future[R], result: R | Exception) -> None:
    if answer.done():
        return  # Whoever asked has been cancelled.
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)
