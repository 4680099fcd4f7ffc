"""The schedule by a clock that does not jump.

Celery's own looks at the time of day: set back by a year, it sends nothing for a year, and everything that is
swept stands still.
"""

import time

from celery.beat import ScheduleEntry, Scheduler
from celery.schedules import schedstate


class SteadyEntry(ScheduleEntry):
    """A task that is due so many seconds after it was last sent, or after the start."""

    def __init__(self, *args, began_s: float | None = None, **kwargs) -> None:
        # Celery makes the next entry of all that this one holds; its time begins now.
        super().__init__(*args, **kwargs)
        self.began_s = time.monotonic()

    def is_due(self) -> schedstate:
        # Every entry of ours has a schedule in seconds.
        # pyrefly: ignore[missing-attribute]
        every_s = self.schedule.run_every.total_seconds()
        left_s = self.began_s + every_s - time.monotonic()
        return schedstate(is_due=left_s <= 0, next=left_s if left_s > 0 else every_s)


class SteadyScheduler(Scheduler):
    """Keeps the schedule of the settings in memory."""

    Entry = SteadyEntry

    def _when(self, entry: SteadyEntry, next_time_to_run: float, mktime=None) -> float:
        return time.monotonic() + (self.adjust(next_time_to_run) or 0)
