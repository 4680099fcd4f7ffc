"""Camera profiles: what each kind of board needs filled in.

A profile is a starting point: every value it fills in is a column of the device and can be changed there.
The fixed topics are those of published programs, which cannot be changed in the field; each can belong to one
device only, because the topic tells who sent. A second board of that kind gets the native topics.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from devices.protocol import topics

from .models import PANEL, Device, Publisher
from .rules import topic_holder


@dataclass(frozen=True)
class Profile:
    """One kind of board. `fixed` maps a topic column to the topic its published program uses."""

    slug: str
    label: str | Promise
    sentence: str | Promise
    speaks: tuple[str, ...]
    channels: tuple[str, ...]
    fixed: dict[str, str]
    defaults: dict[str, object]


PROFILES: dict[str, Profile] = {
    p.slug: p
    for p in (
        Profile(
            "esp32s3",
            _("ESP32-S3 camera"),
            _("Waits on MQTT for “take a picture” and uploads by HTTP. Works with the published firmware."),
            ("mqtt", "http"),
            ("command", "result"),
            {"command_topic": "/light/deviceIn", "result_topic": "/light/deviceOut"},
            {"issued_name_upload": True, "result_publisher": Publisher.DEVICE},
        ),
        Profile(
            "k230",
            _("K230 camera"),
            _("Sends frames over MQTT or TCP from MicroPython."),
            ("mqtt", "tcp"),
            ("command", "result", "frame"),
            {"frame_topic": "k230/camera/frame"},
            {"result_publisher": Publisher.HUB, "stream_policy": "interval:10"},
        ),
        Profile(
            "raspberry-pi",
            _("Raspberry Pi stream"),
            _("Streams its camera over TCP."),
            ("tcp", "http"),
            (),
            {},
            {"result_publisher": Publisher.HUB, "stream_policy": "on_demand"},
        ),
        Profile(
            PANEL,
            _("Picture panel"),
            _(
                "A display that receives pictures over MQTT in small packets, or wakes up and fetches "
                "them itself."
            ),
            ("mqtt", "http"),
            ("picture", "picture_ack"),
            {"picture_topic": "mqttTestPub", "picture_ack_topic": "mqttTestSub"},
            {"result_publisher": Publisher.HUB, "stream_policy": "none"},
        ),
        Profile(
            "esp8266-stm32",
            _("ESP8266 + STM32"),
            _("A Wi-Fi module with a second processor; both can be updated."),
            ("mqtt", "http"),
            ("command", "result"),
            {},
            {"result_publisher": Publisher.HUB, "modules": {"default": "", "stm32": ""}},
        ),
        Profile(
            "generic",
            _("Anything that speaks HTTP"),
            _("Any board or program that uploads pictures with its key. MQTT commands are optional."),
            ("http", "mqtt"),
            ("command", "result"),
            {},
            {"result_publisher": Publisher.HUB},
        ),
    )
}

_COLUMNS = {
    "command": "command_topic",
    "result": "result_topic",
    "frame": "frame_topic",
    "picture": "picture_topic",
    "picture_ack": "picture_ack_topic",
}
_NATIVE = {"picture_ack": topics.Channel.PICTURE_ACK}


def fill_in(device: Device, *, fixed_topics: bool = True) -> Device:
    """Set an unsaved device's topics and habits from its profile: fixed topics if all are free."""
    profile = PROFILES[device.profile]
    for field, value in profile.defaults.items():
        setattr(device, field, dict(value) if isinstance(value, dict) else value)
    fixed_are_free = fixed_topics and all(topic_holder(t) is None for t in profile.fixed.values())
    for channel in profile.channels:
        column = _COLUMNS[channel]
        native = topics.build(device.code, _NATIVE.get(channel) or topics.Channel(channel))
        setattr(device, column, profile.fixed.get(column, native) if fixed_are_free else native)
    if profile.slug == "esp8266-stm32":
        device.product_key, device.device_name = "photohub", device.code
    return device
