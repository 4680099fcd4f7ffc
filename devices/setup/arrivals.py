"""How far a new device has come in its first minutes, step by step."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from devices.events.models import Event, EventType
from devices.panels.fetching.settings import fetches
from devices.registry.models import PANEL, Device, Panel

from .panels import sets_itself_up


@dataclass(frozen=True)
class Arrival:
    """One step of a device's first minutes: its state (done, now, ahead), words, and when."""

    state: str
    words: str
    at: datetime | None = None


def arrivals_of(device: Device) -> list[Arrival]:
    """Tell how far a new device has come: heard, connected from somewhere, first picture."""
    if device.profile == PANEL:
        return _of_panel(device)
    first = device.events.filter(type=EventType.CAPTURE_CREATED).order_by("seq").first()
    heard = device.last_seen_at is not None or first is not None
    waiting = _("Waiting for the first picture…") if heard else _("First picture")
    return [
        _connected(device) if heard else Arrival("now", _("Waiting for the first message…")),
        Arrival("done", _("First picture received"), first.at)
        if first
        else Arrival("now" if heard else "ahead", waiting),
    ]


def _of_panel(device: Device) -> list[Arrival]:
    """Tell how far a new panel has come: its key or its connection, then the first picture that it got."""
    panel = Panel.objects.filter(device=device).first() or Panel(device=device)
    by_itself = fetches(device)
    got_at = panel.last_poll_at if by_itself else panel.shown_at
    heard = got_at is not None or panel.claimed_at is not None or device.last_seen_at is not None
    return [_first_of_panel(device, panel, heard), _picture_of_panel(by_itself, heard, got_at)]


def _first_of_panel(device: Device, panel: Panel, heard: bool) -> Arrival:
    if not sets_itself_up(device):
        return _connected(device) if heard else Arrival("now", _("Waiting for the panel…"))
    if heard:
        return Arrival("done", _("The panel has fetched its key"), panel.claimed_at)
    return Arrival("now", _("Waiting for the panel to fetch its key…"))


def _picture_of_panel(by_itself: bool, heard: bool, got_at: datetime | None) -> Arrival:
    if got_at is not None:
        words = _("It has fetched its first picture") if by_itself else _("It shows its first picture")
        return Arrival("done", words, got_at)
    if not heard:
        return Arrival("ahead", _("First picture"))
    if by_itself:
        return Arrival("now", _("Waiting until it fetches its first picture…"))
    return Arrival("now", _("Ready for its first picture: send it one"))


def _connected(device: Device) -> Arrival:
    place = {"address": device.last_address}
    words = _("Connected from %(address)s") % place if device.last_address else _("Connected")
    return Arrival("done", words, _first_heard(device))


def _first_heard(device: Device) -> datetime | None:
    event: Event | None = device.events.filter(type=EventType.DEVICE_CHANGED).order_by("seq").first()
    return event.at if event else device.last_seen_at
