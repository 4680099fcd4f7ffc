"""Enqueueing tasks without ever waiting for the task broker.

The row is the queue. A task only says "look now" so that nobody waits for the sweeper; the ids of one task that come
close together are joined, and while the broker is away they are dropped, since the sweeper finds the rows.
"""

import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

_QUIET_AFTER_FAILURE_S = 5.0
# More wait only while the task broker hangs; the sweeper finds them.
_IDS_AT_MOST = 5_000
_IDS_PER_TASK = 24  # Three groups of copies that go side by side.

# `carrier(task, ids)`, and the queue where it is not the one that all workers share.
Carrier = Callable[..., None]


def _leave_to_the_sweep(task: str, ids: list[str], queue: str = "") -> None:
    """Where there is no way to a worker, as in a command beside the running hub, the rows say what is to be done."""


_carry: Carrier = _leave_to_the_sweep


def carry_with(carrier: Carrier | None) -> None:
    """Hand tasks to this from now on: `carrier(task, ids)`, which may raise. None: to nobody."""
    global _carry
    _carry = carrier or _leave_to_the_sweep


def _to_all(task: str) -> str:
    return ""


def _no_queue() -> str:
    return ""


_route: Callable[[str], str] = _to_all
own_queue: Callable[[], str] = _no_queue


def route_with(route: Callable[[str], str], own: Callable[[], str]) -> None:
    """Let an upper room say to which queue a task goes, and which queue this machine's workers take beside the shared one."""
    global _route, own_queue
    _route, own_queue = route, own


@dataclass
class _Waiting:
    """The ids that wait for one task, and when it is due."""

    due_s: float
    unless: Callable[[], bool] | None = None
    ids: dict[str, None] = field(default_factory=dict)


class Enqueuer:
    """A daemon thread that hands ids to tasks, so that the caller goes on at once."""

    def __init__(self) -> None:
        self._forget()
        me = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: (mine := me()) and mine._forget())

    def _forget(self) -> None:
        """Begin with nothing: at first, and in a child process, which has no thread; its parent sends what waits."""
        # By task and queue.
        self._waiting: dict[tuple[str, str], _Waiting] = {}
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._quiet_until = 0.0
        self._wakes_s = math.inf

    def send_task(
        self,
        task: str,
        ids: list,
        after_s: float = 0.0,
        unless: Callable[[], bool] | None = None,
        queue: str = "",
    ) -> None:
        """Ask for `task(ids)` to run soon, or in `after_s` unless something speaks against it by then.

        Without a queue it goes where tasks of its name go.
        """
        due_s = time.monotonic() + after_s
        name = task, queue or _route(task)
        with self._wake:
            waiting = self._waiting.setdefault(name, _Waiting(due_s, unless))
            room = max(0, _IDS_AT_MOST - len(waiting.ids))
            waiting.ids.update(dict.fromkeys(str(i) for i in ids[:room]))
            if due_s < waiting.due_s:
                waiting.due_s, waiting.unless = due_s, unless
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="photohub-enqueue", daemon=True)
                self._thread.start()
            # Waking the thread costs as much as the call; who is not due before it wakes by itself need not.
            if due_s < self._wakes_s:
                self._wakes_s = due_s
                self._wake.notify()

    def _run(self) -> None:
        while True:
            due = self._wait_for_due()
            try:
                wanted = {name: w.ids for name, w in due.items() if not (w.unless and w.unless())}
            except Exception:
                log.exception("What was enqueued is left to the sweeper.")
                continue
            if time.monotonic() >= self._quiet_until:
                self._send(wanted)

    def _wait_for_due(self) -> dict[tuple[str, str], _Waiting]:
        with self._wake:
            while True:
                now_s = time.monotonic()
                due = {name: w for name, w in self._waiting.items() if w.due_s <= now_s}
                if due:
                    self._waiting = {name: w for name, w in self._waiting.items() if name not in due}
                    return due
                self._wakes_s = min((w.due_s for w in self._waiting.values()), default=math.inf)
                self._wake.wait(None if self._wakes_s == math.inf else self._wakes_s - now_s)

    def _send(self, waiting: dict[tuple[str, str], dict[str, None]]) -> None:
        try:
            for (task, queue), ids in waiting.items():
                ordered, more = list(ids), (queue,) if queue else ()
                for start in range(0, len(ordered), _IDS_PER_TASK):
                    _carry(task, ordered[start : start + _IDS_PER_TASK], *more)
        except Exception as error:  # kombu raises its transports' own errors; the rows wait for the sweeper
            self._quiet_until = time.monotonic() + _QUIET_AFTER_FAILURE_S
            log.warning("The task broker is away (%s); the sweeper will find the work.", type(error).__name__)


_enqueuer = Enqueuer()
send_task = _enqueuer.send_task
