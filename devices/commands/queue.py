"""Orders to take a picture: asking for one, sending it, and how each ends.

queued ──► sent ──► uploaded
  ▲         │
  └─────────┤       (given in the answer to an upload, and not carried out: once more when the camera wakes)
  │         ├─────► failed     (the camera or the hub said why)
  ├─────────┴─────► expired    (nobody answered in time)
  └───────────────► cancelled
"""

import math
import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.access.rights import actor_of
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import heartbeats
from devices.events import record as events
from devices.events.models import Event, EventType
from devices.mqtt.addressing import Hears
from devices.protocol import light
from devices.registry import presence
from devices.registry.models import Device, LinkState
from photohub.lib.database import rows
from photohub.lib.database.walking import walk
from photohub.lib.messaging import measures, notify
from photohub.lib.pages.sentences import Said, columns, said

from .models import Command, CommandState

CLAIM_S = (
    10  # a gateway that died between claim and answer leaves the command to the next one after this long
)
CLAIM_AT_MOST = 50
# So often an order is given in answers to uploads before it has failed.
ANSWERS_AT_MOST = 5
# Two machines of one hub may differ by so much.
_CLOCKS_DIFFER = timedelta(minutes=5)
# More would keep cameras that store a picture waiting for the database.
_ASKED_WITH_ONE_COMMIT = 100
_ENDED_AT_ONCE = 500

TIMES = measures.Times(
    "photohub_command_duration_seconds",
    "Time from a request for a picture to its end, by how it ended.",
    "outcome",
    Command.FINAL,
)


class CannotCommand(Exception):
    """The device cannot be told anything; the text says why."""


def capture(device: Device, *, name: str = "", user=None, timeout_s: int | None = None) -> Command:
    """Ask a device for a picture. Raises CannotCommand when it takes no commands.

    The picture's name is always the hub's own: `name` is only a wish that stands before ≥ 96 random bits.
    An offline device gets the command when it comes back within the time.
    """
    (command,) = capture_many([device], name=name, user=user, timeout_s=timeout_s)
    return command


def capture_many(
    devices: Iterable[Device], *, name: str = "", user=None, timeout_s: int | None = None
) -> list[Command]:
    """Ask many devices for a picture, with one commit for each hundred. Raises CannotCommand before it asks any."""
    asked = list(devices)
    for device in asked:
        _refuse_deaf(device)
    made: list[Command] = []
    for first in range(0, len(asked), _ASKED_WITH_ONE_COMMIT):
        made += _ask(asked[first : first + _ASKED_WITH_ONE_COMMIT], name, user, timeout_s)
    return made


def capture_until(wishes: Iterable[tuple[Device, datetime]], *, name: str = "") -> list[Command]:
    """Ask devices that take commands for a picture, each until a time of its own, in the present transaction."""
    now = timezone.now()
    made = []
    for device, until in wishes:
        command = _new_command(device, now, name)
        command.expires_at = until
        made.append(command)
    return _store(made)


def _refuse_deaf(device: Device) -> None:
    if not device.enabled:
        raise CannotCommand(_("%(device)s is turned off in its settings.") % {"device": device})
    if not device.takes_commands:
        raise CannotCommand(
            _(
                "%(device)s has no command topic, so it cannot be asked for a picture. Set one in its "
                "settings."
            )
            % {"device": device}
        )


def _ask(devices: list[Device], name: str, user, timeout_s: int | None) -> list[Command]:
    now = timezone.now()
    return _store([_new_command(device, now, name, timeout_s, asked_by=actor_of(user)) for device in devices])


def _store(made: list[Command]) -> list[Command]:
    with transaction.atomic():
        rows.insert(made)
        events.record_all([_change_of(command) for command in made])
        _note_asked(made)
        notify.send_after_commit(notify.GATEWAY, {"type": "gateway.commands"})
    for command in made:
        command._state.adding = False
    return made


def _note_asked(made: list[Command]) -> None:
    if len(made) == 1:
        audit.note(Word.REQUESTED, Kind.PICTURE, made[0].device.code, made[0].device.name)
    else:
        audit.note(Word.REQUESTED, Kind.PICTURE, details=said("Of %(n)d cameras.", n=len(made)))


def _new_command(device: Device, now: datetime, wish: str, timeout_s: int | None = None, **facts) -> Command:
    return Command(
        device=device,
        name=light.new_name(os.urandom(16), wish),
        created_at=now,
        expires_at=now + timedelta(seconds=timeout_s or _patience_s(device)),
        **facts,
    )


def _patience_s(device: Device) -> int:
    # One that sleeps is asked when it wakes, and may miss one turn.
    asleep_s = 2 * device.reporting_interval_s + 60 if device.one_wake else 0
    return max(device.command_timeout_s, asleep_s)


