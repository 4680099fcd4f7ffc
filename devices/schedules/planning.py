"""From a schedule's row to the times at which it runs: the hub's zone and place, and the next time on the row."""

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.hub_settings import choices
from photohub.lib import clock
from photohub.lib.clock import CLOCKS_DIFFER
from photohub.lib.database import rows
from photohub.lib.pages.sentences import said
from photohub.lib.pages.timezones import hub_timezone

from .models import Schedule, ScheduleKind
from .sun import SunDay, sun_of
from .times import Moment, Plan, next_after, read_moment

_PLACE = "place"
# With which zone and place the next times were reckoned.
_PLANNED = "schedules_planned"
_TOGETHER = 500

Place = tuple[float, float]


def hub_place() -> Place | None:
    """Return the latitude and longitude that an owner chose for the hub."""
    value = choices.read(_PLACE)
    return (float(value[0]), float(value[1])) if isinstance(value, list) and len(value) == 2 else None


def choose_place(place: Place | None) -> None:
    """Let the sun be reckoned for this place, where a schedule names none of its own."""
    with transaction.atomic():
        choices.write(_PLACE, list(place or ()))
        audit.note(
            Word.CHANGED, Kind.HUB, details=said("Place: %(place)s.", place=", ".join(map(str, place or ())))
        )
    _keep_in_step(timezone.now())


def place_of(schedule: Schedule) -> Place | None:
    """Return where a schedule asks for the sun."""
    if schedule.latitude is not None and schedule.longitude is not None:
        return schedule.latitude, schedule.longitude
    return hub_place()


def needs_sun(schedule: Schedule) -> bool:
    texts = (schedule.from_at, schedule.until_at, schedule.quiet_from, schedule.quiet_until)
    return any("sun" in str(text) for text in (*texts, *schedule.times))


def plan_of(schedule: Schedule, zone: tzinfo | None = None) -> Plan:
    """Return when a schedule runs, in the hub's zone and at its place."""
    zone = zone or hub_timezone()
    place = place_of(schedule) if needs_sun(schedule) else None
    quiet = _moment(schedule.quiet_from), _moment(schedule.quiet_until)
    at_times = schedule.kind == ScheduleKind.TIMES
    return Plan(
        zone=zone,
        every_min=max(1, schedule.every_min),
        times=tuple(m for text in schedule.times if (m := _moment(text))) if at_times else (),
        weekdays=schedule.weekdays,
        since=_moment(schedule.from_at),
        until=_moment(schedule.until_at),
        quiet=(quiet[0], quiet[1]) if quiet[0] and quiet[1] else None,
        sun=None if place is None else _sun_at(place, zone),
    )


def _sun_at(place: Place, zone: tzinfo) -> Callable[[date], SunDay]:
    return lambda day: sun_of(day, *place, zone)


@lru_cache(maxsize=1024)
def _moment(text: str) -> Moment | None:
    return read_moment(text)


def instant(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def plan_row(row: Schedule, now: datetime) -> None:
    """Reckon from now on when a schedule is due next; the row is not stored."""
    following = next_after(plan_of(row), int(now.timestamp()))
    row.next_run_at, row.planned_at = (None if following is None else instant(following)), now


def keep_in_step() -> int:
    """Reckon anew what was reckoned by another clock, in another zone or for another place. Returns how many."""
    now = timezone.now()
    ahead = Schedule.objects.running().filter(planned_at__gt=now + CLOCKS_DIFFER).order_by("planned_at")
    return _plan_all(list(ahead[:_TOGETHER]), now) + _keep_in_step(now)


def _keep_in_step(now: datetime) -> int:
    place = hub_place()
    current = [str(hub_timezone()), *(place or ())]
    if choices.read(_PLANNED) == current or not Schedule.objects.running().exists():
        return 0
    done, last = 0, None
    # What is due already is told of as missed, or runs, when it is claimed.
    later = Q(next_run_at=None) | Q(next_run_at__gt=now)
    every = Schedule.objects.running().filter(later).order_by("pk")
    while some := list((every.filter(pk__gt=last) if last else every)[:_TOGETHER]):
        done, last = done + _plan_all(some, now), some[-1].pk
    choices.write(_PLANNED, current)
    return done


def _plan_all(some: list[Schedule], now: datetime) -> int:
    if not some:
        return 0
    planned = []
    for row in some:
        before = row.planned_at
        plan_row(row, now)
        # What another process did meanwhile holds.
        planned.append((row.next_run_at, row.planned_at, row.pk, before))
    # With one commit: each by itself would be written to the disk for itself.
    with transaction.atomic():
        rows.update(Schedule, ("next_run_at", "planned_at"), ("id", "planned_at"), planned)
    return len(planned)


def is_due_by(at: datetime) -> bool:
    """Tell whether time alone makes a schedule due until then."""
    return clock.has_any_until(Schedule.objects.running(), "next_run_at", at)
