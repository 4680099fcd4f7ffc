"""Celery's beat, of which any number may run: it rings while it holds the schedule, and waits for it otherwise."""

import time

from celery.beat import ScheduleEntry

from photohub.beat.hold import LOOK_EVERY_S, Hold
from photohub.lib.messaging.schedule import SteadyScheduler


class HeldScheduler(SteadyScheduler):
    """Begins where the holder before it ended, so that what is due is rung for once."""

    # Celery's type is that of its own value.
    # pyrefly: ignore[bad-override]
    max_interval = LOOK_EVERY_S

    def __init__(self, *args, hold: Hold | None = None, **kwargs) -> None:
        self.hold = hold or Hold()
        super().__init__(*args, **kwargs)

    def tick(self, *args, **kwargs) -> float:
        was_ours = self.hold.is_ours
        if not self.hold.keep():
            return LOOK_EVERY_S
        if not was_ours:
            self._go_on()
        return super().tick(*args, **kwargs)

    def apply_entry(self, entry: ScheduleEntry, producer=None) -> None:
        if self.hold.note_rung(str(entry.name)):
            super().apply_entry(entry, producer=producer)

    def close(self) -> None:
        super().close()
        self.hold.release()

    def _go_on(self) -> None:
        """Let each entry be due as long after it was last rung for as it says; the first time of all, after that from now."""
        self.hold.forget_others(self.schedule)
        for entry in self.schedule.values():
            entry.began_s = time.monotonic() - (self.hold.age_s(entry.name) or 0.0)
        self._heap = None