def ask_again(answered: Command, device: Device) -> list[Event]:
    """Ask once more for a picture that came with the bytes of the one before, in the transaction of that picture.

    Returns what is to be recorded; nothing where this was the second try, or the device takes no commands any more.
    """
    if answered.again_of_id is not None or not device.enabled or not device.takes_commands:
        return []
    wish = answered.name.rpartition("-")[0]
    again = _new_command(device, timezone.now(), wish, asked_by_id=answered.asked_by_id, again_of=answered)
    rows.insert([again])
    transaction.on_commit(lambda: notify.send(notify.GATEWAY, [{"type": "gateway.commands"}]), robust=True)
    why = said("The camera sent the same bytes as for its picture before, so it is asked once more.")
    return [events.new_event(EventType.COMMAND_CHANGED, why, device=device, subject=again.pk)]


def claim_to_send(limit: int = CLAIM_AT_MOST, hears: Hears | None = None) -> list[Command]:
    """Claim queued commands whose device can hear them, oldest first. Two gateways never claim the same one.

    As many as `limit` means that there may be more.
    """
    ready = list(islice(_find_ready(hears), limit))
    if not ready:
        return []
    found = Command.objects.select_related("device").filter(pk__in=ready).order_by("created_at", "pk")
    with transaction.atomic():
        some = list(found)
        free = _lock_free(some)
        return [c for c in some if c.pk in free and _claim(c)]


def _find_ready(hears: Hears | None) -> Iterator[UUID]:
    """Yield the commands that can be sent now, oldest first: however many wait for devices that do not listen."""
    now = timezone.now()
    claimed = (now - timedelta(seconds=CLAIM_S), now + timedelta(seconds=CLAIM_S))
    waiting = Command.objects.queued().filter(expires_at__gt=now).exclude(claimed_at__range=claimed)
    waiting = waiting.exclude(device__link_state=LinkState.LOST)
    for key, _at, code, topic in walk(waiting, "created_at", "device__code", "device__command_topic"):
        if topic and (hears is None or hears(code, topic)):
            yield key


def _lock_free(some: list[Command]) -> set[UUID]:
    """Lock these rows as far as nobody else has them: who waited for one while he holds others might wait for ever."""
    held = Command.objects.filter(pk__in=[command.pk for command in some])
    return set(held.select_for_update(skip_locked=True).order_by().values_list("pk", flat=True))


def _claim(command: Command) -> bool:
    now = timezone.now()
    rows = Command.objects.filter(pk=command.pk, state=CommandState.QUEUED, claimed_at=command.claimed_at)
    return bool(rows.update(claimed_at=now, attempts=command.attempts + 1))


def claim_for_answer(device: Device, *, again: bool = False) -> Command | None:
    """Claim the device's oldest order that waits, as sent, to be given in the answer to its upload.

    `again`: also one that was in an answer before, since the camera may not have got that. The order keeps its name, which
    is good for one picture, so it is carried out once however often it is told.
    """
    now = timezone.now()
    given = Q(returns_until__isnull=False) if again else Q()
    waiting = Command.objects.not_ended().filter(Q(state=CommandState.QUEUED) | given, device=device)
    waiting = waiting.filter(expires_at__gt=now, attempts__lt=ANSWERS_AT_MOST)
    lately = (now - timedelta(seconds=CLAIM_S), now + timedelta(seconds=CLAIM_S))
    waiting = waiting.exclude(state=CommandState.QUEUED, claimed_at__range=lately)
    for command in waiting.select_related("device").order_by("created_at")[:2]:
        with transaction.atomic():
            if _give(command, now):
                return command
    return None


def _give(command: Command, now: datetime) -> bool:
    same = Command.objects.filter(pk=command.pk, state=command.state, claimed_at=command.claimed_at)
    done = same.update(
        state=CommandState.SENT,
        claimed_at=now,
        sent_at=now,
        attempts=command.attempts + 1,
        returns_until=command.returns_until or command.expires_at,
        expires_at=now + timedelta(seconds=command.device.command_timeout_s),
    )
    if done:
        _changed(command)
    return bool(done)


def _put_back(command: Command) -> bool:
    """Have an order wait for the next wake that was in an answer and brought no picture; False where its time is over."""
    now = timezone.now()
    until = command.returns_until
    if until is None or until <= now or command.state != CommandState.SENT:
        return False
    if command.attempts >= ANSWERS_AT_MOST:
        return False
    with transaction.atomic():
        same = Command.objects.filter(pk=command.pk, state=CommandState.SENT, claimed_at=command.claimed_at)
        done = same.update(state=CommandState.QUEUED, claimed_at=None, expires_at=until)
        if done:
            _changed(command)
    return bool(done)


def unclaim(command: Command) -> None:
    """Give a claimed command back: the broker did not take it."""
    Command.objects.filter(pk=command.pk, state=CommandState.QUEUED).update(claimed_at=None)


def seconds_left(command: Command) -> int:
    """Return for how many more seconds the broker may deliver the command."""
    return max(1, math.ceil((command.expires_at - timezone.now()).total_seconds()))


