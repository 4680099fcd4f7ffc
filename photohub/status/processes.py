"""Processes of which there may be many: which holds what, and when each was last heard."""

from dataclasses import replace
from datetime import timedelta

from django.utils.translation import gettext as _

from devices.leases import holding
from devices.leases.holding import Seen
from devices.leases.models import LeaseKind
from photohub.beat import hold
from photohub.status.part import Part

# A schedule whose holder died is another's within this time.
_TAKEN_WITHIN = timedelta(seconds=30)


def with_schedule(found: Part) -> Part:
    """Add to what is said of the worker which beat rings for it. Where the worker has a schedule of its own, nothing."""
    seen = holding.read(kind__in=(LeaseKind.SCHEDULE, LeaseKind.BEAT))
    schedule = next((each for each in seen if each.row.kind == LeaseKind.SCHEDULE), None)
    if schedule is None:
        return found
    waiting = [each for each in seen if each is not schedule and each.holds_by(hold.TTL_S)]
    figures = [
        (_("Schedule held by"), schedule.row.place or "–"),
        (_("Waiting for the schedule"), ", ".join(each.row.place for each in waiting) or "–"),
    ]
    if _is_held(schedule):
        return replace(found, figures=[*found.figures, *figures])
    sentence = _("No beat holds the schedule: what no message announced waits, and commands do not expire.")
    help_ = _("Start PhotoHub's beat, or check its log.")
    return Part("problem", sentence, since=schedule.row.until, figures=figures, help=help_)


def _is_held(schedule: Seen) -> bool:
    return schedule.holds_by(hold.TTL_S) or timedelta(0) <= schedule.now - schedule.row.until < _TAKEN_WITHIN
