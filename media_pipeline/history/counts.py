"""How many pictures there are of each day, and of each hour of a day, in the visitor's zone.

Hours that are counted are read from the table of `media_pipeline.maintenance.counting`; the last ones, which still go
on, from the pictures. Of hours that the sweep has not come to yet, and of filters that the table does not know, only so
many pictures are looked at; then `exact` is False.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise

from django.db.models import F, Sum

from devices.access.rights import sees_all
from devices.registry.models import Device
from media_pipeline.captures.filters import Filters
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance.counting import ALL_CAMERAS, QUARTERS, counted_hours, hour_of, start_of
from media_pipeline.maintenance.models import DayCount, HourCount
from media_pipeline.search.matching import Matching
from media_pipeline.search.sources import Span
from photohub.lib.pages.instants import start_of_day

from .matching import devices_of, matching

LOOKED_AT = 10_000
# Where each picture has to be looked at, and not only its place in an index.
LOOKED_AT_EACH = 300
_EPOCH = date(1970, 1, 1)
_QUARTER_S = 900
_DAY = 96  # quarters
_COUNTED_ONE_BY_ONE = 8


@dataclass
class Tally:
    """Pictures by day or by hour; where `exact` is False there may be more."""

    counts: Counter = field(default_factory=Counter)
    exact: bool = True

    def total(self) -> int:
        return self.counts.total()


@dataclass(frozen=True)
class Counted:
    """Whose pictures are counted: of these cameras, or of all (None); with filters that the table does not know, by looking."""

    found: Matching
    cameras: list[int] | None
    is_in_table: bool

    @classmethod
    def of(cls, user, filters: Filters) -> "Counted":
        """Return what a person's filters count; of the span of time they name nothing is taken away."""
        narrow = Filters(devices=filters.devices, group=filters.group)
        if filters.are_plain and sees_all(user) and not narrow:
            return cls(matching(user, narrow), None, True)
        if not filters.are_plain:
            return cls(matching(user, filters.without_span()), [], False)
        cameras = list(devices_of(Device.objects.visible_to(user), narrow, user).values_list("pk", flat=True))
        return cls(matching(user, narrow), cameras, True)

    def days(self, first: date, last: date, zone: tzinfo) -> Tally:
        """Count the pictures of each day from the first to the last."""
        start, end = start_of_day(first, zone), start_of_day(last + timedelta(days=1), zone)
        edges = [start_of_day(first + timedelta(days=n), zone) for n in range((last - first).days + 2)]
        tally, table = Tally(), self._table(start, end)
        for since, until, offset in _offsets(table, zone):
            tally.counts.update(self._by_day(range(since, until), offset))
        _clip(tally.counts, first, last)
        for part in _outside(table, start, end):
            self._look(tally, part, edges, lambda at: at.astimezone(zone).date())
        return tally

    def hours(self, day: date, zone: tzinfo) -> Tally:
        """Count the pictures of each hour of a day, by the clock; one that comes twice in a night counts once."""
        start, end = start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone)
        tally, table = Tally(), self._table(start, end)
        for hour, *quarters in self._counts(table).values_list("hour").annotate(*_sums()):
            for part, count in enumerate(quarters):
                at = (start_of(hour) + timedelta(minutes=15 * part)).astimezone(zone)
                if count and at.date() == day:
                    tally.counts[at.hour] += count
        edges = [start + timedelta(hours=n) for n in range(int((end - start).total_seconds() // 3600) + 1)]
        for part in _outside(table, start, end):
            self._look(tally, part, edges, lambda at: at.astimezone(zone).hour)
        return tally

    def long_ago(self) -> Counter:
        """Count the pictures of each day in UTC that is counted: where there are how many, and not to the last one."""
        cameras = [ALL_CAMERAS] if self.cameras is None else self.cameras
        rows = DayCount.objects.filter(camera__in=cameras).values_list("day").annotate(Sum("pictures"))
        return Counter({_EPOCH + timedelta(days=day): count for day, count in rows})

    def first_day(self, zone: tzinfo) -> date | None:
        """Return the day of the oldest picture."""
        found = self.found if self.is_in_table else Matching(Capture.objects.all())
        oldest = found.first(Span(newer=True))
        return oldest[0].astimezone(zone).date() if oldest else None

    def _table(self, start: datetime, end: datetime) -> range:
        """Return the hours of a span that are read from the table."""
        if not self.is_in_table:
            return range(hour_of(end), hour_of(end))
        counted = counted_hours()
        since, until = max(counted.start, hour_of(start)), min(counted.stop, -(-int(end.timestamp()) // 3600))
        return range(since, until) if since < until else range(hour_of(end), hour_of(end))

    def _counts(self, hours: range):
        cameras = [ALL_CAMERAS] if self.cameras is None else self.cameras
        return HourCount.objects.filter(camera__in=cameras, hour__gte=hours.start, hour__lt=hours.stop)

    def _by_day(self, hours: range, offset: int) -> Counter:
        """Sum hours of one distance to UTC, in quarters, by days; a day may begin within an hour."""
        rows = self._counts(hours).annotate(
            begun=(F("hour") * 4 + offset) / _DAY, ended=(F("hour") * 4 + 3 + offset) / _DAY
        )
        found: Counter = Counter()
        for begun, ended, *quarters in rows.values_list("begun", "ended").annotate(*_sums()):
            before = -offset % 4 if begun != ended else 4
            found[_EPOCH + timedelta(days=begun)] += sum(quarters[:before])
            found[_EPOCH + timedelta(days=ended)] += sum(quarters[before:])
        return found

    def _look(
        self,
        tally: Tally,
        part: tuple[datetime, datetime],
        edges: list[datetime],
        name: Callable[[datetime], Hashable],
    ) -> None:
        """Add pictures that are in no table: some steps of the index for a few days or hours, else picture by picture."""
        inner = edges[bisect_right(edges, part[0]) : bisect_right(edges, part[1])]
        cuts = sorted({part[0], *inner, part[1]})
        if self.is_in_table and len(cuts) <= _COUNTED_ONE_BY_ONE:
            for start, end in pairwise(cuts):
                rows = self.found.rows.order_by().filter(received_at__gte=start, received_at__lt=end)
                tally.counts[name(start)] += rows.count()
            return
        at_most = LOOKED_AT_EACH if self.found.looks else LOOKED_AT
        found = self.found.times(*part, at_most)
        tally.counts.update(name(at) for at in found)
        tally.exact = tally.exact and len(found) < at_most


def _sums() -> list[Sum]:
    return [Sum(name) for name in QUARTERS]


def _clip(counts: Counter, first: date, last: date) -> None:
    for day in [day for day in counts if not first <= day <= last]:
        del counts[day]


def _outside(table: range, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of a span before and after the hours of the table."""
    since, until = start_of(table.start), start_of(table.stop)
    if not table:
        yield start, end
        return
    if start < since:
        yield start, since
    if until < end:
        yield until, end


def _offsets(hours: range, zone: tzinfo) -> Iterator[tuple[int, int, int]]:
    """Yield spans of hours in which the zone keeps one distance to UTC, with that distance in quarters of an hour."""
    since = hours.start
    while since < hours.stop:
        offset, until = _offset(since, zone), since + 1
        step = 24
        while until < hours.stop:
            ahead = min(until + step, hours.stop)
            if _offset(ahead - 1, zone) == offset:
                until = ahead
            elif step > 1:
                step = 1
            else:
                break
        yield since, until, offset
        since = until


def _offset(hour: int, zone: tzinfo) -> int:
    distance = start_of(hour).astimezone(zone).utcoffset()
    return round(distance.total_seconds() / _QUARTER_S) if distance else 0
