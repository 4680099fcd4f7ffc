"""Noting once an hour how much of the disk is free. A disk on which nothing changes is not written to."""

from django.utils import timezone

from media_pipeline.nodes import here
from media_pipeline.picture_files import store

from .forecast import DAYS_LOOKED_AT
from .models import DiskSample

# Logs and the database's own files come and go.
_CHANGED_BYTES = 5_000_000
_KEPT_HOURS = 24 * (DAYS_LOOKED_AT + 30)


class _Noted:
    """In which hour this process has looked last."""

    hour: int | None = None


def note() -> None:
    """Keep how much is free, where it is another hour and another amount."""
    hour = int(timezone.now().timestamp()) // 3600
    if _Noted.hour == hour:
        return
    free_bytes, samples = store.free_bytes(), DiskSample.objects.filter(node=here.number())
    # By a clock that was ahead there are samples of hours that come again.
    last = samples.filter(hour__lte=hour).order_by("-hour").first()
    if last is None or (last.hour < hour and abs(last.free_bytes - free_bytes) > _CHANGED_BYTES):
        DiskSample.objects.update_or_create(
            node=here.number(), hour=hour, defaults={"free_bytes": free_bytes}
        )
        samples.filter(hour__lt=hour - _KEPT_HOURS).delete()
    _Noted.hour = hour


def read() -> list[tuple[int, int]]:
    """Return the samples of this machine's last days, the oldest first: hour and free bytes."""
    hour = int(timezone.now().timestamp()) // 3600
    rows = DiskSample.objects.filter(node=here.number(), hour__lte=hour, hour__gt=hour - _KEPT_HOURS)
    return list(rows.order_by("hour").values_list("hour", "free_bytes"))
