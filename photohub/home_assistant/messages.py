"""What Home Assistant is told of one device: a message of MQTT discovery for all that the device has, and its state.

The form is that of Home Assistant's device discovery (since 2024.11). A part that a device does not have, or has no more, stands
there with its platform alone, which takes it away. Names are in the language of the hub.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from devices.mqtt.home_assistant import config_topic, topic_of
from photohub import __version__

PRESSED = b"PRESS"
_ON, _OFF = "ON", "OFF"


@dataclass(frozen=True)
class Facts:
    """What is known of a device. `picture_*`: of its newest picture; `link` is empty where it has no lasting link."""

    code: str
    name: str
    model: str
    page: str
    version: str
    takes_commands: bool
    online: bool
    battery_percent: int | None
    rssi_dbm: int | None
    picture_at: datetime | None = None
    link: str = ""


def config_of(facts: Facts) -> tuple[str, bytes]:
    """Return the topic and the message that say what the device has."""
    device = {
        "identifiers": [f"photohub-{facts.code}"],
        "name": facts.name,
        "manufacturer": "PhotoHub",
        "model": facts.model,
        "configuration_url": facts.page,
    } | ({"sw_version": facts.version} if facts.version else {})
    message = {
        "device": device,
        "origin": {"name": "PhotoHub", "sw_version": __version__},
        "state_topic": topic_of(facts.code, "state"),
        "components": _components(facts),
    }
    return config_topic(facts.code), _as_json(message)


def _components(facts: Facts) -> dict[str, dict]:
    parts = {
        "picture": {"platform": "image", "name": _("Picture"), "url_topic": topic_of(facts.code, "picture")},
        "camera": {"platform": "camera", "name": _("Camera"), "topic": topic_of(facts.code, "preview")},
        "online": {
            "platform": "binary_sensor",
            "name": _("Online"),
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "value_template": "{{ value_json.online }}",
        },
        "picture_at": {
            "platform": "sensor",
            "name": _("Last picture"),
            "device_class": "timestamp",
            "value_template": "{{ value_json.picture_at }}",
        },
        "take": _button(facts) if facts.takes_commands else {"platform": "button"},
        "battery": _measurement(_("Battery"), "battery", "%")
        if facts.battery_percent is not None
        else {"platform": "sensor"},
        "signal": _measurement(_("Signal strength"), "signal_strength", "dBm")
        if facts.rssi_dbm is not None
        else {"platform": "sensor"},
    }
    return {
        key: part | {"unique_id": f"photohub-{facts.code}-{key}"} if len(part) > 1 else part
        for key, part in parts.items()
    }


def _button(facts: Facts) -> dict:
    # One that is away cannot be asked now.
    there = {
        "topic": topic_of(facts.code, "state"),
        "value_template": "{{ value_json.online }}",
        "payload_available": _ON,
        "payload_not_available": _OFF,
    }
    return {
        "platform": "button",
        "name": _("Take a picture"),
        "icon": "mdi:camera",
        "command_topic": topic_of(facts.code, "press"),
        "payload_press": PRESSED.decode(),
        "availability": [there],
    }


def _measurement(name: str, kind: str, unit: str) -> dict:
    return {
        "platform": "sensor",
        "name": name,
        "device_class": kind,
        "unit_of_measurement": unit,
        "state_class": "measurement",
        "entity_category": "diagnostic",
        "value_template": f"{{{{ value_json.{kind} }}}}",
    }


def state_of(facts: Facts) -> tuple[str, bytes]:
    """Return the topic and the message that say how the device fares."""
    state = {
        "online": _ON if facts.online else _OFF,
        "battery": facts.battery_percent,
        "signal_strength": facts.rssi_dbm,
        "picture_at": facts.picture_at.isoformat() if facts.picture_at else None,
    }
    return topic_of(facts.code, "state"), _as_json(state)


def picture_of(facts: Facts) -> tuple[str, bytes]:
    """Return the topic and the link of the newest picture; the message is empty where there is none."""
    return topic_of(facts.code, "picture"), facts.link.encode()


def retained_topics(code: str) -> tuple[str, ...]:
    """Return where messages of this device are kept by the broker."""
    return config_topic(code), topic_of(code, "state"), topic_of(code, "picture")


def _as_json(message: dict) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
