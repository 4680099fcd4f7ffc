"""The worker of the one process: threads that do what is enqueued, and a schedule that has the rows looked at.

Nothing here outlives the process; that loses nothing, because the rows are the queue. While nothing was committed and
nothing waits for a time, the schedule looks once a minute instead of every few seconds.
"""

import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from photohub.lib.database.commits import Looks
from photohub.lib.database.db import tidy
from photohub.lib.database.outage import is_away
from photohub.lib.messaging import enqueue
from photohub.lib.messaging.tasks import TASKS, WAITS

log = logging.getLogger(__name__)

# Pillow and sockets release the interpreter; more threads only wait for the same two cores. Two may wait for the mirror.
CONCURRENCY = 3
WAITING_AT_MOST = 500
_STOP_S = 3.0
# What a stop interrupted, and the status page, need not wait for the schedule's first turn.
_AT_ONCE_S = 30.0


@dataclass
class Turn:
    """One line of the schedule, by a clock that does not jump. `under_way` while it waits for a thread or has one."""

    task: str
    every_s: float
    due_s: float
    looks: Looks | None = None
    under_way: bool = False


class EmbeddedWorker:
    """A few threads for all tasks, and one that keeps the schedule: lines of a task and its seconds."""

    def __init__(self, schedule: Iterable[tuple[str, float]] | None = None) -> None:
        self._lines = list(schedule if schedule is not None else _of_settings())
        self._pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="photohub-worker")
        self._lock = threading.Lock()
        self._under_way: set[Future] = set()
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to work. Raises ImportError where a module of tasks cannot be imported: it would do none of them."""
        autodiscover_modules("tasks")
        enqueue.carry_with(self._carry)
        threading.Thread(target=self._keep_schedule, name="photohub-schedule", daemon=True).start()

    def _carry(self, task: str, ids: list[str]) -> None:
        self.put(task, [ids])

    def put(self, task: str, arguments: list) -> Future | None:
        """Have a task done. None: so many wait that the sweep is to find its rows."""
        with self._lock:
            if self._stopping.is_set() or len(self._under_way) >= WAITING_AT_MOST:
                return None
            future = self._pool.submit(self._do, task, arguments)
            self._under_way.add(future)
        future.add_done_callback(self._forget)
        return future

    def _forget(self, future: Future) -> None:
        with self._lock:
            self._under_way.discard(future)

    def _do(self, task: str, arguments: list) -> None:
        try:
            tidy(TASKS[task], *arguments)
        except Exception as error:
            _tell(task, error)

    # --- the schedule

    def _keep_schedule(self) -> None:
        now_s = time.monotonic()
        turns = [
            Turn(
                task,
                every_s,
                now_s if every_s <= _AT_ONCE_S else now_s + every_s,
                Looks(WAITS[task]) if task in WAITS else None,
            )
            for task, every_s in self._lines
        ]
        while turns and not self._stopping.wait(max(0.0, min(t.due_s for t in turns) - time.monotonic())):
            try:
                self._take_turns(turns)
            except Exception:
                log.exception("A turn of the schedule was missed.")

    def _take_turns(self, turns: list[Turn]) -> None:
        now_s = time.monotonic()
        for turn in turns:
            if turn.due_s > now_s:
                continue
            # Lines of one pace stay together, so that the process wakes up once for all of them.
            turn.due_s = max(turn.due_s + turn.every_s, now_s)
            if not turn.under_way and (turn.looks is None or turn.looks.is_due()):
                self._begin(turn)

    def _begin(self, turn: Turn) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            turn.under_way = True
            future = self._pool.submit(self._take, turn)
            self._under_way.add(future)
        future.add_done_callback(self._forget)

    def _take(self, turn: Turn) -> None:
        try:
            work = TASKS[turn.task]
            tidy(turn.looks.look, work) if turn.looks is not None else tidy(work)
        except Exception as error:
            _tell(turn.task, error)
        finally:
            turn.under_way = False

    # --- the end

    def stop(self) -> bool:
        """Let running tasks finish. Returns False when one goes on, as a hanging copy may.

        Nothing is lost when the process ends under such a task: its row is due again when the lease is over.
        """
        with self._lock:
            self._stopping.set()
        enqueue.carry_with(None)
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            running = set(self._under_way)
        return not wait(running, _STOP_S).not_done


def _of_settings() -> list[tuple[str, float]]:
    return [(line["task"], line["schedule"]) for line in settings.CELERY_BEAT_SCHEDULE.values()]


def _tell(task: str, error: Exception) -> None:
    if is_away(error):
        log.warning("The task %s has no database (%s); its rows are due again.", task, type(error).__name__)
    else:
        log.error("The task %s failed; its rows are due again.", task, exc_info=error)
