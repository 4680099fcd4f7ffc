"""Pictures and cameras in the form that pages show: addresses, words and marks beside the rows' facts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.access import Action, can
from devices.models import Command, CommandState, Device, DeviceGroup

from . import live_now
from .history import with_parts
from .models import Capture, MirrorState, OSSObject

COMMAND_SHOWN_FOR = timedelta(minutes=5)
FEED_SIZE = 30
FEED_AT_MOST = 200


@dataclass(frozen=True)
class Mark:
    """A small corner mark of a thumbnail: an icon and the words that it stands for."""

    icon: str
    words: str


@dataclass(frozen=True)
class Picture:
    """One capture as pages show it. `flags` are words; a file cut too early has no width and height."""

    id: UUID
    code: str
    device: Device
    name: str
    received_at: datetime
    width: int | None
    height: int | None
    colour: str
    flags: list[str]
    marks: list[Mark]
    kept: bool
    thumb_url: str
    file_url: str
    page_url: str


def picture_of(capture: Capture) -> Picture:
    """Dress a capture for a page. Its command and mirror should have been fetched along."""
    address = [capture.pk]
    return Picture(
        id=capture.pk,
        code=capture.code,
        device=capture.device,
        name=capture.name,
        received_at=capture.received_at,
        width=capture.width,
        height=capture.height,
        colour=capture.colour,
        flags=[flag_words(flag) for flag in capture.flags],
        marks=_marks_of(capture),
        kept=capture.kept,
        thumb_url=reverse("capture_thumb", args=address),
        file_url=reverse("capture_original", args=address),
        page_url=reverse("capture", args=address),
    )


def flag_words(flag: str) -> str:
    """Say in words what a flag means; an unknown one stands for itself."""
    words = {
        "truncated": _("cut short"),
        "trailing": _("extra bytes at the end"),
        "repeat": _("same picture as before"),
    }
    return words.get(flag, flag)


def mirror_of(capture: Capture) -> OSSObject | None:
    return getattr(capture, "mirror", None)


def _marks_of(capture: Capture) -> list[Mark]:
    icons = {"truncated": "scissors", "trailing": "file-plus", "repeat": "copy"}
    marks = [Mark(icons.get(flag, "flag"), flag_words(flag)) for flag in capture.flags]
    if capture.command_id is None:
        marks.append(Mark("hand", _("not asked for: the camera sent it by itself")))
    if capture.kept:
        marks.append(Mark("bookmark", _("kept")))
    mirror = mirror_of(capture)
    if mirror and mirror.state in (MirrorState.PENDING, MirrorState.UPLOADING):
        marks.append(Mark("cloud-upload", _("waiting for the mirror")))
    if mirror and mirror.state in (MirrorState.BLOCKED, MirrorState.FAILED):
        marks.append(
            Mark(
                "cloud-alert",
                _("not mirrored: %(error)s") % {"error": mirror.error or mirror.get_state_display()},
            )
        )
    return marks


@dataclass(frozen=True)
class Asked:
    """The newest command of a camera, with the seconds from asking to its end or to now."""

    id: UUID
    state: str
    reason: str
    created_at: datetime
    sent_at: datetime | None
    finished_at: datetime | None
    elapsed_s: float


@dataclass(frozen=True)
class Card:
    """One camera of the wall."""

    device: Device
    capture: Picture | None
    command: Asked | None
    can_command: bool
    live: bool = False

    @property
    def live_url(self) -> str:
        return reverse("device_live", args=[self.device.code])

    @property
    def stream_url(self) -> str:
        return reverse("devices:list") + f"{self.device.code}/stream.mjpg"


def build_cards(user, devices: QuerySet[Device]) -> list[Card]:
    """Return the devices' cards, pinned first, then by newest picture. Three queries, however many."""
    newest = Capture.objects.filter(device=OuterRef("pk")).order_by("-received_at", "-id").values("pk")[:1]
    asked = Command.objects.filter(device=OuterRef("pk")).order_by("-created_at").values("pk")[:1]
    rows = list(
        devices.select_related("group").annotate(capture_pk=Subquery(newest), command_pk=Subquery(asked))
    )
    captures = with_parts(Capture.objects.all()).in_bulk([d.capture_pk for d in rows if d.capture_pk])
    commands = Command.objects.in_bulk([d.command_pk for d in rows if d.command_pk])
    streams = live_now.stats_of([d.code for d in rows])
    cards = [
        _card(user, d, captures.get(d.capture_pk), commands.get(d.command_pk), d.code in streams)
        for d in rows
    ]
    return sorted(cards, key=_order)


def cameras(user, group: DeviceGroup | None = None) -> QuerySet[Device]:
    """Return the devices of the wall: all that are switched on, but panels only once they sent a picture."""
    devices = Device.objects.visible_to(user).filter(enabled=True)
    if group:
        devices = devices.filter(group=group)
    sent = Capture.objects.filter(device=OuterRef("pk")).values("pk")[:1]
    return devices.alias(sent_pk=Subquery(sent)).exclude(profile="panel", sent_pk=None)


def _card(user, device: Device, capture: Capture | None, command: Command | None, is_live: bool) -> Card:
    may = device.enabled and device.takes_commands and can(user, Action.COMMAND, device)
    shown = command if command and _still_news(command, capture) else None
    picture = picture_of(capture) if capture else None
    return Card(device, picture, _asked(shown) if shown else None, may, is_live)


def _still_news(command: Command, capture: Capture | None) -> bool:
    if command.state in Command.OPEN:
        return True
    ended = command.finished_at or command.created_at
    if timezone.now() - ended > COMMAND_SHOWN_FOR:
        return False
    # A picture that came after a failure has answered the question.
    return command.state == CommandState.UPLOADED or capture is None or capture.received_at < ended


def _asked(command: Command) -> Asked:
    end = command.finished_at or timezone.now()
    elapsed_s = max(0.0, (end - command.created_at).total_seconds())
    times = (command.created_at, command.sent_at, command.finished_at)
    return Asked(command.pk, command.state, command.reason, *times, elapsed_s)


def _order(card: Card) -> tuple:
    age = -card.capture.received_at.timestamp() if card.capture else 0.0
    return not card.device.pinned, card.capture is None, age, card.device.name


def build_feed(user, group: DeviceGroup | None = None, after: Capture | None = None) -> list[Picture]:
    """Return the newest pictures, newest first; with `after` only those that came later than it."""
    rows = with_parts(Capture.objects.visible_to(user)).order_by("-received_at", "-id")
    if group:
        rows = rows.filter(device__in=list(group.devices.values_list("pk", flat=True)))
    if after is None:
        return [picture_of(capture) for capture in rows[:FEED_SIZE]]
    rows = rows.filter(received_at__gte=after.received_at).exclude(pk=after.pk)
    newer = [c for c in rows[:FEED_AT_MOST] if (c.received_at, c.pk) > (after.received_at, after.pk)]
    return [picture_of(capture) for capture in newer]
