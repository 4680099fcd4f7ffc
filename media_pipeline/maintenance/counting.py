"""Pictures per camera and hour, kept in a table by the sweep, so that nobody counts a million of them to show a month.

Three other ways were looked at. To count when somebody looks walks every picture of a month. A number that every upload
raises makes cameras wait for each other at one row, and is wrong for ever after one slip. A table per day fits one time
zone. So the sweep counts whole hours from the pictures themselves, which may be repeated and is right whenever it is
done last:

- An hour is counted once it ended half an hour ago, when no upload of it can still be on its way to the commit. Until
  then its pictures are counted by whoever looks (`media_pipeline.history.counts`).
- Whoever deletes pictures inserts the hours that lost some, in the same transaction; these are counted again.
- Older hours are counted backwards, some at each look, so a hub that was updated answers at once.
- Sizes are added up with them, by hours and days and for each camera. Hours that were counted without sizes are counted
  again, newest first.
- A clock that was behind takes the end of what is counted back with it. All hours from there on are counted again.

Two looks at once do no harm: the row of the span has a version, and the second to write starts anew.
"""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from media_pipeline.captures.models import Capture
from photohub.lib.database.db import one_writer
from photohub.lib.memory.asking import once_a_page

from .models import CameraSize, ChangedHour, CountedSpan, DayCount, DaySize, HourCount

ALL_CAMERAS = 0
QUARTERS = ("first", "second", "third", "fourth")
_SETTLES_AFTER = timedelta(minutes=30)
_HOURS_TOGETHER = 24
_MARKS_AT_ONCE = 1000
_LOOK_S = 0.5


def hour_of(at: datetime) -> int:
    """Return the number of the hour since 1970 that an instant lies in."""
    return int(at.timestamp() // 3600)


def start_of(hour: int) -> datetime:
    """Return the instant at which an hour begins."""
    return datetime.fromtimestamp(hour * 3600, UTC)


def mark_changed(captures: Iterable[Capture]) -> None:
    """Have the hours of these pictures counted again. Call it in the transaction that takes them away or brings them."""
    hours = {hour_of(capture.received_at) for capture in captures}
    ChangedHour.objects.bulk_create([ChangedHour(hour=hour) for hour in sorted(hours)])


@once_a_page
def counted_hours() -> range:
    """Return the hours whose counts stand in the table."""
    span = CountedSpan.objects.first()
    return range(span.since, span.until) if span else range(0)


def keep_counts() -> None:
    """Count the hours that ended, those that lost pictures, and some of the old ones."""
    end_s = time.monotonic() + _LOOK_S
    while piece := _next_piece():
        if not _write(piece, {hour: _count(hour) for hour in piece.hours}) or time.monotonic() > end_s:
            return


@dataclass(frozen=True)
class _Piece:
    """Some hours to count, and what is counted when that is done."""

    version: int
    since: int
    until: int
    hours: list[int] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)


def _next_piece() -> _Piece | None:
    settled = hour_of(timezone.now() - _SETTLES_AFTER)
    span, _made = CountedSpan.objects.get_or_create(pk=1, defaults={"since": settled, "until": settled})
    version, since, until = span.version, min(span.since, settled), min(span.until, settled)
    if marked := list(ChangedHour.objects.order_by("pk").values_list("pk", "hour")[:_MARKS_AT_ONCE]):
        hours = sorted({hour for _key, hour in marked})[:_HOURS_TOGETHER]
        return _Piece(version, since, until, hours, [key for key, hour in marked if hour in hours])
    if until < settled:
        hours = _hours_with_pictures(until, settled)
        following = hours[-1] + 1 if len(hours) == _HOURS_TOGETHER else settled
        return _Piece(version, since, following, hours)
    if since > 0:
        hours = _hours_with_pictures(0, since, newest=True)
        return _Piece(version, hours[-1] if len(hours) == _HOURS_TOGETHER else 0, until, hours)
    if unsized := _without_size():
        return _Piece(version, since, until, unsized)
    return _Piece(version, since, until) if span.until > until else None


def _without_size() -> list[int]:
    """Return the newest hours that were counted without sizes."""
    rows = HourCount.objects.filter(size_bytes=None).order_by("-hour").values_list("hour", flat=True)
    # An hour has a row for each of its cameras.
    return sorted(set(rows[:_MARKS_AT_ONCE]), reverse=True)[:_HOURS_TOGETHER]


