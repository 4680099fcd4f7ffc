"""Topics and devices: who sent this, what the hub listens to, what each account may do."""

from dataclasses import dataclass

from .models import Device
from .protocol import topics

COLUMNS = {"result_topic": "result", "frame_topic": "frame", "picture_ack_topic": "picture/ack"}
INBOUND = ("result", "frame", "status", "telemetry", "picture/ack")


@dataclass(frozen=True)
class Sender:
    """Who sent a message, and on which of its channels."""

    device: Device
    channel: str


def find_sender(topic: str) -> Sender | None:
    """Tell whose topic this is. A device whose topic was changed is heard on the new one only."""
    for column, channel in COLUMNS.items():
        device = Device.objects.filter(**{column: topic}, enabled=True).first()
        if device is not None:
            return Sender(device, channel)
    native = topics.parse(topic)
    if native is None or native.channel in COLUMNS.values():
        return None
    device = Device.objects.filter(code=native.code, enabled=True).first()
    return Sender(device, native.channel) if device else None


def hub_filters() -> list[str]:
    """Return every topic filter that the hub listens to: the native ones, and the devices' own."""
    filters = {topics.build("+", channel) for channel in INBOUND}
    for column in COLUMNS:
        for topic in Device.objects.exclude(**{column: ""}).values_list(column, flat=True):
            if topics.parse(topic) is None:
                filters.add(topic)
    return sorted(filters)


def rights_of(device: Device) -> tuple[list[str], list[str]]:
    """Return the topic filters that a device may publish to, and those it may subscribe to. Nothing else is its own."""
    publish = [topics.build(device.code, channel) for channel in ("status", "telemetry")]
    publish += [getattr(device, column) for column in COLUMNS if getattr(device, column)]
    if device.frame_topic:
        publish.append(f"{device.frame_topic}/+")
    subscribe = [t for t in (device.command_topic, device.picture_topic) if t]
    return publish, subscribe


def rights_of_person(user) -> list[str]:
    """Return the result topics a person may read over MQTT: those of the devices he may see."""
    rows = Device.objects.visible_to(user).exclude(result_topic="")
    return list(rows.values_list("result_topic", flat=True))
