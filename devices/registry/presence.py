"""Whether a device can be reached, and what it last said of itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from devices.events import record as events
from devices.events.models import Event, EventType
from devices.telemetry import samples
from devices.telemetry.samples import Sample
from photohub.lib.database import rows
from photohub.lib.database.db import one_writer, update_in_order
from photohub.lib.messaging import notify
from photohub.lib.pages.sentences import Cannot, Said, said

from .models import Device, LinkState

_TELEMETRY = {
    "battery_mv": (0, 100_000),
    "rssi_dbm": (-200, 50),
    "free_heap_bytes": (0, 2**31 - 1),
}

# A device that gets so long for an answer may be asked while it sleeps: it hears the order when it wakes.
_PATIENT_S = 120

_FORGOTTEN_AT_ONCE = 500

_listeners: list[Callable[[Device, str, str], object]] = []
_on_connection: list[Callable[[Device], object]] = []


def on_connection(listener: Callable[[Device], object]) -> None:
    """Let an upper room hear of connections, before waiting commands go out: `listener(device)`."""
    if listener not in _on_connection:
        _on_connection.append(listener)


def on_version(listener: Callable[[Device, str, str], object]) -> None:
    """Let an upper room hear of versions: `listener(device, module, version)`."""
    if listener not in _listeners:
        _listeners.append(listener)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device was heard at this time; `values` are columns that change by it, and maybe its firmware version.

    `sample`: what it said of itself, changed or not, where that is to be kept.
    """

    device: Device
    at: datetime
    values: dict
    sample: Sample | None = None


def heard(device: Device, *, address: str = "", telemetry: dict | None = None) -> None:
    """Note that the device was heard just now, with its telemetry. Writes at most every 5 s when nothing changed."""
    said = news_of(device, address=address, telemetry=telemetry or {})
    if said is not None:
        write_all([said])


def news_of(device: Device, *, address: str = "", telemetry: dict) -> Sighting | None:
    """Return what is to be written of a device that was heard just now; None when that is no news."""
    now = timezone.now()
    values = clean_telemetry(telemetry)
    sample = samples.sample_of(device.pk, now, values)
    if address:
        values["last_address"] = address
    values = {field: value for field, value in values.items() if getattr(device, field) != value}
    fresh = device.last_seen_at and timedelta(0) <= now - device.last_seen_at < timedelta(seconds=5)
    if fresh and device.online and not values and sample is None:
        return None
    return Sighting(device, now, values, sample)


_SEEN = ("last_seen_at", "last_address", *_TELEMETRY)


def heard_all(devices: list[Device]) -> None:
    """Note that several devices were heard just now."""
    now = timezone.now()
    write_all([Sighting(device, now, {}) for device in devices])


def write_all(said: list[Sighting]) -> None:
    """Write down what was heard of several devices with one commit, then the versions that they told."""
    if len(said) == 1 and said[0].device.online and "firmware_version" not in said[0].values:
        _write_one(said[0])
        return
    by_key = {sighting.device.pk: sighting for sighting in said}
    with one_writer(), transaction.atomic():
        chosen = Device.objects.filter(pk__in=list(by_key)).order_by("pk")
        found = list(chosen.select_for_update(no_key=True))
        away = [row for row in found if not row.online]
        for row in found:
            _take_over(row, by_key[row.pk])
        rows.update(Device, _SEEN, ("id",), [(*(getattr(r, f) for f in _SEEN), r.pk) for r in found])
        samples.write([sample for row in found if (sample := by_key[row.pk].sample)])
        back = [row for row in away if row.online]
        events.record_all([Event(type=EventType.DEVICE_CHANGED, device=row) for row in back])
    for row in found:
        sighting = by_key[row.pk]
        _take_over(sighting.device, sighting)
        version = sighting.values.get("firmware_version")
        if version and version != row.firmware_version:
            # It may prove an update, and then the rollout's row is locked, which comes before the device's.
            for listener in _listeners:
                listener(sighting.device, "default", version)


def _write_one(sighting: Sighting) -> None:
    """Write of one device that is online already: there is nothing to tell, so one statement does, two with a sample."""
    row = Device.objects.filter(pk=sighting.device.pk)
    with one_writer():
        if sighting.sample is None:
            row.update(last_seen_at=sighting.at, **sighting.values)
        else:
            with transaction.atomic():
                if row.update(last_seen_at=sighting.at, **sighting.values):
                    samples.write([sighting.sample])
    _take_over(sighting.device, sighting)


def _take_over(row: Device, sighting: Sighting) -> None:
    row.last_seen_at = sighting.at
    for field, value in sighting.values.items():
        if field in _SEEN:
            setattr(row, field, value)


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
    # Whoever knows the address tells of a connection that was just made; the device's own word may come again and again.
    if _link_up(device, address, anew=bool(address)):
        events.record_change(
            device,
            None,
            said("Connected by MQTT from %(address)s.", address=address)
            if address
            else said("Connected by MQTT."),
        )
    for listener in _on_connection:
        listener(device)
    notify.send_after_commit(notify.GATEWAY, {"type": "gateway.commands"})


