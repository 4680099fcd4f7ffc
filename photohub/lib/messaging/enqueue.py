"""Ringing Celery without ever waiting for it.

The row is the queue. A ring only says "look now" so that nobody waits for the sweeper; rings of the same task that
come close together are joined, and while the broker is away they are dropped, since the sweeper finds the rows.
"""

import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

from celery import current_app

log = logging.getLogger(__name__)

_QUIET_AFTER_FAILURE_S = 5.0
# More wait only while the task broker hangs; the sweeper finds them.
_IDS_AT_MOST = 5_000
_IDS_PER_TASK = 24  # Three groups of copies that go side by side.


@dataclass
class _Ring:
    """What one task is to be rung for, and from when on."""

    due_s: float
    unless: Callable[[], bool] | None = None
    ids: dict[str, None] = field(default_factory=dict)


class Doorbell:
    """A daemon thread that hands ids to tasks, so that the caller goes on at once."""

    def __init__(self) -> None:
        self._forget()
        me = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: (bell := me()) and bell._forget())

    def _forget(self) -> None:
        """Begin with nothing: at first, and in a child process, which has no thread; its parent rings for what waits."""
        self._waiting: dict[str, _Ring] = {}
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._quiet_until = 0.0
        self._wakes_s = math.inf

    def ring(
        self, task: str, ids: list, after_s: float = 0.0, unless: Callable[[], bool] | None = None
    ) -> None:
        """Ask for `task(ids)` to run soon, or in `after_s` unless something speaks against it by then."""
        due_s = time.monotonic() + after_s
        with self._wake:
            waiting = self._waiting.setdefault(task, _Ring(due_s, unless))
            room = max(0, _IDS_AT_MOST - len(waiting.ids))
            waiting.ids.update(dict.fromkeys(str(i) for i in ids[:room]))
            if due_s < waiting.due_s:
                waiting.due_s, waiting.unless = due_s, unless
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="photohub-doorbell", daemon=True)
                self._thread.start()
            # Waking the thread costs as much as the ring; who is not due before it wakes by itself need not.
            if due_s < self._wakes_s:
                self._wakes_s = due_s
                self._wake.notify()

    def _run(self) -> None:
        while True:
            due = self._wait_for_due()
            try:
                rung = {task: ring.ids for task, ring in due.items() if not (ring.unless and ring.unless())}
            except Exception:
                log.exception("What was rung for is left to the sweeper.")
                continue
            if time.monotonic() >= self._quiet_until:
                self._send(rung)

    def _wait_for_due(self) -> dict[str, _Ring]:
        with self._wake:
            while True:
                now_s = time.monotonic()
                due = {task: ring for task, ring in self._waiting.items() if ring.due_s <= now_s}
                if due:
                    self._waiting = {t: ring for t, ring in self._waiting.items() if t not in due}
                    return due
                self._wakes_s = min((ring.due_s for ring in self._waiting.values()), default=math.inf)
                self._wake.wait(None if self._wakes_s == math.inf else self._wakes_s - now_s)

    def _send(self, waiting: dict[str, dict[str, None]]) -> None:
        try:
            for task, ids in waiting.items():
                ordered = list(ids)
                for start in range(0, len(ordered), _IDS_PER_TASK):
                    current_app.send_task(task, args=[ordered[start : start + _IDS_PER_TASK]], retry=False)
        except Exception as error:  # kombu raises its transports' own errors; the rows wait for the sweeper
            self._quiet_until = time.monotonic() + _QUIET_AFTER_FAILURE_S
            log.warning("The task broker is away (%s); the sweeper will find the work.", type(error).__name__)


_doorbell = Doorbell()
ring = _doorbell.ring
