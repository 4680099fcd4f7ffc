"""Threads that store what all endpoints of a process hand in: whatever waits goes into one batch."""

import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from photohub.lib.messaging import loop_calls

Store = Callable[[list[Any]], Sequence[Any]]

log = logging.getLogger(__name__)

WAITING_AT_MOST = 1000
BYTES_AT_MOST = 64 * 2**20
_JOIN_WITHIN_S = 10
_REST_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    item: Any
    future: Future
    size_bytes: int


class Committer:
    """Hands batches to `store`, which returns one outcome for each item, in order; an exception is raised to its sender.

    There are two threads, so that one batch's files are written and synced while the rows of the one before are
    committed. Who worked last is woken first: its database connection still holds the pages that the next batch
    changes, while the other's would have to read them anew. One that was woken takes all that came meanwhile.

    Every future ends, whatever happens: an item that finds no room ends with `refuse()`. One whose sender has
    cancelled it is dropped before any work. `weigh` tells how many bytes of memory an item holds while it waits.
    `afterwards` runs in a thread that found nothing left to store, and once a second while there is always more.
    """

    def __init__(
        self,
        store: Store,
        at_most: int = 64,
        threads: int = 2,
        *,
        waiting_at_most: int = WAITING_AT_MOST,
        bytes_at_most: int = BYTES_AT_MOST,
        weigh: Callable[[Any], int] = lambda item: 0,
        refuse: Callable[[], Exception] = lambda: RuntimeError("Too much waits to be stored."),
        afterwards: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._at_most = at_most
        self._wanted = threads
        self._waiting_at_most = waiting_at_most
        self._bytes_at_most = bytes_at_most
        self._weigh = weigh
        self._refuse = refuse
        self._afterwards = afterwards
        self._forget()
        me = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: (committer := me()) and committer._forget())

    def _forget(self) -> None:
        """Begin with nothing: at first, and in a child process, which has neither the threads nor the senders."""
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._rested_s = 0.0
        self._threads: set[threading.Thread] = set()
        self._idle: list[threading.Lock] = []
        self._woken = False
        self._stopping = False

    def submit(self, item: Any) -> Future:
        """Hand in one item; the future holds its outcome. Cancel it when nobody waits for the outcome any more."""
        waiting = _Waiting(item, Future(), self._weigh(item))
        with self._lock:
            if not self._has_room(waiting):
                self._drop_cancelled()
            if not self._has_room(waiting):
                waiting.future.set_exception(self._refuse())
                return waiting.future
            self._waiting.append(waiting)
            self._waiting_bytes += waiting.size_bytes
            waker = self._next_waker()
        if waker is not None:
            waker.release()
        return waiting.future

    def _has_room(self, item: "_Waiting") -> bool:
        if not self._waiting:
            return True
        fits = self._waiting_bytes + item.size_bytes <= self._bytes_at_most
        return fits and len(self._waiting) < self._waiting_at_most

    def _drop_cancelled(self) -> None:
        self._waiting = deque(waiting for waiting in self._waiting if not waiting.future.cancelled())
        self._waiting_bytes = sum(waiting.size_bytes for waiting in self._waiting)

    def _next_waker(self) -> "threading.Lock | None":
        """Return the lock of the thread to wake, if one is to be woken; call with the lock held."""
        if self._woken or not self._waiting:
            return None
        if self._idle:
            self._woken = True
            return self._idle.pop()
        if len(self._threads) < self._wanted and not self._stopping:
            self._start_thread()
        return None

    def _start_thread(self) -> None:
        names = {thread.name for thread in self._threads}
        name = next(n for i in range(self._wanted) if (n := f"photohub-committer-{i}") not in names)
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # The system gives no thread now. Another one takes what waits, or nobody would.
            if not self._threads:
                self._end_waiting(error)
            return
        self._threads.add(thread)
        self._woken = True

    def _end_waiting(self, error: BaseException) -> None:
        while self._waiting:
            _end(self._waiting.popleft().future, error)
        self._waiting_bytes = 0

    def _run(self) -> None:
        try:
            self._work()
        except BaseException:
            log.exception("A thread that stores pictures ended; the next picture starts another.")
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
                # It may have been the one that was to look next.
                self._woken = False
                other = self._next_waker()
            if other is not None:
                other.release()

    def _work(self) -> None:
        waker = threading.Lock()
        waker.acquire()
        batch: list[_Waiting] = []
        rested = False
        try:
            while True:
                with self._lock:
                    self._woken = False
                    batch = self._take()
                    other = self._next_waker()
                    sleeps = rested and not batch
                    if sleeps and self._stopping:
                        return
                    if sleeps:
                        self._idle.append(waker)
                if other is not None:
                    other.release()
                if sleeps:
                    waker.acquire()
                    rested = False
                    continue
                if batch:
                    with loop_calls.together():
                        self._finish(batch)
                # Who found nothing rests once, and looks again before going to sleep: resting may have taken a while.
                rested = self._rest(now=not batch)
        except BaseException as error:
            for waiting in batch:
                _end(waiting.future, error)
            raise

    def _take(self) -> "list[_Waiting]":
        """Take the next batch out of the queue; call with the lock held."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < self._at_most:
            waiting = self._waiting.popleft()
            self._waiting_bytes -= waiting.size_bytes
            # From here on it cannot be cancelled any more. The library complains about one that somebody else ended.
            with suppress(RuntimeError):
                if waiting.future.set_running_or_notify_cancel():
                    batch.append(waiting)
        return batch

    def _finish(self, batch: "list[_Waiting]") -> None:
        outcomes: Sequence[Any] = ()
        try:
            outcomes = self._store([waiting.item for waiting in batch])
            if len(outcomes) != len(batch):
                raise RuntimeError(f"{len(outcomes)} outcomes came for {len(batch)} items.")
        except BaseException as error:
            outcomes = [error] * len(batch)
        # A sender that is answered sends again at once, and this thread is about to look: no other need be woken.
        with self._lock:
            self._woken = True
        for waiting, outcome in zip(batch, outcomes, strict=True):
            _end(waiting.future, outcome)

    def _rest(self, now: bool) -> bool:
        """Do what comes after storing, when senders have their answers. Returns whether it was time for that."""
        if not now and time.monotonic() - self._rested_s < _REST_EVERY_S:
            return False
        self._rested_s = time.monotonic()
        try:
            self._afterwards()
        except Exception:
            log.exception("What was to be done after storing failed.")
        return now

    def stop(self) -> None:
        """Store what waits, then end the threads. What is handed in later starts them again."""
        with self._lock:
            self._stopping = True
            threads, wakers = set(self._threads), self._idle
            self._idle = []
        for waker in wakers:
            waker.release()
        for thread in threads:
            thread.join(_JOIN_WITHIN_S)
        with self._lock:
            self._stopping = False
            # Somebody may have handed something in when the last thread had looked already.
            waker = self._next_waker()
        if waker is not None:
            waker.release()


def _end(future: Future, outcome: Any) -> None:
    # Whoever ended it already has had his outcome.
    with suppress(InvalidStateError):
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
