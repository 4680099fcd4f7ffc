"""Schedules: what their values must obey; saving, pausing, deleting and getting back; who may do so."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.access.groups import DeviceGroup
from devices.access.rights import Action, actor_of, can, groups_in_which
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import EventType
from devices.registry.models import Device
from photohub.lib.pages.sentences import Said, said

from .models import EVERY_DAY, Schedule, ScheduleKind
from .planning import needs_sun, place_of, plan_of, plan_row
from .times import DAY_MIN, Moment, next_after, read_moment

FIELDS = (
    "name", "device", "group", "kind", "every_min", "times", "weekdays", "from_at", "until_at",
    "quiet_from", "quiet_until", "stagger_s", "latitude", "longitude", "enabled",
)  # fmt: skip
LIMITS = {"every_min": (1, DAY_MIN), "stagger_s": (0, 3600), "times": (1, 48)}
AT_MOST = 20_000
# So long a deleted schedule can be got back.
RESTORABLE_FOR = timedelta(days=30)
_PREVIEWED = 5


def save_schedule(values: Mapping[str, object], schedule: Schedule | None = None, user=None) -> Schedule:
    """Make a schedule, or change one; what is left out stays. Raises ValidationError by field, in sentences."""
    with transaction.atomic():
        row = draft(values, schedule)
        row.created_by = row.created_by if schedule else actor_of(user)
        if row._state.adding and Schedule.objects.count() >= AT_MOST:
            raise ValidationError({"name": _("There are already %(count)s schedules.") % {"count": AT_MOST}})
        plan_row(row, timezone.now())
        row.save()
        if schedule:
            _tell(row, user, Word.CHANGED, said("The schedule “%(name)s” was changed.", name=row.name))
        else:
            _tell(row, user, Word.ADDED, said("The schedule “%(name)s” was created.", name=row.name))
    return row


def draft(values: Mapping[str, object], schedule: Schedule | None = None) -> Schedule:
    """Return the schedule with these values, as it would be stored. Raises ValidationError."""
    row = Schedule.objects.select_for_update().get(pk=schedule.pk) if schedule else Schedule()
    for field, value in values.items():
        if field not in FIELDS:
            raise KeyError(field)
        setattr(row, field, value.strip() if isinstance(value, str) else value)
    faults = _faults_of(row)
    if not faults and next_after(plan_of(row), int(timezone.now().timestamp())) is None:
        faults["kind"] = _("With these times and quiet hours it would never run.")
    if faults:
        raise ValidationError(faults)
    row.full_clean(exclude=["device", "group", "created_by", "times"])
    return row


def preview(row: Schedule, count: int = _PREVIEWED) -> list[datetime]:
    """Return the next times at which a schedule would run."""
    plan, at, found = plan_of(row), int(timezone.now().timestamp()), []
    while len(found) < count and (following := next_after(plan, at)) is not None:
        found.append(datetime.fromtimestamp(following, UTC))
        at = following
    return found


def _faults_of(row: Schedule) -> dict[str, str]:
    faults: dict[str, str] = {}
    if not row.name or not row.name.isprintable():
        faults["name"] = _("Give the schedule a name.")
    if (row.device_id is None) == (row.group_id is None):
        faults["device"] = _("Choose either a camera or a group.")
    elif row.device is not None and not row.device.takes_commands:
        sentence = _("%(device)s has no command topic, so it cannot be asked for a picture.")
        faults["device"] = sentence % {"device": row.device}
    if row.kind not in ScheduleKind.values:
        faults["kind"] = _("Choose how often it runs.")
    for field, (low, high) in LIMITS.items():
        value = getattr(row, field)
        if field != "times" and (not isinstance(value, int) or not low <= value <= high):
            faults[field] = _("Enter a number from %(low)s to %(high)s.") % {"low": low, "high": high}
    if not 0 < row.weekdays <= EVERY_DAY:
        faults["weekdays"] = _("Choose at least one day.")
    faults |= _faults_of_times(row) | _faults_of_spans(row) | _faults_of_place(row)
    if not faults and needs_sun(row) and place_of(row) is None:
        faults["latitude"] = _(
            "Say where the hub is, or enter the place here: sunrise and sunset are calculated for it."
        )
    return faults


def _faults_of_times(row: Schedule) -> dict[str, str]:
    if row.kind != ScheduleKind.TIMES:
        row.times = []
        return {}
    read = [read_moment(text) if isinstance(text, str) else None for text in row.times]
    if not read or len(read) > LIMITS["times"][1]:
        return {"times": _("Enter 1 to %(most)s times, such as 12:00, 18:00.") % {"most": LIMITS["times"][1]}}
    if None in read:
        wrong = str(row.times[read.index(None)])[:40]
        return {"times": _not_a_time(wrong)}
    # It runs at these times and at no others.
    row.times, row.from_at, row.until_at = [str(moment) for moment in read], "", ""
    return {}


def _not_a_time(text: str) -> str:
    return _("“%(text)s” is not a time. Enter one such as 08:00, sunrise or sunset-30.") % {"text": text}


def _faults_of_spans(row: Schedule) -> dict[str, str]:
    faults = {}
    for first, last in (("from_at", "until_at"), ("quiet_from", "quiet_until")):
        read: dict[str, Moment | None] = {}
        for field in (first, last):
            text = getattr(row, field)
            if text and (moment := read_moment(text)) is None:
                faults[field] = _not_a_time(text[:40])
            elif text:
                read[field] = moment
                setattr(row, field, str(moment))
        if faults:
            continue
        if len(read) == 1:
            missing = last if first in read else first
            faults[missing] = _("Enter both times, or neither.")
        elif read and read[first] == read[last]:
            faults[last] = _("Both times are the same.")
    return faults


def _faults_of_place(row: Schedule) -> dict[str, str]:
    if (row.latitude is None) != (row.longitude is None):
        return {"latitude" if row.latitude is None else "longitude": _("Enter both, or neither.")}
    faults = {}
    for field, most in (("latitude", 90), ("longitude", 180)):
        value = getattr(row, field)
        if value is not None and not -most <= value <= most:
            faults[field] = _("Enter degrees from -%(most)s to %(most)s.") % {"most": most}
    return faults


def switch(schedule: Schedule, on: bool, user=None) -> None:
    """Pause a schedule, or let it go on with the next time that comes."""
    _store(schedule, user, enabled=on)


def delete_schedule(schedule: Schedule, user=None) -> None:
    """Let a schedule run no more. It can be got back for a month, with what it did."""
    _store(schedule, user, deleted_at=timezone.now())


def restore_schedule(schedule: Schedule, user=None) -> None:
    """Get a deleted schedule back, as it was."""
    _store(schedule, user, deleted_at=None)


def _store(schedule: Schedule, user, **values) -> None:
    ((field, value),) = values.items()
    with transaction.atomic():
        row = Schedule.objects.select_for_update().get(pk=schedule.pk)
        if getattr(row, field) == value:
            return
        setattr(row, field, value)
        # What was due while it stood still is not made up for.
        plan_row(row, timezone.now())
        row.save()
        _tell(row, user, *_told_of(row, field, value))
    schedule.refresh_from_db()


def _told_of(row: Schedule, field: str, value: object) -> tuple[Word, Said]:
    if field == "enabled" and value:
        return Word.CHANGED, said("The schedule “%(name)s” was resumed.", name=row.name)
    if field == "enabled":
        return Word.CHANGED, said("The schedule “%(name)s” was paused.", name=row.name)
    if value is None:
        return Word.RESTORED, said("The schedule “%(name)s” was restored.", name=row.name)
    return Word.DELETED, said("The schedule “%(name)s” was deleted.", name=row.name)


def _tell(row: Schedule, user, word: Word, sentence: Said) -> None:
    audit.note(word, Kind.SCHEDULE, row.pk, row.name, sentence)
    if row.device is not None:
        events.record_change(row.device, user, sentence)
    else:
        events.record(EventType.NOTICE, sentence, actor=user)


def may(user, action: Action, schedule: Schedule) -> bool:
    """Tell whether a person may do this with a schedule: with its camera, or with all of its group's."""
    if schedule.device is not None:
        return can(user, action, schedule.device)
    groups = groups_in_which(user, action)
    return groups is None or schedule.group_id in groups


def get_schedule(user, id: UUID, action: Action, *, deleted: bool = False) -> Schedule:
    """Fetch a schedule and authorise: a stranger gets 404, somebody who may only look gets 403.

    `deleted`: also one that was deleted.
    """
    seen = Q(device__in=Device.objects.visible_to(user).values("pk"))
    seen |= Q(group__in=DeviceGroup.objects.visible_to(user).values("pk"))
    rows = Schedule.objects.select_related("device", "group").filter(seen)
    schedule = get_object_or_404(rows if deleted else rows.present(), pk=id)
    if not may(user, action, schedule):
        raise PermissionDenied
    return schedule
