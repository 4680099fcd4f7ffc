"""When a schedule runs: pure reckoning of days, times and the sun. Instants are seconds from 1970.

A day has stretches of instants at one distance from each other, so that to count the times of a month costs no more than
to look at its days. What daylight saving does: a time of day that comes twice runs at the first of them; one that is
left out runs as much later as the clocks are put forward; every so many minutes stay so many minutes of real time.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache

from .sun import SunDay

DAY_MIN = 24 * 60
SUN_OFFSET_MIN = 180
# So far ahead a next time is looked for: in the polar night the sun does not rise for months.
_LOOK_AHEAD_DAYS = 370
_CLOCK = re.compile(r"([01]?\d|2[0-3])[:：]([0-5]\d)")
_SUN = re.compile(r"(sunrise|sunset)\s*(?:([+-−])\s*(\d{1,3}))?", re.IGNORECASE)
_WORDS = {"日出": "sunrise", "日落": "sunset", "＋": "+", "－": "-", "−": "-"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of day in minutes, or so many minutes after sunrise or sunset."""

    minutes: int
    sun: str = ""

    def __str__(self) -> str:
        if self.sun:
            return f"{self.sun}{self.minutes:+d}" if self.minutes else self.sun
        return f"{self.minutes // 60:02}:{self.minutes % 60:02}"


def read_moment(text: str) -> Moment | None:
    """Read "8:00", "sunrise" or "sunset-30"; None where it is none of these."""
    text = text.strip()
    for word, plain in _WORDS.items():
        text = text.replace(word, plain)
    if found := _CLOCK.fullmatch(text):
        return Moment(int(found[1]) * 60 + int(found[2]))
    if (found := _SUN.fullmatch(text)) and int(found[3] or 0) <= SUN_OFFSET_MIN:
        offset = int(found[3] or 0)
        return Moment(-offset if found[2] == "-" else offset, found[1].lower())
    return None


@dataclass(frozen=True, slots=True)
class Plan:
    """When something runs. `weekdays` has a bit for each day, Monday the lowest; `sun` tells a day's sun."""

    zone: tzinfo
    every_min: int = 0
    times: tuple[Moment, ...] = ()
    weekdays: int = 0b1111111
    since: Moment | None = None
    until: Moment | None = None
    quiet: tuple[Moment, Moment] | None = None
    sun: Callable[[date], SunDay] | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many instants at one distance from each other."""

    first: int
    step: int
    count: int

    @property
    def last(self) -> int:
        return self.first + self.step * (self.count - 1)

    def within(self, after: int, before: int) -> "Stretch | None":
        """Return the part of it with after ≤ instant < before; None where there is none."""
        low = max(0, -((self.first - after) // self.step))
        high = min(self.count, -((self.first - before) // self.step))
        return Stretch(self.first + low * self.step, self.step, high - low) if low < high else None


def next_after(plan: Plan, after: int) -> int | None:
    """Return the first instant later than this one; None where there is none within a year."""
    day = local_day(plan.zone, after) - timedelta(days=1)
    found: int | None = None
    for ahead in range(_LOOK_AHEAD_DAYS):
        rest = [s.within(after + 1, 1 << 62) for s in _stretches(plan, day + timedelta(days=ahead))]
        first = min((s.first for s in rest if s is not None), default=None)
        if found is not None:
            # A day that runs past its midnight may come after what the next one begins with.
            return found if first is None else min(found, first)
        found = first
    return found


def stretches_between(plan: Plan, after: int, before: int) -> list[Stretch]:
    """Return all instants with after ≤ instant < before."""
    found = []
    day, last = local_day(plan.zone, after) - timedelta(days=1), local_day(plan.zone, before)
    while day <= last + timedelta(days=1):
        found += [part for s in _stretches(plan, day) if (part := s.within(after, before)) is not None]
        day += timedelta(days=1)
    return found


def count_by_day(plan: Plan, after: int, before: int) -> dict[date, int]:
    """Count the instants with after ≤ instant < before on each day of the zone."""
    counts, day = {}, local_day(plan.zone, after)
    while (start := midnight(plan.zone, day)) < before:
        end = midnight(plan.zone, day + timedelta(days=1))
        some = stretches_between(plan, max(after, start), min(before, end))
        if count := sum(s.count for s in some):
            counts[day] = count
        day += timedelta(days=1)
    return counts


def local_day(zone: tzinfo, at: int) -> date:
    return datetime.fromtimestamp(at, zone).date()


def midnight(zone: tzinfo, day: date) -> int:
    return _at(zone, day, 0)


@lru_cache(maxsize=4096)
def _at(zone: tzinfo, day: date, minutes: int) -> int:
    return int(datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone).timestamp())


def _instant(plan: Plan, day: date, moment: Moment) -> int | None:
    if not moment.sun:
        return _at(plan.zone, day, moment.minutes)
    found = _sun(plan, day)
    at = found.rise if moment.sun == "sunrise" else found.set
    return None if at is None else at + moment.minutes * 60


def _sun(plan: Plan, day: date) -> SunDay:
    return plan.sun(day) if plan.sun is not None else SunDay(None, None)


def _stretches(plan: Plan, day: date) -> Iterator[Stretch]:
    if not plan.weekdays >> day.weekday() & 1:
        return
    quiet = _quiet_around(plan, day)
    if plan.times:
        for at in sorted({at for m in plan.times if (at := _instant(plan, day, m)) is not None}):
            if not any(start <= at < end for start, end in quiet):
                yield Stretch(at, 1, 1)
        return
    span = _span(plan, day)
    if span is None:
        return
    start, end = span
    step = plan.every_min * 60
    rest = [Stretch(start, step, -((start - end) // step))]
    for begin, finish in quiet:
        rest = [part for s in rest for part in (s.within(s.first, begin), s.within(finish, end)) if part]
    yield from rest


def _span(plan: Plan, day: date) -> tuple[int, int] | None:
    """Return from when until when it runs on this day; the end itself belongs to it where somebody named it."""
    tomorrow = day + timedelta(days=1)
    if plan.since is None or plan.until is None:
        return midnight(plan.zone, day), midnight(plan.zone, tomorrow)
    start, end = _edge(plan, day, plan.since, True), _edge(plan, day, plan.until, False)
    if start is None or end is None:
        return None
    if end <= start:
        end = _edge(plan, tomorrow, plan.until, False)
    return None if end is None or end <= start else (start, end + 1)


def _edge(plan: Plan, day: date, moment: Moment, is_start: bool) -> int | None:
    at = _instant(plan, day, moment)
    if at is not None:
        return at
    # From sunrise on it is day, and until sunrise it is night. Where neither comes, the one that lasts fills the day.
    by_day = (moment.sun == "sunrise") == is_start
    if _sun(plan, day).is_up != by_day:
        return None
    # The midnight at its end belongs to the next day.
    return midnight(plan.zone, day) if is_start else midnight(plan.zone, day + timedelta(days=1)) - 1


def _quiet_around(plan: Plan, day: date) -> list[tuple[int, int]]:
    """Return the quiet hours that a day may meet, also the one that began the day before."""
    if plan.quiet is None:
        return []
    found = []
    for ahead in (-1, 0, 1):
        which = day + timedelta(days=ahead)
        start, end = (_instant(plan, which, edge) for edge in plan.quiet)
        if start is not None and end is not None and end <= start:
            end = _instant(plan, which + timedelta(days=1), plan.quiet[1])
        if start is not None and end is not None:
            found.append((start, end))
    return found