def _hours_with_pictures(since: int, until: int, newest: bool = False) -> list[int]:
    """Return the first hours of this span that have pictures: one step along the index for each."""
    hours: list[int] = []
    rows = Capture.objects.order_by("-received_at" if newest else "received_at")
    while since < until and len(hours) < _HOURS_TOGETHER:
        part = rows.filter(received_at__gte=start_of(since), received_at__lt=start_of(until))
        if (at := part.values_list("received_at", flat=True).first()) is None:
            break
        hours.append(hour_of(at))
        since, until = (since, hours[-1]) if newest else (hours[-1] + 1, until)
    return hours


def _count(hour: int) -> list[HourCount]:
    """Count the pictures of an hour: for each camera, and for all together."""
    edges = [start_of(hour) + timedelta(minutes=15 * part) for part in range(5)]
    rows = Capture.objects.filter(received_at__gte=edges[0], received_at__lt=edges[4])
    parts = {
        name: Count("received_at", filter=Q(received_at__gte=start, received_at__lt=end))
        for name, start, end in zip(QUARTERS, edges, edges[1:], strict=False)
    }
    names = (*QUARTERS, "size_bytes")
    counted = rows.order_by().values_list("device").annotate(**parts, size_bytes=Sum("size_bytes"))
    counts = [
        HourCount(camera=row[0], hour=hour, **dict(zip(names, row[1:], strict=True))) for row in counted
    ]
    if counts:
        sums = {name: sum(getattr(count, name) for count in counts) for name in names}
        counts.append(HourCount(camera=ALL_CAMERAS, hour=hour, **sums))
    return counts


def _write(piece: _Piece, counted: dict[int, list[HourCount]]) -> bool:
    """Replace the counts of these hours; False when another look was quicker, whose pictures may be newer."""
    span = CountedSpan.objects.filter(pk=1, version=piece.version)
    with one_writer(), transaction.atomic():
        if not span.update(since=piece.since, until=piece.until, version=F("version") + 1):
            return False
        HourCount.objects.filter(hour__in=list(counted)).delete()
        HourCount.objects.bulk_create([count for counts in counted.values() for count in counts])
        _add_up({hour // 24 for hour in counted})
        _add_up_sizes({hour // 24 for hour in counted})
        ChangedHour.objects.filter(pk__in=piece.marks).delete()
    return True


def _add_up(days: set[int]) -> None:
    DayCount.objects.filter(day__in=days).delete()
    for day in sorted(days):
        hours = HourCount.objects.filter(hour__gte=24 * day, hour__lt=24 * day + 24)
        sums = hours.values_list("camera").annotate(sum=Sum(sum(map(F, QUARTERS[1:]), F(QUARTERS[0]))))
        DayCount.objects.bulk_create([DayCount(camera=c, day=day, pictures=n) for c, n in sums])


def _add_up_sizes(days: set[int]) -> None:
    """Add up the sizes of these days, and change what their cameras have together by the difference."""
    changes: Counter[int] = Counter()
    for camera, size_bytes in DaySize.objects.filter(day__in=days).values_list("camera", "size_bytes"):
        changes[camera] -= size_bytes
    DaySize.objects.filter(day__in=days).delete()
    for day in sorted(days):
        hours = HourCount.objects.filter(hour__gte=24 * day, hour__lt=24 * day + 24)
        sums = list(hours.exclude(size_bytes=None).values_list("camera").annotate(sum=Sum("size_bytes")))
        DaySize.objects.bulk_create([DaySize(camera=c, day=day, size_bytes=n) for c, n in sums])
        changes.update(dict(sums))
    _change_cameras({camera: change for camera, change in changes.items() if change})


def _change_cameras(changes: dict[int, int]) -> None:
    before = dict(CameraSize.objects.filter(camera__in=changes).values_list("camera", "size_bytes"))
    after = [CameraSize(camera=c, size_bytes=before.get(c, 0) + n) for c, n in sorted(changes.items())]
    CameraSize.objects.bulk_create(
        after, update_conflicts=True, unique_fields=["camera"], update_fields=["size_bytes"]
    )
    CameraSize.objects.filter(camera__in=changes, size_bytes__lte=0).delete()
