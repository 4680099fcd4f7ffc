"""The settings that a hub may wish of a camera, and what the camera says of them.

To the device, on `photohub/<code>/settings` or over HTTP: what it should have, by a number that grows with every change.

    {"version":7,"settings":{"frame_size":"SVGA","quality":80}}

From the device, on `photohub/<code>/settings/reported` or over HTTP: what it has, what of the wish it refused and why, which
settings it knows at all, and the last restart that it carried out. Each of them may be missing.

    {"version":7,"settings":{"frame_size":"VGA","quality":80},"refused":{"frame_size":"no PSRAM"},
     "can":["frame_size","quality"],"restarted":"restart-…"}

A restart is an order, on the command topic or in the answer to an upload: `{"action":1,"name":"restart-…"}`.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from .json_fields import clean_text, compact, read_object, read_part, read_whole

MAX_BYTES = 4096
RESTART_ACTION = 1
FRAME_SIZES = {
    "QQVGA": (160, 120),
    "QVGA": (320, 240),
    "CIF": (400, 296),
    "HVGA": (480, 320),
    "VGA": (640, 480),
    "SVGA": (800, 600),
    "XGA": (1024, 768),
    "HD": (1280, 720),
    "SXGA": (1280, 1024),
    "UXGA": (1600, 1200),
    "FHD": (1920, 1080),
    "QXGA": (2048, 1536),
    "QSXGA": (2560, 1920),
}
SIDE_PIXELS = (16, 8192)
LED_WORDS = ("off", "on", "auto")
# The whole numbers among the settings, with their bounds. Quality is in percent: more is better.
NUMBERS = {"quality": (1, 100), "interval_s": (1, 604_800), "sleep_s": (0, 604_800)}
NAMES = ("frame_size", "quality", "led", "interval_s", "sleep_s")

_REASON_CHARS = 100
_RESTART_CHARS = 49
_WIDTH_AND_HEIGHT = re.compile(r"([1-9][0-9]{1,3})X([1-9][0-9]{1,3})")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a camera should have."""

    version: int
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """What a camera says. `version` is the wish that it has taken up; None: it knows of none."""

    version: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    can: tuple[str, ...] = ()
    restarted: str = ""


def read_value(name: str, value: Any) -> Any:
    """Return the value of a setting in its one form; None for one that cannot be, or a setting that there is not."""
    if name == "frame_size":
        return _read_frame_size(value)
    if name == "led":
        word = clean_text(value, 8).lower()
        return word if word in LED_WORDS else None
    if name not in NUMBERS:
        return None
    number, (low, high) = read_whole(value), NUMBERS[name]
    return number if number is not None and low <= number <= high else None


def _read_frame_size(value: Any) -> str | None:
    text = clean_text(value, 12).upper().replace("×", "X").replace(" ", "")
    if text in FRAME_SIZES:
        return text
    sides = _WIDTH_AND_HEIGHT.fullmatch(text)
    low, high = SIDE_PIXELS
    if sides is None or not all(low <= int(side) <= high for side in sides.groups()):
        return None
    return f"{sides[1]}x{sides[2]}"


def pixels_of(frame_size: str) -> tuple[int, int]:
    """Return width and height of a frame size in its one form."""
    if frame_size in FRAME_SIZES:
        return FRAME_SIZES[frame_size]
    width, _x, height = frame_size.partition("x")
    return int(width), int(height)


def read_values(values: Any) -> dict[str, Any]:
    """Keep the settings that there are with values that can be, in one order."""
    given = read_part(values)
    known = {name: read_value(name, given.get(name)) for name in NAMES}
    return {name: value for name, value in known.items() if value is not None}


def encode_wish(wish: Wish) -> bytes:
    """Write what a camera should have."""
    return compact({"version": wish.version, "settings": wish.settings})


def read_wish(payload: bytes) -> Wish | None:
    """Read what a camera should have, as the camera does."""
    fields = read_object(payload, MAX_BYTES)
    version = read_whole(fields.get("version")) if fields else None
    return Wish(version, read_values(fields.get("settings"))) if fields and version is not None else None


def encode_restart(name: str) -> bytes:
    """Write the order to start again."""
    return compact({"action": RESTART_ACTION, "name": name})


def read_restart(fields: dict[str, Any]) -> str:
    """Return the name of an order to start again; nothing for any other order."""
    if fields.get("action") != RESTART_ACTION or isinstance(fields.get("action"), bool):
        return ""
    return clean_text(fields.get("name"), _RESTART_CHARS)


def encode_report(report: Report) -> bytes:
    """Write what a camera says."""
    fields: dict[str, Any] = {"settings": report.settings}
    if report.version is not None:
        fields = {"version": report.version} | fields
    said = {"refused": report.refused, "can": list(report.can), "restarted": report.restarted}
    return compact(fields | {name: value for name, value in said.items() if value})


def read_report(payload: bytes) -> Report | None:
    """Read what a camera says; None for what is no JSON object of at most 4096 bytes."""
    fields = read_object(payload, MAX_BYTES, trailing_commas=True)
    if fields is None:
        return None
    refused = read_part(fields.get("refused"))
    can = fields.get("can")
    version = read_whole(fields.get("version"))
    return Report(
        version=version if version is not None and 0 <= version < 2**31 else None,
        settings=read_values(fields.get("settings")),
        refused={name: clean_text(refused[name], _REASON_CHARS) for name in NAMES if name in refused},
        can=tuple(name for name in NAMES if name in can) if isinstance(can, list) else (),
        restarted=clean_text(fields.get("restarted"), _RESTART_CHARS),
    )
