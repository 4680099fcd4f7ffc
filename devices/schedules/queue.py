"""Running schedules: what is due, the orders that come of it, and how each of them ends.

The schedule's row is the queue. One look claims the schedules that are due and gives each camera a run; runs whose turn
has come become commands; and a run ends as its command does.

waiting ──► ordered ──► answered
   ├───────────┬──────► missed    (offline, no answer, refused; also a stretch in which the hub was away)
   └───────────┴──────► skipped   (turned off, cancelled)

A camera that is not connected gets its order when it is: until then its run waits, and costs nothing.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from devices.commands import queue as commands
from devices.registry import presence
from devices.registry.models import Device, LinkState
from photohub.lib import clock
from photohub.lib.database import rows
from photohub.lib.pages.sentences import Said, said

from . import ending, planning
from .models import Gap, RunState, Schedule, ScheduledRun
from .times import Plan, Stretch, next_after, stretches_between

# A sweep comes every five seconds, and a start takes a moment: so late a time still counts as kept.
LATE_AT_MOST = timedelta(minutes=2)
# Of a camera that is not connected: it may have connected while its run was put aside, and later just in case.
_ASLEEP = "asleep"
_LOOKS_AGAIN = timedelta(seconds=15), timedelta(minutes=30)
# However seldom a schedule runs, an order waits no longer for its camera.
WAITS_AT_MOST = timedelta(days=1)
_AT_ONCE = 100
# Of a schedule that ran late more cannot be told apart.
_LOOK_BACK = timedelta(days=31)
_FOR_S = 3.0
# A minute without a look, and a little more.
_SOON = timedelta(seconds=65)
_pace = clock.Pace()


def waits() -> bool:
    """Tell whether time alone makes something due before the next look that comes anyway."""
    soon = timezone.now() + _SOON
    runs = (ScheduledRun.objects.waiting(), ScheduledRun.objects.asked())
    return planning.is_due_by(soon) or any(clock.has_any_until(each, "check_at", soon) for each in runs)


def run_due(for_s: float = _FOR_S) -> int:
    """Ask for the pictures that are due, and end the runs that have an answer or get none. Returns how many were asked."""
    until_s = time.monotonic() + for_s
    steady = _pace.is_steady()
    planning.keep_in_step()
    asked = 0
    while True:
        claimed, ordered = _claim_due(steady), order_waiting()
        asked += ordered
        if not (claimed or ordered) or time.monotonic() >= until_s:
            break
    ending.end_due()
    return asked


def _claim_due(steady: bool) -> int:
    """Give each camera of the schedules that are due a run, and find their next times. Returns how many were due."""
    now = timezone.now()
    due = Schedule.objects.running().filter(next_run_at__lte=now)
    keys = list(due.order_by("next_run_at").values_list("pk", flat=True)[:_AT_ONCE])
    if not keys:
        return 0
    with transaction.atomic():
        some = due.filter(pk__in=keys).select_related("device").order_by("pk")
        free = list(some.select_for_update(skip_locked=True, of=("self",)))
        turns = [_turn_of(schedule, now) for schedule in free]
        claimed = [turn for turn in turns if _claim(turn, now)]
        made = [run for turn in claimed for run in _runs_of(turn, steady)]
        new = rows.insert_new(made, ("schedule", "due_at", "device"))
        ending.note_missed([run for run in made if run.pk in new and run.state == RunState.MISSED])
    return len(free)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A schedule that is due: the time that is kept now, those that were missed before it, and the next one."""

    schedule: Schedule
    plan: Plan
    was: datetime
    kept: int | None
    missed: list[Stretch]
    following: int | None


def _turn_of(schedule: Schedule, now: datetime) -> _Turn:
    plan = planning.plan_of(schedule)
    due_at: datetime = schedule.next_run_at  # pyrefly: ignore[bad-assignment]
    began = max(due_at, now - _LOOK_BACK)
    instants = stretches_between(plan, int(began.timestamp()), int(now.timestamp()) + 1)
    newest = max((s.last for s in instants), default=None)
    kept = newest if newest is not None and now - planning.instant(newest) <= LATE_AT_MOST else None
    if kept is not None:
        instants = [part for s in instants if (part := s.within(s.first, kept)) is not None]
    return _Turn(schedule, plan, due_at, kept, instants, next_after(plan, int(now.timestamp())))


def _claim(turn: _Turn, now: datetime) -> bool:
    following = None if turn.following is None else planning.instant(turn.following)
    row = Schedule.objects.running().filter(pk=turn.schedule.pk, next_run_at=turn.was)
    last = turn.schedule.last_run_at if turn.kept is None else planning.instant(turn.kept)
    return bool(row.update(next_run_at=following, planned_at=now, last_run_at=last))


def devices_of(schedule: Schedule) -> list[Device]:
    """Return the cameras that a schedule asks now: its own, or those of its group that can be asked."""
    if schedule.group_id is None:
        # One that is being removed is not asked, and neither are its schedules shown.
        return [] if schedule.device is None or schedule.device.removed_at else [schedule.device]
    some = Device.objects.in_groups([schedule.group_id]).filter(enabled=True).taking_commands()
    return list(some.order_by("code"))


