"""Programs for a device, filled in with its own addresses, topics and name: what the Connect tab shows.

The programs themselves are templates in `templates/devices/setup/snippets/`. Every value goes in quoted as JSON
writes a string, which C, C++ and Python all read: topics are ASCII and may hold a quote or a backslash.
"""

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from devices.protocol import topics
from devices.registry.camera_profiles import PANEL, PROFILES
from devices.registry.models import Device, Publisher
from photohub.lib.network import site

ANSWER_WITHIN_S = 10
KEY_PLACEHOLDER = "<your key>"
PUBLISHED_PROFILE = "esp32s3"
_FIXED_TOPICS = {"command_topic": "/light/deviceIn", "result_topic": "/light/deviceOut"}


@dataclass(frozen=True)
class Snippet:
    """One program as text. `needs` says what has to be there before it runs."""

    slug: str
    label: str
    file_name: str
    needs: str
    code: str


@dataclass(frozen=True)
class Fact:
    """One line of what a device has to know; `label` is translated."""

    label: str | Promise
    value: str


def connection_facts(device: Device) -> list[Fact]:
    """Return what a device's own program has to be told, without the key."""
    if device.profile == PANEL and not device.takes_packets:
        return [Fact(_("Address to fetch from"), f"{site.base_url()}/panel/next")]
    facts = [
        Fact(_("Upload address"), f"{site.base_url()}/api/upload" if device.profile != PANEL else ""),
        Fact(_("Message broker"), site.host_and_port(site.mqtt_host(), site.mqtt_port())),
        Fact(
            _("Stream address"),
            site.host_and_port(site.stream_host(), site.stream_port()) if _streams(device) else "",
        ),
        Fact(_("MQTT user name"), device.code),
        Fact(_("Status topic"), topics.build(device.code, topics.Channel.STATUS)),
        Fact(_("Telemetry topic"), topics.build(device.code, topics.Channel.TELEMETRY)),
        Fact(_("Command topic"), device.command_topic),
        Fact(_("Result topic"), device.result_topic),
        Fact(_("Frame topic"), device.frame_topic),
        Fact(_("Picture topic"), device.picture_topic),
        Fact(_("Acknowledgement topic"), device.picture_ack_topic),
        Fact(_("Product key"), device.product_key),
        Fact(_("Device name"), device.device_name if device.product_key else ""),
    ]
    return [fact for fact in facts if fact.value]


def snippets_for(device: Device, key: str = "") -> list[Snippet]:
    """Return the programs for this device, with its key if that has just been made."""
    context = _values(device, key)
    if not (device.command_topic or device.frame_topic):
        if device.picture_topic:
            return _panel_snippets(context)
        if device.profile == PANEL:
            return _fetching_snippets(context)
    chosen = [
        ("python", "Python", "camera.py", _python_needs(device)),
        ("esp-idf", "ESP-IDF (C)", "main.c", _("ESP-IDF 5 with espressif/esp32-camera; Wi-Fi in menuconfig")),
        (
            "arduino",
            "Arduino (C++)",
            "camera.ino",
            _("Needs the libraries PubSubClient and ArduinoJson, and a board with PSRAM"),
        ),
        ("micropython", "MicroPython", "main.py", _("mpremote mip install requests umqtt.simple")),
        ("curl", "curl", "upload.sh", _("One line that uploads one file, to try the key")),
    ]
    if device.profile == "raspberry-pi":
        chosen.insert(
            0, ("stream", _("Stream (Python)"), "stream.py", _("apt install python3-picamera2; Python 3"))
        )
    if device.profile == "k230":
        chosen.insert(0, ("k230", _("Stream (MicroPython)"), "main.py", _("CanMV firmware; nothing else")))
    if device.profile == PUBLISHED_PROFILE:
        chosen.insert(0, ("published", _("Published firmware"), "main.c", _published_needs(device)))
    sleeping = _sleeping_needs() if device.one_wake else {}
    return [
        Snippet(
            slug,
            label,
            file_name,
            sleeping.get(slug, needs),
            _render(f"sleeping-{slug}" if slug in sleeping else slug, context),
        )
        for slug, label, file_name, needs in chosen
    ]


