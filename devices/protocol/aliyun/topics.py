"""Build and read the topics of firmware updates in the Aliyun form.

    from the device    /ota/device/inform/<pk>/<dn>                    which version runs
                       /ota/device/progress/<pk>/<dn>                  how far it is
                       /sys/<pk>/<dn>/thing/ota/firmware/get           is there anything for me?
                       /sys/<pk>/<dn>/thing/file/download              send me this block
    to the device      /ota/device/upgrade/<pk>/<dn>                   there is something for you
                       /sys/<pk>/<dn>/thing/ota/firmware/get_reply
                       /sys/<pk>/<dn>/thing/file/download_reply

The vendor's platform subscribes a device to what is for it when it connects, and its SDKs count on that.
A published sample has two of them the wrong way round: it publishes to `upgrade` and subscribes to `inform`.
A device may do so with its own names; what it publishes there is heard by nobody.
"""

from dataclasses import dataclass
from enum import StrEnum

from .login import valid_word


class OtaChannel(StrEnum):
    """What a topic is for: its words without the two names."""

    INFORM = "ota/device/inform"
    PROGRESS = "ota/device/progress"
    UPGRADE = "ota/device/upgrade"
    GET = "thing/ota/firmware/get"
    GET_REPLY = "thing/ota/firmware/get_reply"
    DOWNLOAD = "thing/file/download"
    DOWNLOAD_REPLY = "thing/file/download_reply"


_CHANNELS = {channel.value: channel for channel in OtaChannel}
FROM_DEVICE = (OtaChannel.INFORM, OtaChannel.PROGRESS, OtaChannel.GET, OtaChannel.DOWNLOAD)
TO_DEVICE = (OtaChannel.UPGRADE, OtaChannel.GET_REPLY, OtaChannel.DOWNLOAD_REPLY)


@dataclass(frozen=True, slots=True)
class OtaTopic:
    """A topic of this form, read."""

    channel: OtaChannel
    product_key: str
    device_name: str


def build_topic(channel: OtaChannel, product_key: str, device_name: str) -> str:
    """Return the topic of a channel for one device; `+` as both names makes the hub's filter."""
    if channel.startswith("ota/"):
        return f"/{channel}/{product_key}/{device_name}"
    return f"/sys/{product_key}/{device_name}/{channel}"


def parse_topic(topic: str) -> OtaTopic | None:
    """Read a topic; None when it is not one of this form."""
    words = topic.split("/")
    if len(words) < 6 or words[0]:
        return None
    if words[1] == "sys":
        product_key, device_name, name = words[2], words[3], "/".join(words[4:])
    else:
        product_key, device_name, name = words[-2], words[-1], "/".join(words[1:-2])
    channel = _CHANNELS.get(name)
    if channel is None or not (valid_word(product_key) and valid_word(device_name)):
        return None
    read = OtaTopic(channel, product_key, device_name)
    # The two forms of a name do not mix: /sys/… is not the way to an ota/ name, nor the reverse.
    return read if build_topic(channel, product_key, device_name) == topic else None


def hub_filters() -> tuple[str, ...]:
    """Return what the hub subscribes to, for all devices."""
    return tuple(build_topic(channel, "+", "+") for channel in FROM_DEVICE)


def device_topics(product_key: str, device_name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a device may publish to and what it may subscribe to, the sample's directions included."""
    publish = [*FROM_DEVICE, OtaChannel.UPGRADE]
    subscribe = [*TO_DEVICE, OtaChannel.INFORM]
    built = [[build_topic(c, product_key, device_name) for c in side] for side in (publish, subscribe)]
    return tuple(built[0]), tuple(built[1])


def automatic_topics(product_key: str, device_name: str) -> tuple[str, ...]:
    """Return what a broker subscribes a device of this login to by itself, at QoS 1."""
    return tuple(build_topic(channel, product_key, device_name) for channel in TO_DEVICE)
