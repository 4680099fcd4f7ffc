"""Whether a device can be reached, and what it last said of itself."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from photohub.lib import live

from . import events
from .models import Device, Event, EventType, LinkState
from .ota import targets

_TELEMETRY = {
    "battery_mv": (0, 100_000),
    "rssi_dbm": (-200, 50),
    "free_heap_bytes": (0, 2**31 - 1),
}


def heard(device: Device, *, address: str = "", telemetry: dict | None = None) -> None:
    """Note that the device was heard just now, with its telemetry. Writes at most every 5 s when nothing changed."""
    now = timezone.now()
    was_online = device.online
    changes = clean_telemetry(telemetry or {})
    if address and address != device.last_address:
        changes["last_address"] = address
    fresh = device.last_seen_at and now - device.last_seen_at < timedelta(seconds=5)
    if fresh and was_online and not any(getattr(device, k) != v for k, v in changes.items()):
        return
    Device.objects.filter(pk=device.pk).update(last_seen_at=now, **changes)
    for field, value in {"last_seen_at": now, **changes}.items():
        setattr(device, field, value)
    if "firmware_version" in changes:
        targets.report_version(device, "default", changes["firmware_version"])
    if not was_online and device.online:
        _announce(device, "")


def heard_all(devices: list[Device]) -> None:
    """Note that several devices were heard just now, with one statement."""
    now = timezone.now()
    away = [device for device in devices if not device.online]
    Device.objects.filter(pk__in=[device.pk for device in devices]).update(last_seen_at=now)
    for device in devices:
        device.last_seen_at = now
    back = [device for device in away if device.online]
    events.record_all([Event(type=EventType.DEVICE_CHANGED, device=device) for device in back])


def clean_telemetry(values: dict) -> dict:
    """Keep the known figures that lie within reason; a camera's nonsense is dropped, not an error."""
    clean: dict = {}
    for field, (low, high) in _TELEMETRY.items():
        try:
            number = int(values[field])
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if low <= number <= high:
            clean[field] = number
    version = values.get("firmware_version")
    if isinstance(version, str) and version:
        clean["firmware_version"] = "".join(c for c in version if c.isprintable())[:64]
    return clean


def connected(device: Device, address: str = "") -> None:
    """Note that the broker has the device's connection; waiting commands go out now."""
    if _link_up(device, address):
        _announce(device, _("Connected by MQTT from %(address)s.") % {"address": address or "?"})
    transaction.on_commit(lambda: live.ring(live.GATEWAY, [{"type": "gateway.commands"}]), robust=True)


def disconnected(device: Device, reason: str = "") -> None:
    """Note that the device's last MQTT connection ended."""
    if _link_down(device):
        _announce(device, _("MQTT connection ended: %(reason)s") % {"reason": reason or _("no reason given")})


def stream_began(device: Device, address: str = "") -> bool:
    """Note that the device's stream runs. Returns whether it was not connected before, by whatever wire."""
    changed = _link_up(device, address)
    if changed:
        _announce(device, _("Its stream began, from %(address)s.") % {"address": address or "?"})
    return changed


def stream_ended(device: Device, reason: str) -> None:
    """Note that the stream which had connected the device ended."""
    if _link_down(device):
        _announce(device, _("Its stream ended: %(reason)s") % {"reason": reason})


def _link_up(device: Device, address: str) -> bool:
    now = timezone.now()
    changed = device.link_state != LinkState.CONNECTED
    values: dict = {"link_state": LinkState.CONNECTED, "last_seen_at": now}
    if changed:
        values["link_changed_at"] = now
    if address:
        values["last_address"] = address
    _store(device, values)
    return changed


def _link_down(device: Device) -> bool:
    if device.link_state == LinkState.LOST:
        return False
    now = timezone.now()
    _store(device, {"link_state": LinkState.LOST, "link_changed_at": now, "last_seen_at": now})
    return True


def forget_links() -> int:
    """Before the broker is heard: nobody is connected to a broker that has just started."""
    return Device.objects.filter(link_state=LinkState.CONNECTED).update(
        link_state=LinkState.LOST, link_changed_at=timezone.now()
    )


def forget_streams() -> int:
    """Before the streams are heard: who has no topic cannot be connected by anything else."""
    streaming = Device.objects.filter(command_topic="", result_topic="", frame_topic="", picture_topic="")
    return streaming.filter(link_state=LinkState.CONNECTED).update(
        link_state=LinkState.LOST, link_changed_at=timezone.now()
    )


def doubt_links() -> int:
    """After a time in which nobody heard the broker: a link is unknown until the device or the broker says more.

    Who was connected counts as online by when he was last heard; who was lost stays offline until he is heard.
    """
    Device.objects.filter(link_state=LinkState.LOST).update(link_state=LinkState.UNKNOWN)
    return Device.objects.filter(link_state=LinkState.CONNECTED).update(
        link_state=LinkState.UNKNOWN, link_changed_at=None
    )


def _store(device: Device, values: dict) -> None:
    Device.objects.filter(pk=device.pk).update(**values)
    for field, value in values.items():
        setattr(device, field, value)


def _announce(device: Device, sentence: str) -> None:
    events.record(EventType.DEVICE_CHANGED, device=device, sentence=sentence)
