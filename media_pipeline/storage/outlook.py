"""What becomes of this machine's disk, in words."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from devices.hub_settings import values
from media_pipeline.captures.models import Capture
from media_pipeline.keep_rules import rules
from media_pipeline.nodes import here
from media_pipeline.picture_files import store
from photohub.lib.pages.sizes import size_in_words

from . import cameras, disk
from .forecast import FAR_OFF_DAYS, Forecast, Growth, Held, foresee, growth_by_pictures, growth_of_disk

# Where the quartiles lie so near to each other, one figure says enough.
_ALIKE = 1.5
_UNITS = ((365, 730), (30, 75), (7, 14), (1, 0))


def look() -> Forecast:
    """Foresee when uploads will be refused here."""
    now = timezone.now()
    daily = cameras.sizes_of_days()
    growth = growth_of_disk(disk.read(), int(now.timestamp()) // 3600)
    if growth is None and not here.is_one_of_several():
        # Until a few days are known, what cameras send is all that will be written.
        growth = growth_by_pictures(daily)
    return foresee(
        store.free_bytes() - settings.DISK_FLOOR_BYTES, growth, _held(now, growth_by_pictures(daily))
    )


def _held(now: datetime, pictures: Growth | None) -> Held:
    """Say how much pictures can grow before retention takes as many as come."""
    if here.is_one_of_several():
        return Held()
    by_bytes = max(values.keep_bytes() - cameras.total_bytes(), 0) if values.keep_bytes() else None
    by_days = None
    if values.keep_days() and pictures is not None and not rules.days_by_camera():
        oldest = Capture.objects.order_by("received_at").values_list("received_at", flat=True).first()
        age = now - oldest if oldest else timedelta(0)
        # Of a busy day more than usual, so that it is not promised too soon.
        by_days = pictures.high * max(values.keep_days() - age / timedelta(days=1), 0)
    return Held(by_bytes, by_days)


def say(found: Forecast) -> str:
    """Say a forecast in one sentence."""
    if found.kind == "unknown":
        return _("How long the disk lasts is known after a day of pictures.")
    if found.kind == "held_by_bytes":
        text = _("The disk does not fill: at most %(size)s of pictures are kept.")
        return text % {"size": size_in_words(values.keep_bytes())}
    if found.kind == "held_by_days":
        text = ngettext(
            "The disk does not fill: pictures are kept for %(n)d day.",
            "The disk does not fill: pictures are kept for %(n)d days.",
            values.keep_days(),
        )
        return text % {"n": values.keep_days()}
    if found.kind == "stays":
        return _("At this pace the disk lasts for years.")
    if found.likely_days < 1:
        return _("At this pace the disk is full within a day.")
    since, likely, until = (
        _in_words(days) for days in (found.soonest_days, found.likely_days, found.latest_days)
    )
    if found.latest_days >= FAR_OFF_DAYS:
        return _("At this pace the disk is full in %(time)s, perhaps much later.") % {"time": likely}
    if since == until or found.latest_days < _ALIKE * found.soonest_days:
        return _("At this pace the disk is full in about %(time)s.") % {"time": likely}
    return _("At this pace the disk is full in %(since)s to %(until)s.") % {"since": since, "until": until}


def _in_words(days: float) -> str:
    """Say a time as roughly as it is known."""
    size, _least = next(unit for unit in _UNITS if days >= unit[1])
    count = max(round(days / size), 1)
    if size == 365:
        form = ngettext("%(n)d year", "%(n)d years", count)
    elif size == 30:
        form = ngettext("%(n)d month", "%(n)d months", count)
    elif size == 7:
        form = ngettext("%(n)d week", "%(n)d weeks", count)
    else:
        form = ngettext("%(n)d day", "%(n)d days", count)
    return form % {"n": count}
