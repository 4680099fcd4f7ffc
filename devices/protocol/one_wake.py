"""What the answer to an upload may carry for a camera that sleeps: all that it needs of the hub in one wake.

    {"code":0,"des":"uploadup ok","url":"…","id":"…",        the answer as every device gets it
     "command":{"action":0,"name":"…"},                       the next order, as MQTT gives it
     "settings_version":7,                                    which settings the camera should have
     "sleep_s":300,                                           how long to sleep
     "time_ms":1767225600123,"zone":"+08:00",                 what time it is, and where the hub is
     "firmware":{"version":"1.5.0","url":"/api/v1/ota/check"},  what it may ask for
     "settings":{"frame_size":"SVGA","quality":12}}           the settings themselves

In this order of precedence: what does not fit into the limit of the whole answer is left out, never cut, and what stands
behind it is tried all the same.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from .json_fields import clean_text, compact, read_object, read_part, read_whole

MAX_ANSWER_BYTES = 512
# An order with the longest name, in the form with a text as its action.
_ORDER_BYTES = 100
_NAME_CHARS = 49
_ZONE_CHARS = 6
_VERSION_CHARS = 64
_URL_CHARS = 127


@dataclass(frozen=True, slots=True)
class Extras:
    """What the hub has to say beside the answer itself; nothing of it need be there."""

    command: dict[str, Any] = field(default_factory=dict)
    settings_version: int | None = None
    sleep_s: int | None = None
    time_ms: int | None = None
    zone: str = ""
    firmware_version: str = ""
    firmware_url: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def has_room_for_command(answer: bytes) -> bool:
    """Tell whether any order fits into this answer: only then one may be taken for it."""
    return len(answer) + _ORDER_BYTES <= MAX_ANSWER_BYTES


def extend(answer: bytes, extras: Extras) -> bytes:
    """Return the answer with as much as fits, in the order of precedence."""
    for part in _parts_of(extras):
        longer = answer[:-1] + b"," + compact(part)[1:]
        if len(longer) <= MAX_ANSWER_BYTES:
            answer = longer
    return answer


def _parts_of(extras: Extras) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if extras.command:
        parts.append({"command": extras.command})
    if extras.settings_version is not None:
        parts.append({"settings_version": extras.settings_version})
    if extras.sleep_s is not None:
        parts.append({"sleep_s": extras.sleep_s})
    if extras.time_ms is not None:
        parts.append({"time_ms": extras.time_ms, "zone": extras.zone})
    if extras.firmware_version:
        parts.append({"firmware": {"version": extras.firmware_version, "url": extras.firmware_url}})
    if extras.settings:
        parts.append({"settings": extras.settings})
    return parts


def read_extras(answer: bytes) -> Extras:
    """Read what an answer carries, as a camera does: what is missing or odd is as if it were not there."""
    fields = read_object(answer, MAX_ANSWER_BYTES) or {}
    command, firmware = read_part(fields.get("command")), read_part(fields.get("firmware"))
    name = clean_text(command.get("name"), _NAME_CHARS + 1)
    return Extras(
        command=command if 0 < len(name) <= _NAME_CHARS else {},
        settings_version=read_whole(fields.get("settings_version")),
        sleep_s=read_whole(fields.get("sleep_s")),
        time_ms=read_whole(fields.get("time_ms")),
        zone=clean_text(fields.get("zone"), _ZONE_CHARS),
        firmware_version=clean_text(firmware.get("version"), _VERSION_CHARS),
        firmware_url=clean_text(firmware.get("url"), _URL_CHARS),
        settings=read_part(fields.get("settings")),
    )


def zone_of(offset: timedelta | None) -> str:
    """Write how far local time is ahead of UTC, as in `+08:00`."""
    minutes = round((offset or timedelta()).total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
