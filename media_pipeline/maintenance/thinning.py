"""Of like pictures in a row only the first and the last stay: PHOTOHUB_THIN_AFTER_DAYS, day by day of the hub's zone.

What is alike says `formats.likeness`, as where the history folds. A kept picture stays, as does one that somebody gave a
note or a tag. A day is gone through once, when it is old enough; the row `HEARTBEAT` names the next one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from devices.events.models import ServiceBeat
from devices.registry.models import Device
from media_pipeline.captures.models import Capture, CaptureQuerySet
from media_pipeline.formats.likeness import Shot, runs_of
from photohub.lib.pages.instants import start_of_day
from photohub.lib.pages.timezones import hub_timezone

from . import deleting

HEARTBEAT = "retention.thinned"
# A preview goes through so many pictures, from the oldest on.
LOOKED_AT_MOST = 100_000
_KEYS_AT_ONCE = 500


class Share(Protocol):
    """How much may still be deleted in a run of the retention."""

    deleted: int

    def next_batch(self) -> int: ...


@dataclass
class Preview:
    """What would go of one camera: of `looked_at` pictures `going`, which take `size_bytes`."""

    device: Device
    looked_at: int = 0
    going: int = 0
    size_bytes: int = 0


def thin(share: Share, check_disk: Callable[[], None]) -> None:
    """Delete what the setting asks for, as far as this run's share allows; the next run goes on.

    `check_disk` is called before each batch, and raises where nothing may be deleted.
    """
    for day in _days(settings.THIN_AFTER_DAYS):
        for device_id in _of_day(day).order_by().values_list("device", flat=True).distinct():
            going = between(_of_day(day).filter(device=device_id))
            while going:
                size = share.next_batch()
                if not size:
                    return
                check_disk()
                share.deleted += deleting.delete_unkept(list(Capture.objects.filter(pk__in=going[:size])))
                going = going[size:]
        _note(day + timedelta(days=1))


def between(rows: CaptureQuerySet) -> list[UUID]:
    """Return the pictures of one camera and day that are neither the first nor the last of their run, but for those
    that somebody kept, tagged or described."""
    facts = rows.order_by("received_at", "id").values_list("pk", "device_id", "received_at", "dhash")
    runs = runs_of(Shot(*row) for row in facts.iterator(chunk_size=2000))
    inner = [shot.id for run in runs for shot in run.shots[1:-1]]
    return [
        id for start in range(0, len(inner), _KEYS_AT_ONCE) for id in _unmarked(inner[start:][:_KEYS_AT_ONCE])
    ]


def _unmarked(ids: list[UUID]) -> list[UUID]:
    rows = Capture.objects.filter(pk__in=ids, kept=False, note="", tags=None)
    return list(rows.order_by("received_at", "id").values_list("pk", flat=True))


def look_ahead(days: int) -> tuple[list[Preview], bool]:
    """Tell what would go of each camera if like pictures older than so many days were thinned out; and whether there
    are more pictures than were looked at."""
    found: dict[int, Preview] = {}
    looked_at = 0
    for day in _days(days):
        if looked_at >= LOOKED_AT_MOST:
            return _in_order(found), True
        for device in Device.objects.filter(captures__in=_of_day(day)).distinct():
            rows = _of_day(day).filter(device=device)
            told = found.setdefault(device.pk, Preview(device))
            going, count = between(rows), rows.count()
            told.looked_at, told.going = told.looked_at + count, told.going + len(going)
            told.size_bytes += _size_of(going)
            looked_at += count
    return _in_order(found), False


def _in_order(found: dict[int, Preview]) -> list[Preview]:
    return sorted(found.values(), key=lambda told: (-told.going, told.device.name))


def _size_of(ids: list[UUID]) -> int:
    parts = (ids[start : start + _KEYS_AT_ONCE] for start in range(0, len(ids), _KEYS_AT_ONCE))
    sums = (Capture.objects.filter(pk__in=part).aggregate(size=Sum("size_bytes"))["size"] for part in parts)
    return sum(size or 0 for size in sums)


def _days(after_days: int) -> Iterator[date]:
    """Yield the days with pictures that are not gone through and whose end is longer ago than this, oldest first."""
    zone = hub_timezone()
    end = (timezone.now() - timedelta(days=after_days)).astimezone(zone).date()
    row = ServiceBeat.objects.filter(pk=HEARTBEAT).first()
    since = start_of_day(date.fromisoformat(row.sentence), zone) if row else None
    while True:
        rows = Capture.objects.filter(received_at__gte=since) if since else Capture.objects.all()
        oldest = rows.order_by("received_at", "id").values_list("received_at", flat=True).first()
        if oldest is None or (day := oldest.astimezone(zone).date()) >= end:
            return
        yield day
        since = start_of_day(day + timedelta(days=1), zone)


def _of_day(day: date) -> CaptureQuerySet:
    zone = hub_timezone()
    since, before = start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone)
    return Capture.objects.filter(received_at__gte=since, received_at__lt=before)


def _note(following: date) -> None:
    ServiceBeat.objects.update_or_create(
        pk=HEARTBEAT, defaults={"at": timezone.now(), "ok": True, "sentence": following.isoformat()}
    )
