"""Threads that store what all doors of a process hand in: whatever waits goes into one batch."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

Store = Callable[[list[Any]], Sequence[Any]]


class Committer:
    """Hands batches to `store`, which returns one outcome for each item, in order; an exception is raised to its sender.

    There are two threads, so that one batch's files are written and synced while the rows of the one before are
    committed. Who worked last is woken first: its database connection still holds the pages that the next batch
    changes, while the other's would have to read them anew. One that was woken takes all that came meanwhile.
    """

    def __init__(self, store: Store, at_most: int = 64, threads: int = 2) -> None:
        self._store = store
        self._at_most = at_most
        self._wanted = threads
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Any, Future]] = deque()
        self._threads: list[threading.Thread] = []
        self._idle: list[threading.Lock] = []
        self._woken = False
        self._stopping = False

    def submit(self, item: Any) -> Future:
        """Hand in one item; the future holds its outcome."""
        future: Future = Future()
        with self._lock:
            self._waiting.append((item, future))
            bell = self._next_bell()
        if bell is not None:
            bell.release()
        return future

    def _next_bell(self) -> "threading.Lock | None":
        """Return the bell of the thread to wake, if one is to be woken; call with the lock held."""
        if self._woken or not self._waiting:
            return None
        if self._idle:
            self._woken = True
            return self._idle.pop()
        if len(self._threads) < self._wanted and not self._stopping:
            self._woken = True
            name = f"photohub-committer-{len(self._threads)}"
            thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        return None

    def _run(self) -> None:
        bell = threading.Lock()
        bell.acquire()
        while True:
            with self._lock:
                self._woken = False
                count = min(len(self._waiting), self._at_most)
                batch = [self._waiting.popleft() for _ in range(count)]
                other = self._next_bell()
                if not batch:
                    if self._stopping:
                        return
                    self._idle.append(bell)
            if other is not None:
                other.release()
            if batch:
                self._finish(batch)
            else:
                bell.acquire()

    def _finish(self, batch: list[tuple[Any, Future]]) -> None:
        try:
            outcomes = self._store([item for item, _ in batch])
        except BaseException as error:
            outcomes = [error] * len(batch)
        # A sender that is answered sends again at once, and this thread is about to look: no other need be woken.
        with self._lock:
            self._woken = True
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def stop(self) -> None:
        """Store what waits, then end the threads. What is handed in later starts them again."""
        with self._lock:
            self._stopping = True
            threads, bells = self._threads, self._idle
            self._idle = []
        for bell in bells:
            bell.release()
        for thread in threads:
            thread.join(10)
        with self._lock:
            self._threads, self._stopping, self._woken = [], False, False
