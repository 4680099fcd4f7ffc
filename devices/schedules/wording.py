"""Schedules and their runs in words, for pages: when they run, for which cameras, and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from django.db.models import Count, F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from devices.access.models import DeviceInGroup
from devices.access.rights import Action
from devices.commands.models import CommandState
from devices.registry.models import Device
from photohub.lib.clock import CLOCKS_DIFFER
from photohub.lib.pages.times import wording as times
from photohub.lib.pages.timezones import hub_timezone

from .models import EVERY_DAY, RunState, Schedule, ScheduledRun, ScheduleKind
from .rules import may
from .times import read_moment

_WORKDAYS, _WEEKEND = 0b0011111, 0b1100000
_TONES = {
    RunState.WAITING: "off",
    RunState.ORDERED: "off",
    RunState.ANSWERED: "good",
    RunState.MISSED: "bad",
    RunState.SKIPPED: "warn",
}


def when_of(schedule: Schedule) -> str:
    """Say when a schedule runs: "Every 15 min, 08:00 – 18:00, Mon – Fri, quiet 12:00 – 13:00"."""
    parts = [_how_often(schedule)]
    if schedule.from_at:
        parts.append(_from_to(schedule.from_at, schedule.until_at))
    if days := days_of(schedule.weekdays):
        parts.append(days)
    if schedule.quiet_from:
        parts.append(_("quiet %(span)s") % {"span": _from_to(schedule.quiet_from, schedule.quiet_until)})
    return _(", ").join(parts)


def _how_often(schedule: Schedule) -> str:
    if schedule.kind == ScheduleKind.TIMES:
        return _(", ").join(moment_of(text) for text in schedule.times)
    if schedule.every_min % 60 == 0:
        hours = schedule.every_min // 60
        return ngettext("Every hour", "Every %(n)s hours", hours) % {"n": hours}
    return ngettext("Every minute", "Every %(n)s min", schedule.every_min) % {"n": schedule.every_min}


def _from_to(since: str, until: str) -> str:
    return _("%(since)s – %(until)s") % {"since": moment_of(since), "until": moment_of(until)}


def moment_of(text: str) -> str:
    """Say a time of day: "08:00", "sunrise", "30 min before sunset"."""
    moment = read_moment(text)
    if moment is None or not moment.sun:
        return text
    rises = moment.sun == "sunrise"
    if not moment.minutes:
        return _("sunrise") if rises else _("sunset")
    n = {"n": abs(moment.minutes)}
    if moment.minutes < 0:
        return (_("%(n)s min before sunrise") if rises else _("%(n)s min before sunset")) % n
    return (_("%(n)s min after sunrise") if rises else _("%(n)s min after sunset")) % n


def days_of(weekdays: int) -> str:
    """Say on which days; nothing where it is every day."""
    if weekdays == EVERY_DAY:
        return ""
    if weekdays in (_WORKDAYS, _WEEKEND):
        return (
            pgettext("schedule", "Monday to Friday")
            if weekdays == _WORKDAYS
            else pgettext("schedule", "weekends")
        )
    names = times.weekdays_short()
    return "/".join(name for day, name in enumerate(names) if weekdays >> day & 1)


@dataclass(frozen=True)
class RunLine:
    """One run as pages show it: `tone` is the shape of its state."""

    run: ScheduledRun
    tone: str
    words: str
    reason: str


def run_line(run: ScheduledRun) -> RunLine:
    """Dress a run for a page; its command, where it was fetched along, knows more than the row does yet."""
    state, words, reason = RunState(run.state), str(RunState(run.state).label), run.reason_text
    if state == RunState.ORDERED and run.command is not None:
        if run.command.state == CommandState.UPLOADED:
            state, words = RunState.ANSWERED, str(RunState.ANSWERED.label)
        else:
            words, reason = str(CommandState(run.command.state).label), run.command.reason_text
    if run.slots > 1:
        words = ngettext("%(n)s picture missed", "%(n)s pictures missed", run.slots) % {"n": run.slots}
    return RunLine(run, _TONES[state], words, reason)


@dataclass(frozen=True)
class ScheduleLine:
    """One schedule as pages show it: what came of its last time, and whether the person may change it."""

    schedule: Schedule
    when: str
    last: str
    tone: str
    may_change: bool


def lines_of(schedules: Iterable[Schedule], user) -> list[ScheduleLine]:
    """Dress schedules for a page."""
    some = list(schedules)
    counts: dict[object, dict[str, int]] = {}
    newest = ScheduledRun.objects.filter(schedule__in=some, due_at=F("schedule__last_run_at"))
    for key, state, count in newest.values_list("schedule", "state").annotate(Count("pk")).order_by():
        counts.setdefault(key, {})[state] = count
    return [
        ScheduleLine(s, when_of(s), *_last(counts.get(s.pk, {})), may(user, Action.MANAGE, s)) for s in some
    ]


def _last(counts: dict[str, int]) -> tuple[str, str]:
    total = sum(counts.values())
    if total <= 1:
        state = next(iter(counts), "")
        return (str(RunState(state).label), _TONES[RunState(state)]) if state else ("", "off")
    arrived, missed = counts.get(RunState.ANSWERED, 0), counts.get(RunState.MISSED, 0)
    words = _("%(arrived)s of %(total)s pictures") % {"arrived": arrived, "total": total}
    return words, "bad" if missed else "good" if arrived == total else "off"


@dataclass(frozen=True)
class Outlook:
    """What a device's page says of its schedules: which one is next, and what was missed last."""

    at: datetime | None = None
    schedule: Schedule | None = None
    may_open: bool = False
    missed: RunLine | None = None


def outlook_of(device: Device, user) -> Outlook:
    """Return what comes next for a device, and the last picture that it missed."""
    groups = DeviceInGroup.objects.filter(device=device).values("group")
    own = Schedule.objects.running().filter(Q(device=device) | Q(group__in=groups))
    following = own.exclude(next_run_at=None).select_related("device").order_by("next_run_at").first()
    now = timezone.now()
    runs = ScheduledRun.objects.missed().filter(device=device, due_at__lt=now + CLOCKS_DIFFER)
    missed = runs.order_by("-due_at", "-pk").first()
    return Outlook(
        following.next_run_at if following else None,
        following,
        following is not None and may(user, Action.COMMAND, following),
        run_line(missed) if missed else None,
    )


def in_hubs_zone(ats: list[datetime], zone: tzinfo | None = None) -> list[str]:
    """Say the days and times of the next runs by the hub's own clock: "Tuesday, Dec 1, 12:00"."""
    found = []
    for at in ats:
        there = times.local(at, zone or hub_timezone())
        words = {"day": times.day(there.date()), "time": times.time_of_day(there, there.tzinfo)}
        told = _("%(day)s, %(time)s") % words
        found.append(_("%(weekday)s, %(day)s") % {"weekday": times.weekdays()[there.weekday()], "day": told})
    return found