def disconnected(device: Device, reason: str | Said = "") -> None:
    """Note that the device's last MQTT connection ended."""
    if _link_down(device):
        ended = (
            said("MQTT connection ended: %(reason)s", reason=reason)
            if reason
            else said("MQTT connection ended.")
        )
        events.record_change(device, None, ended)


def stream_began(device: Device, address: str = "") -> bool:
    """Note that the device's stream runs. Returns whether it was not connected before, by whatever wire."""
    changed = _link_up(device, address)
    if changed:
        events.record_change(
            device,
            None,
            said("Its stream began, from %(address)s.", address=address)
            if address
            else said("Its stream began."),
        )
    return changed


def stream_ended(device: Device, reason: str | Said) -> None:
    """Note that the stream which had connected the device ended."""
    if _link_down(device):
        events.record_change(device, None, said("Its stream ended: %(reason)s", reason=reason))


def _link_up(device: Device, address: str, anew: bool = False) -> bool:
    """Note a link, which began now if it is made anew. Returns whether there was none before."""
    now = timezone.now()
    changed = device.link_state != LinkState.CONNECTED
    values: dict = {"link_state": LinkState.CONNECTED, "last_seen_at": now}
    if changed or anew:
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


def why_deaf(device: Device) -> Cannot | None:
    """Return why an order for a picture cannot reach the device, as far as its row tells; None when it may."""
    if not device.enabled:
        return Cannot("disabled", said("It is turned off in its settings."))
    if not device.takes_commands:
        sentence = said("It has no command topic, so it cannot be told to take a picture.")
        return Cannot("no_command_topic", sentence)
    if device.last_seen_at is None:
        return Cannot("never_connected", said("It has never connected."))
    if device.one_wake:
        return None  # It is told with the answer to its next upload.
    if device.listens is False:
        return Cannot("not_listening", not_subscribed(device))
    # The hub's own broker knows everybody who was ever connected; of others little is known.
    if device.listens is None and device.link_state == LinkState.UNKNOWN and not settings.MQTT_URL:
        return Cannot("not_listening", said("It does not listen for orders: it has never connected by MQTT."))
    if not device.online and device.command_timeout_s < _PATIENT_S:
        return Cannot("offline", said("It is offline since %(time)s.", time=offline_since(device)))
    return None


def not_subscribed(device: Device) -> Said:
    """Say that a connected device does not hear its orders."""
    return said(
        "It does not listen for orders: it is not subscribed to %(topic)s.", topic=device.command_topic
    )


def offline_since(device: Device) -> datetime | None:
    """Return since when the device has not been heard."""
    changed, seen = device.link_changed_at, device.last_seen_at
    return changed if changed and seen and changed >= seen else seen


def forget_links(holds: Callable[[str], bool] = lambda _code: True) -> int:
    """Before the broker is heard: nobody is connected to a broker that has just started.

    `holds`: whether a device of this code is the gateway's that says so; others say it of theirs.
    """
    connected = Device.objects.filter(link_state=LinkState.CONNECTED)
    ours = [pk for pk, code in connected.values_list("pk", "code") if holds(code)]
    gone = {"link_state": LinkState.LOST, "link_changed_at": timezone.now()}
    return sum(
        update_in_order(connected.filter(pk__in=ours[first : first + _FORGOTTEN_AT_ONCE]), **gone)
        for first in range(0, len(ours), _FORGOTTEN_AT_ONCE)
    )


def forget_streams(silent_for: timedelta | None = None) -> int:
    """Before the streams are heard: who has no topic cannot be connected by anything else.

    `silent_for`: only who was not heard for so long, where another gateway may have the stream.
    """
    streaming = Device.objects.filter(command_topic="", result_topic="", frame_topic="", picture_topic="")
    connected = streaming.filter(link_state=LinkState.CONNECTED)
    if silent_for is not None:
        # A camera that is fetched from seldom is heard seldom.
        connected = connected.filter(pull_url="").exclude(last_seen_at__gt=timezone.now() - silent_for)
    return update_in_order(connected, link_state=LinkState.LOST, link_changed_at=timezone.now())


def doubt_links() -> int:
    """After a time in which nobody heard the broker: a link is unknown until the device or the broker says more.

    Who was connected counts as online by when he was last heard; who was lost stays offline until he is heard.
    """
    update_in_order(Device.objects.filter(link_state=LinkState.LOST), link_state=LinkState.UNKNOWN)
    connected = Device.objects.filter(link_state=LinkState.CONNECTED)
    return update_in_order(connected, link_state=LinkState.UNKNOWN, link_changed_at=None)


def _store(device: Device, values: dict) -> None:
    Device.objects.filter(pk=device.pk).update(**values)
    for field, value in values.items():
        setattr(device, field, value)
