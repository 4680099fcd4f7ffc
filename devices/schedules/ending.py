"""How the runs of schedules end, what is told of it, and the counts of each day."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from devices.commands.models import Command, CommandState
from devices.events import record as events
from devices.events.models import EventType, Trouble
from devices.events.wording import SENTENCES
from photohub.lib import clock
from photohub.lib.database import rows
from photohub.lib.database.db import one_writer
from photohub.lib.pages.sentences import Said, columns, said
from photohub.lib.pages.timezones import hub_timezone

from . import planning
from .models import Gap, RunDay, RunState, ScheduledRun
from .times import count_by_day

FIRST_LOOK = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(minutes=10)
# Runs are kept for so long, and the counts of their days for longer.
KEEP_RUNS = timedelta(days=14)
KEEP_DAYS = timedelta(days=400)
_AT_ONCE = 200
_PRUNED_TOGETHER = 500
_GAP_OF = {
    "offline": Gap.OFFLINE,
    "never_connected": Gap.OFFLINE,
    "no_picture": Gap.SILENT,
    "not_listening": Gap.SILENT,
    "camera_said": Gap.REFUSED,
    "not_sendable": Gap.REFUSED,
    "broker_away": Gap.HUB_AWAY,
}

_listeners: list[Callable[[list[ScheduledRun]], object]] = []


def on_missed(listener: Callable[[list[ScheduledRun]], object]) -> None:
    """Let an upper room hear of missed pictures, after the commit: `listener(runs)`, each with device and reason."""
    if listener not in _listeners:
        _listeners.append(listener)


def missed(run: ScheduledRun, gap: Gap, word: str, why: Said) -> ScheduledRun:
    run.gap = gap
    return _end(run, RunState.MISSED, word, why)


def skipped(run: ScheduledRun, word: str, why: Said) -> ScheduledRun:
    return _end(run, RunState.SKIPPED, word, why)


def _end(run: ScheduledRun, state: RunState, word: str = "", why: str | Said = "") -> ScheduledRun:
    run.state, run.reason_word, run.ended_at = state, word, timezone.now()
    for name, value in columns("reason", why).items():
        setattr(run, name, value)
    return run


_ENDING = ("state", "gap", "reason_word", "reason", "reason_said", "ended_at")


def store(*ended: ScheduledRun) -> None:
    """Store runs that ended, count them and tell of those that were missed, in the present transaction."""
    values = [(*(getattr(run, name) for name in _ENDING), run.pk) for run in ended]
    rows.update(ScheduledRun, _ENDING, ("id",), values)
    _count([run for run in ended if run.state == RunState.ANSWERED])
    note_missed([run for run in ended if run.state == RunState.MISSED])


def note_missed(runs: list[ScheduledRun]) -> None:
    """Count missed runs in their days, and tell of them after the commit."""
    if not runs:
        return
    _count(runs)
    # Of what was ordered the command itself tells.
    events.record_all(
        [
            events.new_event(
                EventType.DEVICE_CHANGED, _kept(run.reason_said), device=run.device, problem=True
            )
            for run in runs
            if run.command_id is None
        ]
    )
    transaction.on_commit(lambda: _tell(runs), robust=True)


def _tell(runs: list[ScheduledRun]) -> None:
    for listener in _listeners:
        listener(runs)


def _count(runs: Iterable[ScheduledRun]) -> None:
    """Add what became of these runs to the counts of their days."""
    days: dict[tuple[int, date], Counter[str]] = {}
    for run in runs:
        what = "arrived" if run.state == RunState.ANSWERED else str(run.gap)
        for day, count in _days_of(run).items():
            days.setdefault((run.device_id, day), Counter()).update({"expected": count, what: count})
    if not days:
        return
    keys = sorted(days)
    RunDay.objects.bulk_create([RunDay(device_id=d, day=day) for d, day in keys], ignore_conflicts=True)
    for device, day in keys:
        more = {name: F(name) + count for name, count in days[device, day].items()}
        RunDay.objects.filter(device=device, day=day).update(**more)


def _days_of(run: ScheduledRun) -> dict[date, int]:
    zone = hub_timezone()
    if run.slots == 1:
        return {run.due_at.astimezone(zone).date(): 1}
    plan = planning.plan_of(run.schedule, zone)
    return count_by_day(plan, int(run.due_at.timestamp()), int(run.last_at.timestamp()) + 1)


def end_due() -> int:
    """End the runs whose commands have ended. Returns how many."""
    now, done = timezone.now(), 0
    asked = ScheduledRun.objects.asked()
    keys = clock.first_due(asked, "check_at", _LONGEST_PAUSE.total_seconds() * 2, now, _AT_ONCE)
    if not keys:
        return 0
    with transaction.atomic():
        some = asked.filter(pk__in=keys).select_related("device", "schedule").order_by("pk")
        free = list(some.select_for_update(skip_locked=True, of=("self",)))
        orders = Command.objects.in_bulk([run.command_id for run in free if run.command_id])
        refused = _refused_uploads(free, orders)
        ended, later = [], []
        for run in free:
            order = orders.get(run.command_id) if run.command_id else None
            if order is not None and order.state in Command.OPEN:
                later.append((_look_again_at(run, order, now), run.pk))
            else:
                ended.append(_ended(run, order, refused))
        store(*ended)
        rows.update(ScheduledRun, ("check_at",), ("id",), later)
        done = len(ended)
    return done


def why_of(run: ScheduledRun) -> Said:
    """Return why no picture came, for a sentence about it."""
    return _kept(run.reason_said)


def _kept(row: dict) -> Said:
    """Return the sentence that a row keeps, for another row."""
    return Said(row.get("text", ""), row.get("values", {}))


def _look_again_at(run: ScheduledRun, order: Command, now: datetime) -> datetime:
    """Return when to look again: seldomer the longer it takes, and once its time is over."""
    pause = min(max(now - order.created_at, FIRST_LOOK), _LONGEST_PAUSE)
    over = order.expires_at + timedelta(seconds=6)
    return min(now + pause, over) if over > now + FIRST_LOOK else now + FIRST_LOOK


def _ended(run: ScheduledRun, order: Command | None, refused: dict[int, Trouble]) -> ScheduledRun:
    if order is None:
        return skipped(run, "cancelled", said("The order was deleted."))
    if order.state == CommandState.UPLOADED:
        return _end(run, RunState.ANSWERED)
    why = _kept(order.reason_said)
    if order.state == CommandState.CANCELLED:
        return skipped(run, "cancelled", why)
    if order.reason_word == "no_picture" and (trouble := refused.get(run.device_id)) is not None:
        return missed(run, Gap.REFUSED, trouble.word, _said_of(trouble))
    return missed(run, _GAP_OF.get(order.reason_word, Gap.SILENT), order.reason_word, why)


def _said_of(trouble: Trouble) -> Said:
    # An older hub did not write down what becomes of a picture that was not stored.
    return Said(SENTENCES.get(trouble.word, trouble.word), {"again": "", **trouble.values})


def _refused_uploads(runs: list[ScheduledRun], orders: dict) -> dict[int, Trouble]:
    """Return of each camera that sent nothing the hub could take, what was wrong with it."""
    silent = {
        run.device_id: run.due_at
        for run in runs
        if run.command_id in orders and orders[run.command_id].reason_word == "no_picture"
    }
    found = Trouble.objects.filter(device__in=list(silent), word__startswith="picture_") if silent else ()
    return {t.device_id: t for t in found if t.last_at >= silent[t.device_id]}


def prune() -> int:
    """Delete runs and counts that are old, a batch of each. Returns how many went."""
    now, gone = timezone.now(), 0
    # Also what a clock that was ahead has made.
    old = ScheduledRun.objects.filter(due_at__lt=now - KEEP_RUNS)
    days = RunDay.objects.filter(day__lt=(now - KEEP_DAYS).date())
    for some, column in ((old, "due_at"), (days, "day")):
        keys = list(some.order_by(column).values_list("pk", flat=True)[:_PRUNED_TOGETHER])
        if keys:
            with one_writer():
                gone += some.model._base_manager.filter(pk__in=keys).delete()[0]
    return gone