def _runs_of(turn: _Turn, steady: bool) -> Iterable[ScheduledRun]:
    devices = devices_of(turn.schedule)
    if turn.missed:
        first, last = min(s.first for s in turn.missed), max(s.last for s in turn.missed)
        facts = {"until_at": planning.instant(last), "slots": sum(s.count for s in turn.missed)}
        why = _why_away(planning.instant(first), planning.instant(last), steady)
        for device in devices:
            run = _new_run(turn, device, first, last, **facts)
            yield ending.missed(run, Gap.HUB_AWAY, "hub_away", why)
    if turn.kept is None:
        return
    for place, device in enumerate(devices):
        run = _new_run(turn, device, turn.kept, turn.following)
        run.check_at = run.due_at + timedelta(seconds=place * turn.schedule.stagger_s)
        yield run if run.check_at < run.expires_at else _staggered_away(run)


def _why_away(since: datetime, until: datetime, steady: bool) -> Said:
    if not steady:
        return said(
            "The hub's clock jumped from before %(since)s to after %(until)s.", since=since, until=until
        )
    if since == until:
        return said("The hub was away at %(time)s.", time=since)
    return said("The hub was away from %(since)s to %(until)s.", since=since, until=until)


def _staggered_away(run: ScheduledRun) -> ScheduledRun:
    apart_s = run.schedule.stagger_s
    sentence = said("With %(seconds)s s between cameras its turn came after the next time.", seconds=apart_s)
    return ending.skipped(run, "staggered_away", sentence)


def _new_run(turn: _Turn, device: Device, due: int, following: int | None, **facts) -> ScheduledRun:
    due_at = planning.instant(due)
    latest = due_at + WAITS_AT_MOST
    expires_at = latest if following is None else min(latest, planning.instant(following))
    return rows.new(
        ScheduledRun,
        schedule=turn.schedule,
        device=device,
        due_at=due_at,
        expires_at=max(expires_at, due_at),
        **facts,
    )


def order_waiting() -> int:
    """Make commands of the runs whose turn has come. Returns how many were looked at."""
    now = timezone.now()
    waiting = ScheduledRun.objects.waiting()
    keys = clock.first_due(waiting, "check_at", WAITS_AT_MOST.total_seconds(), now, _AT_ONCE)
    return _order(waiting.filter(pk__in=keys), now) if keys else 0


def order_for(device: Device) -> int:
    """Order what waits for a camera that has just connected. Returns how many orders."""
    now = timezone.now()
    asleep = ScheduledRun.objects.waiting().filter(device=device, reason_word=_ASLEEP)
    keys = list(asleep.values_list("pk", flat=True)[:_AT_ONCE])
    return _order(asleep.filter(pk__in=keys), now) if keys else 0


def _order(runs: QuerySet[ScheduledRun], now: datetime) -> int:
    with transaction.atomic():
        some = runs.select_related("device", "schedule").order_by("pk")
        free = list(some.select_for_update(skip_locked=True, of=("self",)))
        refused = [ended for run in free if (ended := _why_not(run, now)) is not None]
        ready = [run for run in free if run.state == RunState.WAITING]
        asleep = [run for run in ready if run.device.link_state == LinkState.LOST]
        ready = [run for run in ready if run.device.link_state != LinkState.LOST]
        made = commands.capture_until((run.device, run.expires_at) for run in ready)
        checked_at = now + ending.FIRST_LOOK
        asked = [(RunState.ORDERED, c.pk, checked_at, "", r.pk) for r, c in zip(ready, made, strict=True)]
        rows.update(ScheduledRun, ("state", "command", "check_at", "reason_word"), ("id",), asked)
        aside = [(_ASLEEP, _look_again_at(run, now), run.pk) for run in asleep]
        rows.update(ScheduledRun, ("reason_word", "check_at"), ("id",), aside)
        ending.store(*refused)
    return len(free)


def _look_again_at(run: ScheduledRun, now: datetime) -> datetime:
    first, later = _LOOKS_AGAIN
    return min(run.expires_at, now + (later if run.reason_word == _ASLEEP else first))


def _why_not(run: ScheduledRun, now: datetime) -> ScheduledRun | None:
    """Return the run as it ends without an order; None where the camera is to be asked."""
    if not run.device.enabled:
        return ending.skipped(run, "disabled", said("It is turned off in its settings."))
    if not run.device.takes_commands:
        sentence = said("It has no command topic, so it cannot be told to take a picture.")
        return ending.skipped(run, "no_command_topic", sentence)
    if not run.schedule.enabled or run.schedule.deleted_at is not None:
        return ending.skipped(run, "paused", said("The schedule was paused before its turn came."))
    if run.due_at > now + clock.CLOCKS_DIFFER:
        return ending.skipped(run, "clock", said("The hub's clock was set back before its turn came."))
    if run.expires_at > now:
        return None
    if run.reason_word == _ASLEEP or run.device.link_state == LinkState.LOST:
        since = presence.offline_since(run.device)
        sentence = said("Camera heard nothing: offline since %(time)s.", time=since)
        return ending.missed(run, Gap.OFFLINE, "offline", sentence)
    return ending.missed(run, Gap.HUB_AWAY, "hub_away", _why_away(run.due_at, run.due_at, True))
