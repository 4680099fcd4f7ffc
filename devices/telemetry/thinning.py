"""Samples of a week become hours of a year: summed up when an hour is over, and deleted by age in small batches.

Once an hour there is something to do; in between a look asks no row. Summing up an hour again changes nothing, so a
clock that was set back, or two looks at once, do no harm.
"""

import time
from datetime import datetime

from django.db import models, transaction
from django.db.models import Avg, Max, Min
from django.db.models.functions import Cast, Round
from django.utils import timezone

from photohub.lib.database.db import lock_in_order, one_writer

from .models import FIGURES, SummedUp, TelemetryHour, TelemetrySample

SAMPLES_KEPT_DAYS = 7
HOURS_KEPT_DAYS = 366
# What was said in the last seconds of an hour may still be on its way to the commit.
_SETTLES_AFTER_S = 120
_DELETED_TOGETHER = 1_000
_SUMMED_TOGETHER = 500
_LOOK_S = 0.5
KINDS = {"low": Min, "mean": Avg, "high": Max}
_SUMS = [f"{figure}_{kind}" for figure in FIGURES for kind in KINDS]


class _Done:
    """At which hour this process found nothing left to do."""

    hour: int | None = None


def is_due() -> bool:
    """Tell whether an hour ended since all was done. Asks no row."""
    return _Done.hour != _settled(timezone.now())


def thin_out(may_delete: bool = True) -> None:
    """Sum up the hours that ended, and delete what is too old unless the clock is in doubt. Goes on at the next look."""
    hour = _settled(timezone.now())
    until_s = time.monotonic() + _LOOK_S
    if _sum_up(hour, until_s) and may_delete and _delete_old(hour, until_s):
        _Done.hour = hour


def summed_until() -> int:
    """Return the hour from which on only samples tell."""
    return SummedUp.objects.filter(pk=1).values_list("until", flat=True).first() or 0


def _settled(now: datetime) -> int:
    return int((now.timestamp() - _SETTLES_AFTER_S) // 3600)


def _sum_up(settled: int, until_s: float) -> bool:
    """Sum up hours before this one. Returns whether all are done."""
    since = summed_until()
    if since > settled:
        # The clock was ahead: hours from here on come a second time.
        since = settled
        SummedUp.objects.filter(pk=1).update(until=since)
    samples = TelemetrySample.objects.filter(minute__lt=60 * settled).order_by("minute")
    while (
        minute := samples.filter(minute__gte=60 * since).values_list("minute", flat=True).first()
    ) is not None:
        hour = minute // 60
        _sum_hour(hour)
        since = hour + 1
        SummedUp.objects.update_or_create(pk=1, defaults={"until": since})
        if time.monotonic() > until_s:
            return False
    return True


def _sum_hour(hour: int) -> None:
    wanted = {
        f"{figure}_{kind}": _whole(make(figure), kind) for figure in FIGURES for kind, make in KINDS.items()
    }
    rows = TelemetrySample.objects.filter(minute__gte=60 * hour, minute__lt=60 * hour + 60)
    # Each hour in the order of the devices, so two processes take the rows in one order.
    found = rows.order_by("device_id").values("device_id").annotate(**wanted)
    sums = [TelemetryHour(hour=hour, **row) for row in found]
    for start in range(0, len(sums), _SUMMED_TOGETHER):
        with one_writer():
            TelemetryHour.objects.bulk_create(
                sums[start : start + _SUMMED_TOGETHER],
                update_conflicts=True,
                unique_fields=["device", "hour"],
                update_fields=_SUMS,
            )


def _whole(value: models.Aggregate, kind: str) -> models.Expression:
    return Cast(Round(value), models.IntegerField()) if kind == "mean" else value


def _delete_old(hour: int, until_s: float) -> bool:
    """Delete what is too old, oldest first. Returns whether nothing is left of it."""
    samples = TelemetrySample.objects.filter(minute__lt=60 * (hour - 24 * SAMPLES_KEPT_DAYS)).order_by(
        "minute"
    )
    hours = TelemetryHour.objects.filter(hour__lt=hour - 24 * HOURS_KEPT_DAYS).order_by("hour")
    return _delete(samples, until_s) and _delete(hours, until_s)


def _delete(rows: models.QuerySet, until_s: float) -> bool:
    while keys := list(rows.values_list("pk", flat=True)[:_DELETED_TOGETHER]):
        with one_writer(), transaction.atomic():
            chosen = rows.model._base_manager.filter(pk__in=keys)
            lock_in_order(chosen)
            chosen.delete()
        if time.monotonic() > until_s:
            return False
    return True
