"""What the rows say that Home Assistant is to be told, and what becomes of a button that was pressed there."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import OuterRef, Subquery
from django.urls import reverse
from django.utils.translation import override

from devices.commands import queue as commands
from devices.commands.models import Command
from devices.events import record as events
from devices.events.models import Event, EventType
from devices.hub_settings import choices
from devices.mqtt import home_assistant
from devices.mqtt.home_assistant import Chosen
from devices.registry.camera_profiles import PROFILES
from devices.registry.models import Device
from media_pipeline.captures import reading
from media_pipeline.captures.finding import has_lasting_link, link_of
from media_pipeline.captures.models import Capture
from photohub.home_assistant import messages
from photohub.home_assistant.messages import Facts
from photohub.lib.network.site import base_url
from photohub.lib.pages.sentences import said

log = logging.getLogger(__name__)

# A larger picture is told as its preview.
PICTURE_AT_MOST_BYTES = 512 * 1024
EVENTS_AT_ONCE = 2000
_ROWS_AT_ONCE = 500
_COLUMNS = (
    "code",
    "name",
    "profile",
    "enabled",
    "command_topic",
    "firmware_version",
    "link_state",
    "link_changed_at",
    "last_seen_at",
    "reporting_interval_s",
    "battery_mv",
    "rssi_dbm",
    "lasting_links",
    "result_topic",
    "removed_at",
)

Holds = Callable[[str], bool]
Message = tuple[str, bytes]


@dataclass(frozen=True)
class Told:
    """What one device is told as. `capture`: the key of its newest picture, where it was looked for."""

    code: str
    config: Message
    state: Message
    picture: Message | None
    capture: Any


def read_all(chosen: Chosen, holds: Holds, only: Iterable[int] | None = None) -> list[Told]:
    """Return what all devices of this gateway, or of these the ones that it holds, are to be told as, with their pictures."""
    rows = home_assistant.devices_of(chosen).only(*_COLUMNS).order_by()
    if only is not None:
        rows = rows.filter(pk__in=list(only))
    newest = Capture.objects.filter(device=OuterRef("pk")).order_by("-received_at", "-id").values("pk")[:1]
    with override(choices.chosen_language() or "en"):
        return list(_told(rows.annotate(newest=Subquery(newest)), holds))


def _told(rows: Any, holds: Holds) -> Iterator[Told]:
    some: list[Device] = []
    for device in rows.iterator(_ROWS_AT_ONCE):
        if holds(device.code):
            some.append(device)
        if len(some) == _ROWS_AT_ONCE:
            yield from _with_pictures(some)
            some = []
    yield from _with_pictures(some)


def _with_pictures(devices: list[Any]) -> Iterator[Told]:
    found = Capture.objects.in_bulk([device.newest for device in devices if device.newest is not None])
    for device in devices:
        capture = found.get(device.newest)
        facts = facts_of(device)
        if capture is not None:
            capture.device = device
            link = link_of(capture) if has_lasting_link(capture) else ""
            facts = replace(facts, picture_at=capture.captured_at or capture.received_at, link=link)
        yield Told(
            device.code,
            messages.config_of(facts),
            messages.state_of(facts),
            messages.picture_of(facts),
            capture.pk if capture is not None else None,
        )


def facts_of(device: Device) -> Facts:
    """Return what the device's own row says."""
    return Facts(
        code=device.code,
        name=str(device),
        model=_model_of(device),
        page=base_url() + reverse("devices:detail", args=[device.code]),
        version=device.firmware_version,
        takes_commands=device.enabled and device.takes_commands,
        online=device.enabled and device.online,
        battery_percent=device.battery_percent,
        rssi_dbm=device.rssi_dbm,
    )


def _model_of(device: Device) -> str:
    profile = PROFILES.get(device.profile)
    return str(profile.label) if profile is not None else device.profile


def newest_event() -> int:
    """Return the number of the newest event."""
    return events.newest()


def changed_since(seq: int) -> tuple[set[int], int]:
    """Return which devices something happened to since this event, and the newest event that was looked at."""
    rows = Event.objects.filter(seq__gt=seq).order_by("seq").values_list("seq", "device")[:EVENTS_AT_ONCE]
    found = list(rows)
    return {device for _seq, device in found if device is not None}, found[-1][0] if found else seq


def codes_in_scope(chosen: Chosen) -> set[str]:
    """Return the codes of all devices that Home Assistant is told of, whichever gateway holds them."""
    return set(home_assistant.devices_of(chosen).values_list("code", flat=True))


def read_preview(capture_pk: Any) -> bytes | None:
    """Return a picture for Home Assistant's camera: itself, or small where it is large; None where it cannot be read."""
    capture = Capture.objects.select_related("device").filter(pk=capture_pk).first()
    if capture is None:
        return None
    try:
        if capture.size_bytes <= PICTURE_AT_MOST_BYTES:
            return reading.read_picture(capture)
        return reading.read_thumbnail(capture)
    except (reading.PictureMissing, reading.PictureAway):
        return None


def press(code: str) -> bool:
    """Ask a device for a picture, as its button in Home Assistant was pressed. Returns whether it is asked.

    While it is asked already nothing is added, so that a button that is pressed again and again asks once.
    """
    device = home_assistant.devices_of(home_assistant.read()).filter(code=code).first()
    if device is None or Command.objects.open().filter(device=device).exists():
        return False
    try:
        commands.capture(device)
    except commands.CannotCommand as error:
        sentence = said("Home Assistant asked for a picture, which was not possible: %(why)s", why=str(error))
        events.record(EventType.NOTICE, sentence, device=device, problem=True)
        return False
    events.record(EventType.NOTICE, said("Home Assistant asked for a picture."), device=device)
    return True