def _sleeping_needs() -> dict[str, str]:
    """Return what the programs need that sleep and read all from the answers to their uploads, by their languages."""
    return {
        "esp-idf": _("ESP-IDF 5 with espressif/esp32-camera; it sleeps, and reads orders in the answers"),
        "arduino": _("Needs the library ArduinoJson; it sleeps, and reads orders in the answers"),
        "micropython": _("mpremote mip install requests; it sleeps, and reads orders in the answers"),
    }


def _panel_snippets(context: dict) -> list[Snippet]:
    """Return the programs of a device that only shows pictures."""
    chosen = [
        ("python", "Python", "panel.py", _("pip install paho-mqtt, then: python panel.py")),
        (
            "esp-idf",
            "ESP-IDF (C)",
            "main.c",
            _("ESP-IDF 5; put your display's call into show(); Wi-Fi in menuconfig"),
        ),
        (
            "arduino",
            "Arduino (C++)",
            "panel.ino",
            _("Needs the library PubSubClient; put your display's call into show()"),
        ),
        ("micropython", "MicroPython", "main.py", _("mpremote mip install umqtt.simple")),
    ]
    return [
        Snippet(slug, label, file_name, needs, _render(f"panel-{slug}", context))
        for slug, label, file_name, needs in chosen
    ]


def _fetching_snippets(context: dict) -> list[Snippet]:
    """Return the programs of a panel that sleeps and fetches."""
    chosen = [
        (
            "esp-idf",
            "ESP-IDF (C)",
            "main.c",
            _("ESP-IDF 5; put your display's call into show(); Wi-Fi in menuconfig"),
        ),
        ("curl", "curl", "fetch.sh", _("One line that fetches one picture, to try the key")),
    ]
    return [
        Snippet(slug, label, file_name, needs, _render(f"fetch-{slug}", context))
        for slug, label, file_name, needs in chosen
    ]


def _streams(device: Device) -> bool:
    return device.profile in PROFILES and "tcp" in PROFILES[device.profile].speaks


def _python_needs(device: Device) -> str:
    if device.command_topic:
        return _("pip install paho-mqtt, then: python camera.py picture.jpg")
    return _("python camera.py picture.jpg")


def _published_needs(device: Device) -> str:
    if not device.issued_name_upload:
        return _("It sends no key, so turn on “Upload by issued name” in its settings first.")
    return _("Change these lines in its main.c and leave everything else as it is.")


def _render(slug: str, context: dict) -> str:
    return render_to_string(f"devices/setup/snippets/{slug}.txt", context).strip() + "\n"


def _values(device: Device, key: str) -> dict[str, object]:
    """Return the template's context: texts are quoted already, `raw` ones stand inside other words."""
    url = f"{site.base_url()}/api/upload"
    texts = {
        "url": url,
        "hub": site.base_url(),
        "panel_url": f"{site.base_url()}/panel/next",
        "key": key or KEY_PLACEHOLDER,
        "code": device.code,
        "mqtt_host": site.mqtt_host(),
        "mqtt_uri": f"{'mqtts' if _mqtt_is_encrypted() else 'mqtt'}://{site.host_and_port(site.mqtt_host(), site.mqtt_port())}",
        "stream_host": site.stream_host(),
        "command_topic": device.command_topic,
        "result_topic": device.result_topic,
        "picture_topic": device.picture_topic,
        "picture_ack_topic": device.picture_ack_topic,
        "status_topic": topics.build(device.code, topics.Channel.STATUS),
        "key_header": f"X-Device-Key: {key or KEY_PLACEHOLDER}",
    }
    return {name: json.dumps(text) for name, text in texts.items()} | {
        "commands": bool(device.command_topic),
        "relays": device.result_publisher == Publisher.DEVICE and bool(device.result_topic),
        "mqtt_port": site.mqtt_port(),
        "ack_base": device.ack_base,
        "stream_port": site.stream_port(),
        "mqtt_tls": _mqtt_is_encrypted(),
        "https": urlsplit(url).scheme == "https",
        "own_topics": any(getattr(device, column) != topic for column, topic in _FIXED_TOPICS.items()),
        "timeout_s": ANSWER_WITHIN_S,
    }


def _mqtt_is_encrypted() -> bool:
    return settings.MQTT_URL.startswith("mqtts:")
