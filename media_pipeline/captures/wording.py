"""A picture in words: its facts as a table, what its flags mean, what is wrong with it and why that may be."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from devices.protocol.battery import percent_of_battery
from media_pipeline.formats import images
from media_pipeline.mirror.models import MirrorState, OSSObject
from photohub.lib.memory import budget as memory
from photohub.lib.memory import decoding

from .models import Capture, Freshness


@dataclass(frozen=True)
class Fact:
    label: str
    value: str | datetime
    mono: bool = False

    @property
    def is_time(self) -> bool:
        return isinstance(self.value, datetime)


@dataclass(frozen=True)
class FaultInWords:
    """What is wrong with a picture: its word for programs, its name, and a sentence with the likely cause."""

    word: str
    name: str
    sentence: str


class Judged(Protocol):
    """What is known of how good a picture is: a capture, or a part of its row."""

    @property
    def flags(self) -> list[str]: ...

    @property
    def fault(self) -> str | None: ...

    @property
    def fault_values(self) -> dict | None: ...

    @property
    def freshness(self) -> str | None: ...

    @property
    def freshness_values(self) -> dict | None: ...


def fault_of(capture: Judged) -> FaultInWords | None:
    """Say what is wrong with a picture, and the likely cause; None for a sound one."""
    # A cut file is known from its bytes, before its preview is made.
    word = capture.fault or ("cut_short" if "truncated" in capture.flags else "")
    if not word:
        return None
    name, cause = _fault_words().get(word, (word, ""))
    return FaultInWords(word, name, cause + _lost_words(capture.fault_values or {}))


def fault_names() -> dict[str, str]:
    """Return the name of each fault."""
    return {word: name for word, (name, _cause) in _fault_words().items()}


def _fault_words() -> dict[str, tuple[str, str]]:
    return {
        "cut_short": (
            _("incomplete"),
            _(
                "The file ends too early. Usually the Wi-Fi is weak there, or the power drops while it is sent."
            ),
        ),
        "grey_band": (
            _("grey band"),
            _(
                "Part of the picture is plain grey: the camera lost bytes before sending it. "
                "A smaller size or a stronger compression often helps, because its memory (PSRAM) then keeps up."
            ),
        ),
        "black": (
            _("all black"),
            _(
                "There is no light in it. The lens may be covered, or the picture was taken before the sensor had "
                "adjusted; at night there may simply be nothing to see."
            ),
        ),
        "blown_out": (
            _("blown out"),
            _(
                "Most of it is plain white. Often the first picture after waking is like this, "
                "before the exposure has settled: drop a few frames first."
            ),
        ),
        "blurred": (
            _("blurred"),
            _("There are no sharp edges. Turn the lens until there are, and wipe off dirt and dew."),
        ),
    }


def _lost_words(values: dict) -> str:
    lost = values.get("lost_percent")
    return " " + _("About %(percent)s %% of it is missing.") % {"percent": lost} if lost else ""


def freshness_words(capture: Judged) -> str:
    """Say what a picture that was asked for is worth as an answer; empty for one that nobody asked for."""
    if capture.freshness == Freshness.SAME:
        return _("same bytes as before")
    if capture.freshness == Freshness.UNLIKE:
        before = capture.freshness_values or {}
        size = f"{before.get('width', '?')} × {before.get('height', '?')}"
        return _("not as ordered: the camera's earlier pictures were %(size)s") % {"size": size}
    return _("fresh") if capture.freshness else ""


def flag_words(flag: str) -> str:
    """Say in words what a flag means; an unknown one stands for itself."""
    words = {
        "truncated": _("incomplete"),
        "trailing": _("extra bytes at the end"),
        "transport": _("complete, but the transfer ended badly"),
        "clock": _("the camera's clock was wrong"),
        "large_preview": _("no preview: it takes too much memory to draw"),
        "no_preview": _("no preview: it could not be drawn"),
    }
    return words.get(flag, flag)


def mirror_of(capture: Any) -> OSSObject | None:
    return getattr(capture, "mirror", None)


def facts_of(capture: Capture) -> list[Fact]:
    """Return what is known of a picture; what is not known is left out."""
    size = f"{filesizeformat(capture.size_bytes)} ({capture.size_bytes:,} B)"
    pixels = f"{capture.width} × {capture.height}" if capture.width and capture.height else _("unknown")
    facts = [
        Fact(_("Name"), capture.name),
        Fact(_("Received"), capture.received_at),
        Fact(_("Taken (camera clock)"), capture.captured_at or ""),
        Fact(_("Size"), size),
        Fact(_("Pixels"), pixels),
        Fact(_("Type"), capture.content_type),
        Fact(_("Flags"), ", ".join(flag_words(flag) for flag in capture.flags)),
        Fact(_("Received over"), capture.get_source_display()),
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
        "make": _("Created by"),
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
