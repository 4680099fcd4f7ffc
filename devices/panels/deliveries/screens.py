"""Devices that show pictures: which they are, and what each of them shows now."""

from dataclasses import dataclass

from django.db.models import QuerySet

from devices.access.rights import Action, keep_allowed
from devices.panels.rendering import drawing
from devices.panels.rendering.profiles import profile_of
from devices.panels.sources import outbox
from devices.registry.models import Device, Panel
from photohub.lib.memory import budget as memory
from photohub.lib.memory import decoding

from .models import Delivery

# What browsers show as it is.
_FOR_BROWSERS = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp")


class NothingToSee(Exception):
    """There is no picture, or its bytes are gone."""


@dataclass(frozen=True)
class Seen:
    """A picture as people see it on a panel."""

    data: bytes
    content_type: str


def screens_of(user) -> list[Device]:
    """Return the devices on which this person may show pictures."""
    found = _screens_of(user).select_related("panel", "panel__render_profile")
    return list(found.order_by("-pinned", "name", "code"))


def has_screens(user) -> bool:
    """Tell whether there is a device on which this person may show pictures, without looking at each of them."""
    return _screens_of(user).exists()


def _screens_of(user) -> QuerySet[Device]:
    return keep_allowed(Device.objects.panels().filter(enabled=True), user, Action.COMMAND)


def see_shown(device: Device) -> Seen:
    """Return what a panel shows now, read back from the bytes that it got. Raises NothingToSee."""
    panel = Panel.objects.filter(device=device).select_related("render_profile").first()
    if panel is None or not panel.shown_sha256:
        raise NothingToSee
    delivery = device.deliveries.filter(sha256=panel.shown_sha256).order_by("-created_at").first()
    if delivery is not None:
        return see_delivery(delivery)
    settings = panel.render_profile.settings if panel.render_profile else {}
    return see(panel.shown_sha256, panel.shown_content_type, settings, (None, None))


def see_delivery(delivery: Delivery) -> Seen:
    """Return what a delivery's bytes look like. Raises NothingToSee."""
    if not delivery.sha256:
        raise NothingToSee
    size = (delivery.width, delivery.height)
    return see(delivery.sha256, delivery.content_type, delivery.render, size)


def see(sha256: str, content_type: str, settings: dict, size: tuple[int | None, int | None]) -> Seen:
    """Return what bytes of the outbox look like on a panel with these settings. Raises NothingToSee."""
    profile = profile_of(settings)
    try:
        data = outbox.read(sha256)
        if content_type in _FOR_BROWSERS and not profile.mounting:
            return Seen(data, content_type)
        width, height = size[0] or profile.width or 0, size[1] or profile.height or 0
        with decoding.room_for(data, scaled=False):
            return Seen(drawing.preview(data, profile, width, height), "image/png")
    except (outbox.BlobMissing, drawing.RenderRefused, memory.TooLarge) as error:
        raise NothingToSee from error
