"""Cameras as the dashboard shows them: each with its newest picture and command."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.access.rights import Action, can, look_up
from devices.commands.models import Command
from devices.registry import presence
from devices.registry.models import Device, DeviceQuerySet
from media_pipeline.captures.cards import SHOT, Picture, Tile, fold, pictures_in_bulk, read_shots
from media_pipeline.captures.models import Capture
from media_pipeline.live import now as live_now
from media_pipeline.search.matching import EVERYTHING, Matching, of_cameras, seen_by
from photohub.lib.pages.templating.addresses import address

# A screen shows a dozen or two. More come as somebody scrolls.
CARDS_AT_ONCE = 48
FEED_SIZE = 30
FEED_AT_MOST = 200
FEED_LOOKED_AT = 400
RUNS_SETTLE_AFTER = timedelta(minutes=5)


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
class Streamed:
    """A camera with the addresses of its stream."""

    device: Device

    @property
    def live_url(self) -> str:
        return address("device_live", self.device.code)

    @property
    def stream_url(self) -> str:
        return reverse("devices:list") + f"{self.device.code}/stream.mjpg"


@dataclass(frozen=True)
class Card(Streamed):
    """One camera of the dashboard."""

    capture: Picture | None
    command: Asked | None
    can_command: bool
    live: bool = False
    # Why the shutter cannot work; empty when it can.
    deaf: str = ""

    @property
    def is_asked(self) -> bool:
        """Tell whether an order is under way."""
        return self.command is not None and self.command.state in Command.OPEN

    @property
    def signal_bars(self) -> int:
        """Return how many of four bars the device's signal fills."""
        level = self.device.rssi_dbm
        return 0 if level is None else 1 + sum(level >= bound for bound in (-80, -70, -60))


@dataclass(frozen=True)
class Piece:
    """Some cards of the wall; `more` tells whether others follow."""

    cards: list[Card]
    more: bool


def build_cards(user, devices: QuerySet[Device], start: int = 0, until: datetime | None = None) -> Piece:
    """Return at most `CARDS_AT_ONCE` of the devices' cards from the `start`-th on. Four or five queries, however many.

    Pinned ones come first, then those with the newest picture as of `until`, so that pieces which are asked for one
    after the other fit together though cameras go on sending. What the cards show is the newest of now.
    """
    pictures = Capture.objects.filter(device=OuterRef("pk")).order_by("-received_at", "-id")
    if until:
        pictures = pictures.filter(received_at__lte=until)
    order = ("-pinned", F("newest_at").desc(nulls_last=True), "name", "pk")
    wall = devices.alias(newest_at=Subquery(pictures.values("received_at")[:1])).order_by(*order)
    chosen = list(wall.values_list("pk", flat=True)[start : start + CARDS_AT_ONCE + 1])
    return Piece(_build(user, chosen[:CARDS_AT_ONCE]), len(chosen) > CARDS_AT_ONCE)


def _build(user, chosen: list) -> list[Card]:
    newest = Capture.objects.filter(device=OuterRef("pk")).order_by("-received_at", "-id").values("pk")[:1]
    asked = Command.objects.filter(device=OuterRef("pk")).order_by("-created_at").values("pk")[:1]
    look_up(user, chosen)
    rows = Device.objects.filter(pk__in=chosen)
    found = {d.pk: d for d in rows.annotate(capture_pk=Subquery(newest), command_pk=Subquery(asked))}
    # One may have been deleted since.
    there = [found[pk] for pk in chosen if pk in found]
    pictures = pictures_in_bulk([d.capture_pk for d in there if d.capture_pk])
    commands = Command.objects.in_bulk([d.command_pk for d in there if d.command_pk])
    streams = live_now.stats_of([d.code for d in there])
    return [
        _card(
            user,
            d,
            pictures.get(d.capture_pk) if d.capture_pk else None,
            commands.get(d.command_pk),
            d.code in streams,
        )
        for d in there
    ]


def cameras(user, group: DeviceGroup | None = None) -> DeviceQuerySet:
    """Return the devices of the wall: all that are switched on, but panels only once they sent a picture."""
    devices = Device.objects.visible_to(user).filter(enabled=True).cameras()
    return devices.in_groups([group]) if group else devices


def _card(user, device: Device, picture: Picture | None, command: Command | None, is_live: bool) -> Card:
    may = device.enabled and device.takes_commands and can(user, Action.COMMAND, device)
    reason = presence.why_deaf(device) if may else None
    asked = _asked(command) if command and command.is_news else None
    return Card(device, picture, asked, may, is_live, reason.sentence if reason else "")


def _asked(command: Command) -> Asked:
    end = command.finished_at or timezone.now()
    elapsed_s = max(0.0, (end - command.created_at).total_seconds())
    times = (command.created_at, command.sent_at, command.finished_at)
    return Asked(command.pk, command.state, command.reason_text, *times, elapsed_s)


def _of_feed(user, group: DeviceGroup | None) -> Matching:
    if group is None:
        return seen_by(user)
    seen = Device.objects.visible_to(user).in_groups([group])
    return of_cameras(frozenset(seen.values_list("pk", flat=True)))


def build_feed(user, group: DeviceGroup | None = None, after: Capture | None = None) -> list[Tile]:
    """Return tiles of the newest pictures, newest first; with `after` only those with something that came later.

    A run of like pictures of one camera is one tile, so that none fills the feed alone. Whether a picture is like the one
    before is known a moment after it came, so the runs of the last minutes come again, for the place of their parts.
    """
    shots = read_shots(_of_feed(user, group).values(EVERYTHING, *SHOT))
    if after is None:
        return fold(shots, FEED_SIZE)[0]
    tiles, _last = fold(shots, FEED_AT_MOST, looked_at=FEED_LOOKED_AT)
    place, settled = (after.received_at, after.pk), after.received_at - RUNS_SETTLE_AFTER
    return [t for t in tiles if (t.until, t.run.head.id) > place or (t.count > 1 and t.until > settled)]
