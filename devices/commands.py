"""Orders to take a picture: asking for one, sending it, and how each ends.

queued ──► sent ──► uploaded
  │         ├─────► failed     (the camera or the hub said why)
  ├─────────┴─────► expired    (nobody answered in time)
  └───────────────► cancelled
"""

import math
import os
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from photohub.lib import live

from . import events
from .models import Command, CommandState, Device, EventType, LinkState
from .protocol import light

CLAIM_S = (
    10  # a gateway that died between claim and answer leaves the command to the next one after this long
)


class CannotCommand(Exception):
    """The device cannot be told anything; the text says why."""


def capture(device: Device, *, name: str = "", user=None, timeout_s: int | None = None) -> Command:
    """Ask a device for a picture. Raises CannotCommand when it takes no commands.

    The picture's name is always the hub's own: `name` is only a wish that stands before ≥ 96 random bits.
    An offline device gets the command when it comes back within the time.
    """
    if not device.enabled:
        raise CannotCommand(_("%(device)s is switched off in its settings.") % {"device": device})
    if not device.takes_commands:
        raise CannotCommand(
            _(
                "%(device)s has no command topic, so it cannot be told to take a picture. Set one in its settings."
            )
            % {"device": device}
        )
    wait_s = timeout_s or device.command_timeout_s
    with transaction.atomic():
        command = Command.objects.create(
            device=device,
            name=light.new_name(os.urandom(16), name),
            asked_by=user if getattr(user, "pk", None) else None,
            expires_at=timezone.now() + timedelta(seconds=wait_s),
        )
        _changed(command)
        transaction.on_commit(lambda: live.ring(live.GATEWAY, [{"type": "gateway.commands"}]), robust=True)
    return command


def claim_to_send(limit: int = 50, hears: Callable[[Device], bool] | None = None) -> list[Command]:
    """Claim queued commands whose device can hear them, oldest first. Two gateways never claim the same one.

    `hears` tells whether a device listens on its command topic right now, where somebody knows.
    """
    now = timezone.now()
    waiting = Command.objects.queued().select_related("device").filter(expires_at__gt=now)
    waiting = waiting.exclude(device__link_state=LinkState.LOST).exclude(
        claimed_at__gt=now - timedelta(seconds=CLAIM_S)
    )
    ready = [c for c in waiting.order_by("created_at")[:500] if hears is None or hears(c.device)]
    return [c for c in ready[:limit] if _claim(c)]


def _claim(command: Command) -> bool:
    now = timezone.now()
    rows = Command.objects.filter(pk=command.pk, state=CommandState.QUEUED, claimed_at=command.claimed_at)
    return bool(rows.update(claimed_at=now, attempts=command.attempts + 1))


def unclaim(command: Command) -> None:
    """Give a claimed command back: the broker did not take it."""
    Command.objects.filter(pk=command.pk, state=CommandState.QUEUED).update(claimed_at=None)


def seconds_left(command: Command) -> int:
    """Return for how many more seconds the broker may deliver the command."""
    return max(1, math.ceil((command.expires_at - timezone.now()).total_seconds()))


def payload_of(command: Command) -> bytes:
    return light.encode_capture(command.name, action_as_string=command.device.action_as_string)


def note_sent(command: Command) -> None:
    """The broker took it. From now on the camera has its own time for the picture."""
    now = timezone.now()
    deadline = now + timedelta(seconds=command.device.command_timeout_s)
    with transaction.atomic():
        rows = Command.objects.filter(pk=command.pk, state=CommandState.QUEUED)
        if rows.update(state=CommandState.SENT, sent_at=now, expires_at=deadline):
            _changed(command)
        else:
            # The picture was faster than the broker's word: the time is still worth knowing.
            Command.objects.filter(pk=command.pk, sent_at=None).update(sent_at=now)


def fail(command: Command, reason: str) -> bool:
    """End an open command as failed."""
    return _finish(command, CommandState.FAILED, reason)


def cancel(command: Command, reason: str = "") -> bool:
    """End an open command at somebody's wish; False when it had already ended."""
    return _finish(command, CommandState.CANCELLED, reason)


def expire_due() -> int:
    """End the commands whose time is over, each with the sentence that says what was missing."""
    due = Command.objects.not_ended().select_related("device").filter(expires_at__lte=timezone.now())
    return sum(_finish(command, CommandState.EXPIRED, _why_expired(command)) for command in due[:500])


def _why_expired(command: Command) -> str:
    device = command.device
    if command.sent_at:
        return _("The camera was told, but no picture came within %(seconds)s s.") % {
            "seconds": device.command_timeout_s
        }
    if device.online:
        return _("The message broker could not be reached, so the camera was never told.")
    if device.last_seen_at is None:
        return _("Camera heard nothing: it has never connected.")
    since = device.link_changed_at or device.last_seen_at
    return _("Camera heard nothing: offline since %(time)s UTC.") % {"time": f"{since:%H:%M}"}


def _finish(command: Command, state: CommandState, reason: str) -> bool:
    with transaction.atomic():
        rows = Command.objects.filter(pk=command.pk, state__in=Command.OPEN)
        done = bool(rows.update(state=state, reason=reason[:300], finished_at=timezone.now()))
        if done:
            _changed(command, reason if state != CommandState.CANCELLED else "")
    return done


def _changed(command: Command, sentence: str = "") -> None:
    events.record(
        EventType.COMMAND_CHANGED,
        device=command.device,
        subject=command.pk,
        actor=command.asked_by,
        sentence=sentence,
        problem=bool(sentence),
    )
