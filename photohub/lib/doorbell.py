"""Ringing Celery without ever waiting for it.

The row is the queue. A ring only says "look now" so that nobody waits for the sweeper; rings of the same task that
come close together are joined, and while the broker is away they are dropped, since the sweeper finds the rows.
"""

import logging
import threading
import time

from celery import current_app

log = logging.getLogger(__name__)

_QUIET_AFTER_FAILURE_S = 5.0
_IDS_PER_TASK = 25


class Doorbell:
    """A daemon thread that hands ids to tasks, so that the caller goes on at once."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, None]] = {}
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._quiet_until = 0.0

    def ring(self, task: str, ids: list) -> None:
        """Ask for `task(ids)` to run soon."""
        with self._wake:
            self._waiting.setdefault(task, {}).update(dict.fromkeys(str(i) for i in ids))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="photohub-doorbell", daemon=True)
                self._thread.start()
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting:
                    self._wake.wait()
                waiting, self._waiting = self._waiting, {}
            if time.monotonic() >= self._quiet_until:
                self._send(waiting)

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
