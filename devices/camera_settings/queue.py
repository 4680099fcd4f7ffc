"""Wishes to a camera: what it should be, told when it is there, and what it says of it.

none ──► waiting ──► sent ──► applied · refused     (the camera said so, by the wish's number)
            ▲         └─────► unanswered            (told in several connections, and never a word)
            └── every change of the wish, by whatever state
"""

import base64
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import EventType
from devices.protocol.camera_settings import NAMES, Report
from devices.registry.changes import change_device
from devices.registry.models import Device
from photohub.lib.messaging import notify
from photohub.lib.pages.sentences import Said, said, said_of

from . import rules
from .models import CameraSettings, RestartState, WishState

LABELS = {
    "frame_size": gettext_lazy("picture size"),
    "quality": gettext_lazy("JPEG quality"),
    "led": gettext_lazy("light"),
    "interval_s": gettext_lazy("time between pictures"),
    "sleep_s": gettext_lazy("sleep"),
}
LOOK = {"type": "gateway.commands"}
# A restart that nobody carried out is over: who presses the button days before does not mean now.
RESTART_WITHIN_S = 300


class CannotSet(Exception):
    """Nothing can be wished of this device; the text says why."""


def read(device: Device) -> CameraSettings:
    """Return the camera's row, or one that is not stored yet."""
    return CameraSettings.objects.filter(device=device.pk).first() or CameraSettings(device=device)


def vouch(device: Device, understood: bool, user=None) -> None:
    """Say for a camera that its program understands settings, or that it does not."""
    with transaction.atomic():
        row = _locked(device)
        if row.understood == understood:
            return
        row.understood = understood
        row.save(update_fields=["understood"])
        word = said("Camera settings turned on.") if understood else said("Camera settings turned off.")
        _note(device, user, word)


def wish(device: Device, values: Mapping[str, Any], user=None) -> list[str]:
    """Have the camera be so; None takes a wish back. Returns which wishes changed.

    Raises CannotSet, or ValidationError by field, in sentences; nothing is stored then.
    """
    refuse_deaf(device, read(device))
    with transaction.atomic():
        # In the order of docs/architecture.md: the device, then its settings.
        sleep_s = rules.check(values, read(device).names).get("sleep_s")
        if sleep_s and sleep_s != device.reporting_interval_s:
            change_device(device, {"reporting_interval_s": sleep_s}, user)
        row = _locked(device)
        clean = rules.check(values, row.names)
        before = {name: row.desired.get(name) for name in NAMES}
        after = {name: clean.get(name, before[name]) if name in clean else before[name] for name in NAMES}
        changed = [name for name in NAMES if before[name] != after[name]]
        if not changed:
            return []
        row.desired = {name: value for name, value in after.items() if value is not None}
        row.version += 1
        row.wish_state = WishState.WAITING if row.desired else WishState.NONE
        row.wished_at = timezone.now()
        row.said_on, row.said_times, row.refused = None, 0, {}
        row.save()
        labels = [said_of(LABELS[name]) for name in changed]
        _note(device, user, said("Camera settings asked for: %(fields)s.", fields=labels))
        notify.send_after_commit(notify.GATEWAY, LOOK)
    return changed


def refuse_deaf(device: Device, row: CameraSettings) -> None:
    """Raise CannotSet for a camera that nothing can be wished of."""
    if not row.is_understood:
        sentence = _("%(device)s has not said that its program understands camera settings.")
        raise CannotSet(sentence % {"device": device})
    if not device.enabled:
        raise CannotSet(_("%(device)s is turned off in its settings.") % {"device": device})


def _note(device: Device, user, sentence: Said, word: Word = Word.CHANGED) -> None:
    events.record_change(device, user, sentence)
    audit.note(word, Kind.DEVICE, device.code, device.name, sentence)


def _locked(device: Device) -> CameraSettings:
    CameraSettings.objects.get_or_create(device=device)
    return CameraSettings.objects.select_for_update().select_related("device").get(device=device)


# --- what the camera says


def note_told(row: CameraSettings) -> None:
    """Note that the camera has been handed this wish, by an answer or because it asked."""
    same = CameraSettings.objects.filter(pk=row.pk, version=row.version, wish_state=WishState.WAITING)
    if same.update(wish_state=WishState.SENT):
        row.wish_state = WishState.SENT


def note_version(row: CameraSettings, version: int) -> None:
    """Note the number that a camera sends along with a picture: it has taken up all of that wish."""
    if row.wish_state in CameraSettings.UNSETTLED and version == row.version:
        note_report(row.device, Report(version, settings=row.reported | row.desired))