def payload_of(command: Command) -> bytes:
    return light.encode_capture(command.name, action_as_string=command.device.action_as_string)


def note_all_sent(sent: list[Command]) -> list[None]:
    """The broker took these. From now on each camera has its own time for the picture. Returns a None for each."""
    with transaction.atomic():
        free = _lock_free(sent)
        events.record_all([_change_of(c) for c in sent if c.pk in free and _note_sent(c)])
    for command in sent:
        if command.pk not in free:
            with transaction.atomic():
                events.record_all([_change_of(command)] if _note_sent(command) else [])
    return [None] * len(sent)


def _note_sent(command: Command) -> bool:
    now = timezone.now()
    deadline = now + timedelta(seconds=command.device.command_timeout_s)
    queued = Command.objects.filter(pk=command.pk, state=CommandState.QUEUED)
    if queued.update(state=CommandState.SENT, sent_at=now, expires_at=deadline):
        return True
    # The picture was faster than the broker's word: the time is still worth knowing.
    Command.objects.filter(pk=command.pk, sent_at=None).update(sent_at=now)
    return False


def fail(command: Command, word: str, reason: str | Said) -> bool:
    """End an open command as failed; the word is for programs."""
    return _finish(command, CommandState.FAILED, word, reason)


def cancel(command: Command, reason: str | Said = "") -> bool:
    """End an open command at somebody's wish; False when it had already ended."""
    return _finish(command, CommandState.CANCELLED, "cancelled", reason)


def expire_due() -> int:
    """End the commands whose time is over, each with the sentence that says what was missing."""
    now = timezone.now()
    waiting = Command.objects.not_ended().select_related("device")
    over = waiting.filter(expires_at__lte=now).order_by("expires_at")[:_ENDED_AT_ONCE]
    # One that was asked for in the future has its end there too: the clock jumped back since.
    ahead = waiting.filter(created_at__gt=now + _CLOCKS_DIFFER).order_by("created_at")[:_ENDED_AT_ONCE]
    late = [command for command in over if not _put_back(command)]
    return sum(_finish(c, CommandState.EXPIRED, *_why_expired(c)) for c in (*late, *ahead))


def _why_expired(command: Command) -> tuple[str, Said]:
    device = command.device
    if command.sent_at:
        return "no_picture", said(
            "The camera was told, but no picture came within %(seconds)s s.", seconds=device.command_timeout_s
        )
    if device.last_seen_at is None:
        return "never_connected", said("The camera has never connected.")
    if device.one_wake:
        return "not_awake", said("The camera did not wake in time. It gets orders when it uploads a picture.")
    if not device.online:
        since = presence.offline_since(device)
        return "offline", said("Camera heard nothing: offline since %(time)s.", time=since)
    if _broker_is_there():
        return "not_listening", presence.not_subscribed(device)
    return "broker_away", said("The message broker could not be reached, so the camera was never told.")


def _broker_is_there() -> bool:
    heartbeat = heartbeats.read(heartbeats.BROKER)
    return heartbeat is not None and heartbeat.ok


def dismiss(command: Command) -> bool:
    """Put away how a command ended; False while it has not ended."""
    rows = Command.objects.filter(pk=command.pk, state__in=Command.FINAL)
    with transaction.atomic():
        done = bool(rows.update(dismissed_at=timezone.now()))
        if done:
            # Other open pages let go of it too.
            _changed(command)
            _note(Word.CHANGED, command, said("How the request ended was put away."))
    return done


def _finish(command: Command, state: CommandState, word: str, reason: str | Said) -> bool:
    why = {"reason_word": word} | columns("reason", reason)
    with transaction.atomic():
        rows = Command.objects.filter(pk=command.pk, state__in=Command.OPEN)
        done = bool(rows.update(state=state, **why, finished_at=timezone.now()))
        if done:
            _changed(command, reason if state != CommandState.CANCELLED else "")
            transaction.on_commit(lambda: note_ended([command], state), robust=True)
            if state == CommandState.CANCELLED:
                _note(Word.CANCELLED, command)
    return done


def note_ended(ended: Iterable[Command], state: CommandState) -> None:
    """Measure how long these took. Call after the commit."""
    now = timezone.now()
    if taken_s := [(now - command.created_at).total_seconds() for command in ended]:
        TIMES.observe(state, taken_s)


def _note(word: Word, command: Command, details: str | Said = "") -> None:
    audit.note(word, Kind.PICTURE, command.device.code, command.device.name, details)


def _changed(command: Command, sentence: str | Said = "") -> None:
    events.record_all([_change_of(command, sentence)])


def _change_of(command: Command, sentence: str | Said = "") -> Event:
    return events.new_event(
        EventType.COMMAND_CHANGED,
        sentence,
        device=command.device,
        subject=command.pk,
        actor=command.asked_by,
        problem=bool(sentence),
    )
