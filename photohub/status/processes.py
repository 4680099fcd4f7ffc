"""Processes of which there may be many: which holds what, and when each was last heard."""

from dataclasses import replace
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from devices.leases import holding
from devices.leases.holding import Seen
from devices.leases.models import GATEWAY_TTL_S, GatewayState, LeaseKind
from photohub.beat import hold
from photohub.lib.pages.times.wording import ago, moment
from photohub.status.part import Part

_GATEWAYS_SHOWN = 32
_AWAY_AFTER_S = 60
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


def with_gateways(found: Part) -> Part:
    """Add to what is said of the broker which gateways share the devices, with how many each has, and when it was heard."""
    seen = holding.read(kind=LeaseKind.GATEWAY)
    shown = [each for each in seen if each.row.number and each.row.holder][:_GATEWAYS_SHOWN]
    if len(shown) < 2 and all(each.holds_by(GATEWAY_TTL_S) for each in shown):
        return found
    figures = [
        (_("Gateway %(number)d") % {"number": each.row.number}, f"{each.row.place}: {_told_of(each)}")
        for each in shown
    ]
    found = replace(found, figures=[*found.figures, *figures])
    away = next((each for each in shown if _has_no_broker(each)), None)
    if found.state != "ok" or away is None:
        return found
    sentence = _(
        "Gateway %(number)d (%(place)s) does not reach the message broker; others serve its devices."
    )
    return replace(
        found,
        state="warning",
        sentence=sentence % {"number": away.row.number, "place": away.row.place},
        since=away.now - timedelta(seconds=away.row.facts["away_s"]),
        help=_("Check the network between that gateway and the broker, and its log."),
    )


def stuck_since_of_several() -> datetime | None:
    """Return since when, as far as is known, a gateway that lives has handled none of its messages."""
    live = [each for each in holding.read(kind=LeaseKind.GATEWAY) if each.holds_by(GATEWAY_TTL_S)]
    since = [
        each.now - timedelta(seconds=s) for each in live if (s := each.row.facts.get("stuck_s")) is not None
    ]
    return min(since, default=None)


def _has_no_broker(seen: Seen) -> bool:
    return seen.holds_by(GATEWAY_TTL_S) and (seen.row.facts.get("away_s") or 0) > _AWAY_AFTER_S


def _told_of(seen: Seen) -> str:
    row = seen.row
    # The lease was renewed for this long.
    heard = row.until - timedelta(seconds=GATEWAY_TTL_S)
    if not seen.holds_by(GATEWAY_TTL_S):
        return _("silent since %(time)s") % {"time": moment(heard)}
    state = row.facts.get("state")
    if state == GatewayState.ADOPTED:
        return _("what it held is being taken over")
    if state != GatewayState.LIVE:
        return _("connecting to the broker, or leaving")
    count = row.facts.get("devices", 0)
    devices = ngettext("%(n)d device", "%(n)d devices", count) % {"n": count}
    return _("%(devices)s, heard %(ago)s") % {"devices": devices, "ago": ago(heard)}


def _is_held(schedule: Seen) -> bool:
    return schedule.holds_by(hold.TTL_S) or timedelta(0) <= schedule.now - schedule.row.until < _TAKEN_WITHIN