def note_report(device: Device, report: Report) -> CameraSettings:
    """Note what the camera says that it is, and end the wish that it names."""
    with transaction.atomic():
        row = _locked(device)
        row.reported, row.reported_at = report.settings, timezone.now()
        row.reported_version = report.version
        row.known = list(report.can) or row.known
        told = [*_settle_wish(row, report), *_settle_restart(row, report)]
        row.save()
        for sentence, is_problem in told:
            events.record_all([_event(device, sentence, is_problem)])
    return row


def _settle_wish(row: CameraSettings, report: Report) -> list[tuple[Said, bool]]:
    """Say what came of the wish; a report of an older one leaves it waiting."""
    has_all = all(row.reported.get(name) == value for name, value in row.desired.items())
    is_answer = report.version == row.version
    if row.wish_state == WishState.NONE or not (is_answer or has_all):
        has_forgotten = report.version is not None and report.version < row.version
        if row.wish_state in CameraSettings.SETTLED and has_forgotten:
            # It has forgotten, as after a reset: it is told again.
            row.wish_state, row.said_on, row.said_times = WishState.WAITING, None, 0
            notify.send_after_commit(notify.GATEWAY, LOOK)
        return []
    before = row.wish_state
    misses = [name for name, value in row.desired.items() if row.reported.get(name) != value]
    # A reason is said once; a later report without it takes it back as little as silence does.
    row.refused = {name: report.refused.get(name) or row.refused.get(name, "") for name in misses}
    row.wish_state = WishState.REFUSED if misses else WishState.APPLIED
    if row.wish_state == before:
        return []
    if not misses:
        return [(said("The camera has the settings that were asked for."), False)]
    labels = [said_of(LABELS[name]) for name in misses]
    return [(said("The camera refused settings: %(fields)s.", fields=labels), True)]


def _settle_restart(row: CameraSettings, report: Report) -> list[tuple[Said, bool]]:
    is_open = row.restart_state in CameraSettings.OPEN_RESTARTS
    if not is_open or not report.restarted or report.restarted != row.restart_name:
        return []
    row.restart_state = RestartState.DONE
    return [(said("The camera started again."), False)]


def _event(device: Device, sentence: Said, is_problem: bool):
    return events.new_event(EventType.DEVICE_CHANGED, sentence, device=device, problem=is_problem)


# --- restarts


def restart(device: Device, user=None) -> CameraSettings:
    """Have the camera start again, once: it is told one time, and says itself that it did. Raises CannotSet."""
    refuse_deaf(device, read(device))
    if not device.takes_commands:
        raise CannotSet(_("%(device)s has no way to get orders.") % {"device": device})
    with transaction.atomic():
        row = _locked(device)
        if row.restart_state in CameraSettings.OPEN_RESTARTS:
            raise CannotSet(_("%(device)s is to start again already.") % {"device": device})
        now = timezone.now()
        row.restart_name = f"restart-{base64.b32encode(os.urandom(10)).decode().lower()}"
        row.restart_state, row.restart_at = RestartState.WAITING, now
        row.restart_until = now + timedelta(seconds=_restart_within_s(device))
        row.save()
        _note(device, user, said("Asked to start again."), Word.REQUESTED)
        notify.send_after_commit(notify.GATEWAY, LOOK)
    return row


def _restart_within_s(device: Device) -> int:
    asleep_s = 2 * device.reporting_interval_s + 60 if device.one_wake else 0
    return max(RESTART_WITHIN_S, asleep_s)


def claim_restart(row: CameraSettings) -> bool:
    """Claim the order to start again, for the one time in which the camera is told."""
    now = timezone.now()
    waiting = CameraSettings.objects.filter(
        pk=row.pk, restart_name=row.restart_name, restart_state=RestartState.WAITING, restart_until__gt=now
    )
    until = now + timedelta(seconds=_restart_within_s(row.device))
    return bool(waiting.update(restart_state=RestartState.SENT, restart_until=until))


def expire_restarts() -> int:
    """End the restarts that were not carried out in time."""
    now = timezone.now()
    over = CameraSettings.objects.restarting().filter(restart_until__lte=now).select_related("device")
    count = 0
    for row in over.order_by("restart_until")[:500]:
        with transaction.atomic():
            same = CameraSettings.objects.filter(pk=row.pk, restart_state=row.restart_state)
            if same.update(restart_state=RestartState.EXPIRED):
                count += 1
                events.record_all([_event(row.device, _why_not_restarted(row), True)])
    return count


def _why_not_restarted(row: CameraSettings) -> Said:
    if row.restart_state == RestartState.WAITING:
        return said("The camera was not there in time to be told to start again.")
    return said("The camera was told to start again, and did not say that it did.")
