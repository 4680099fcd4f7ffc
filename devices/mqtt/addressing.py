"""Topics and devices: who sent this, what the hub listens to, what each account may do."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from devices.protocol import topics
from devices.protocol.aliyun import topics as aliyun_topics
from devices.protocol.topics import Channel, FileTopic
from devices.registry.models import Device

# hears(code, topic): whether a device of this code listens to the topic right now, as far as somebody knows.
Hears = Callable[[str, str], bool]

COLUMNS = {
    "result_topic": Channel.RESULT,
    "frame_topic": Channel.FRAME,
    "picture_ack_topic": Channel.PICTURE_ACK,
}
_ROWS_AT_ONCE = 2000
INBOUND = (
    Channel.RESULT,
    Channel.FRAME,
    Channel.STATUS,
    Channel.TELEMETRY,
    Channel.PICTURE_ACK,
    Channel.SETTINGS_REPORTED,
)
# Of these every device has its native topics alone.
_SENDS = (Channel.STATUS, Channel.TELEMETRY, Channel.SETTINGS_REPORTED)
# Pieces of frames and files have levels of their own below the channel.
_PIECES = (topics.build("+", Channel.FRAME) + "/+", topics.build("+", Channel.FILE) + "/#")


@dataclass(frozen=True)
class Sender:
    """Who sent a message, and on which of its channels. `part` belongs to a frame's piece, `file` to a file's step.

    `repeated`: the broker brought the message before, and heard no acknowledgement.
    """

    device: Device
    channel: str
    part: int | None = None
    file: FileTopic | None = None
    repeated: bool = False


def find_sender(topic: str) -> Sender | None:
    """Tell whose topic this is. A device whose topic was changed is heard on the new one only."""
    whole, part = topics.split_part(topic)
    if part is not None:
        device = Device.objects.filter(frame_topic=whole, enabled=True).first()
        if device is not None:
            return Sender(device, Channel.FRAME, part=part)
    for column, channel in COLUMNS.items():
        device = Device.objects.filter(**{column: topic}, enabled=True).first()
        if device is not None:
            return Sender(device, channel)
    if (ota := aliyun_topics.parse_topic(topic)) is not None:
        names = {"product_key": ota.product_key, "device_name": ota.device_name}
        device = Device.objects.filter(**names, enabled=True).first()
        return Sender(device, ota.channel) if device else None
    native = topics.parse(topic)
    if native is None or native.channel in COLUMNS.values():
        return None
    device = Device.objects.filter(code=native.code, enabled=True).first()
    return Sender(device, native.channel, file=native.file) if device else None


def stream_of_messages(topic: str) -> str:
    """Return what is the same for all messages that must stay in order: pieces belong to what they are pieces of."""
    native = topics.parse(topic)
    if native is not None and native.channel is Channel.FILE:
        return topics.build(native.code, Channel.FILE)
    if (ota := aliyun_topics.parse_topic(topic)) is not None:
        return f"{ota.product_key}/{ota.device_name}"
    return topics.split_part(topic)[0]


def hub_filters() -> list[str]:
    """Return every topic filter that the hub listens to: the native ones, and the devices' own."""
    filters = {topics.build("+", channel) for channel in INBOUND} | set(_PIECES)
    filters |= set(aliyun_topics.hub_filters())
    for column in COLUMNS:
        for topic in Device.objects.exclude(**{column: ""}).values_list(column, flat=True):
            if topics.parse(topic) is None:
                filters.add(topic)
                if column == "frame_topic":
                    filters.add(f"{topic}/+")
    return sorted(filters)


def filters_of(holds: Callable[[str], bool]) -> tuple[list[str], int]:
    """Return the topic filters of the devices of these codes alone, without wildcards for others, and how many they are."""
    filters: set[str] = set()
    count = 0
    columns = ("code", *COLUMNS, "product_key", "device_name")
    for device in Device.objects.only(*columns).iterator(_ROWS_AT_ONCE):
        if holds(device.code):
            count += 1
            filters.update(_heard_from(device))
    return sorted(filters), count


def filters_of_device(device: Device) -> set[str]:
    """Return the topic filters of one device."""
    return set(_heard_from(device))


def count_devices() -> int:
    """Return how many devices there are."""
    return Device.objects.count()


def _heard_from(device: Device) -> Iterator[str]:
    yield from (topics.build(device.code, channel) for channel in INBOUND)
    yield topics.build(device.code, Channel.FRAME) + "/+"
    yield topics.build(device.code, Channel.FILE) + "/#"
    for column in COLUMNS:
        if topic := getattr(device, column):
            yield topic
    if device.frame_topic:
        yield f"{device.frame_topic}/+"
    if device.product_key and device.device_name:
        for channel in aliyun_topics.FROM_DEVICE:
            yield aliyun_topics.build_topic(channel, device.product_key, device.device_name)


def own_topics(filters: Iterable[str]) -> set[str]:
    """Return those of a device's topics that the hub must subscribe to one by one: no form's wildcards cover them."""
    return {
        topic
        for topic in filters
        if topics.valid_topic(topic)
        and topics.parse(topic) is None
        and aliyun_topics.parse_topic(topic) is None
    }


def rights_of(device: Device) -> tuple[list[str], list[str]]:
    """Return the topic filters that a device may publish to, and those it may subscribe to. Nothing else is its own."""
    publish = [topics.build(device.code, channel) for channel in _SENDS]
    publish += [getattr(device, column) for column in COLUMNS if getattr(device, column)]
    if device.frame_topic:
        publish.append(f"{device.frame_topic}/+")
    file_steps, responses = topics.file_filters(device.code)
    subscribe = [t for t in (device.command_topic, device.picture_topic) if t]
    if device.product_key and device.device_name:
        sends, hears = aliyun_topics.device_topics(device.product_key, device.device_name)
        publish += sends
        subscribe += hears
    return [*publish, *file_steps], [*subscribe, topics.build(device.code, Channel.SETTINGS), responses]


def rights_of_person(user) -> list[str]:
    """Return the result topics a person may read over MQTT: those of the devices he may see."""
    rows = Device.objects.visible_to(user).exclude(result_topic="")
    return list(rows.values_list("result_topic", flat=True))
