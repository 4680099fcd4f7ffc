"""The facts of a picture as a table for people: label, value, and whether it is set in fixed width."""

from dataclasses import dataclass
from datetime import datetime

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from devices.registry.models import percent_of_battery
from media_pipeline.formats import images
from media_pipeline.mirror.models import MirrorState
from photohub.lib.memory import budget as memory
from photohub.lib.memory import decoding

from .cards import flag_words, mirror_of
from .models import Capture


@dataclass(frozen=True)
class Fact:
    label: str
    value: str | datetime
    mono: bool = False

    @property
    def is_time(self) -> bool:
        return isinstance(self.value, datetime)


def facts_of(capture: Capture) -> list[Fact]:
    """Return what is known of a picture; what is not known is left out."""
    size = f"{filesizeformat(capture.size_bytes)} ({capture.size_bytes:,} B)"
    pixels = f"{capture.width} × {capture.height}" if capture.width and capture.height else _("unknown")
    facts = [
        Fact(_("Name"), capture.name),
        Fact(_("Received"), capture.received_at),
        Fact(_("Taken, says the camera"), capture.captured_at or ""),
        Fact(_("Size"), size),
        Fact(_("Pixels"), pixels),
        Fact(_("Type"), capture.content_type),
        Fact(_("Flags"), ", ".join(flag_words(flag) for flag in capture.flags)),
        Fact(_("Came by"), capture.get_source_display()),
        Fact(_("From address"), capture.sent_from, mono=True),
        *_telemetry_of(capture.telemetry),
        Fact("SHA-256", capture.sha256, mono=True),
        *_mirror_facts(capture),
    ]
    return [fact for fact in facts if fact.value]


def _telemetry_of(telemetry: dict) -> list[Fact]:
    known = {
        "battery_mv": (_("Battery"), _battery_form(telemetry.get("battery_mv"))),
        "rssi_dbm": (_("Signal"), "{} dBm"),
        "free_heap_bytes": (_("Free memory"), "{} B"),
        "firmware_version": (_("Firmware"), "{}"),
    }
    rows = [(*known.get(key, (key, "{}")), value) for key, value in telemetry.items()]
    return [Fact(label, form.format(value)[:200]) for label, form, value in rows if value not in (None, "")]


def _battery_form(told: object) -> str:
    text = str(told)
    percent = percent_of_battery(int(text)) if text.isascii() and text.isdecimal() and len(text) < 8 else None
    return "{} mV" if percent is None else f"{percent}% ({{}} mV)"


def _mirror_facts(capture: Capture) -> list[Fact]:
    mirror = mirror_of(capture)
    if mirror is None or mirror.state == MirrorState.OFF:
        return []
    return [
        Fact(_("Mirror"), mirror.get_state_display()),
        Fact(_("Mirror key"), mirror.key, mono=True),
        Fact(_("Mirror tries"), str(mirror.attempts or "")),
        Fact(_("Mirror error"), mirror.error_text),
    ]


def exif_of(data: bytes) -> list[Fact]:
    """Return what the camera wrote into the file about itself."""
    labels = {
        "make": _("Made by"),
        "model": _("Model"),
        "datetime": _("Time in the file"),
        "exposure": _("Exposure"),
        "iso": "ISO",
        "orientation": _("Orientation"),
    }
    try:
        # Some decoders draw the whole picture on the way to what it says of itself.
        with decoding.room_for(data):
            said = images.describe_exif(data)
    except (memory.Crowded, memory.TooLarge):
        return []
    return [Fact(labels.get(key, key), value) for key, value in said.items()]
