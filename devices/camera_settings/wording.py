"""Desired and reported settings side by side, in words."""

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from devices.protocol.camera_settings import NAMES, pixels_of
from devices.registry.models import Device, LinkState

from .models import CameraSettings, WishState
from .queue import LABELS


@dataclass(frozen=True)
class Line:
    """One setting: what was asked for, what the camera says, and what that means. `state` is good, live, bad or off."""

    name: str
    label: str | Promise
    asked: str
    says: str
    state: str
    words: str


def lines_of(device: Device, row: CameraSettings) -> list[Line]:
    """Return a line for each setting that the camera may have."""
    names = row.known or NAMES
    shown = [name for name in NAMES if name in names or name in row.desired or name in row.reported]
    return [_line(device, row, name) for name in shown]


def _line(device: Device, row: CameraSettings, name: str) -> Line:
    asked, says = row.desired.get(name), row.reported.get(name)
    state, words = _compare(device, row, name)
    return Line(name, LABELS[name], show(name, asked), show(name, says), state, words)


def _compare(device: Device, row: CameraSettings, name: str) -> tuple[str, str]:
    asked = row.desired.get(name)
    if asked is None:
        return "off", ""
    if row.reported.get(name) == asked and row.wish_state not in CameraSettings.OPEN_WISHES:
        return "good", _("as asked")
    if name in row.refused:
        reason = row.refused[name]
        return "bad", _("the camera refused it: %(reason)s") % {"reason": reason} if reason else _(
            "the camera did not take it"
        )
    if row.reported.get(name) == asked:
        return "good", _("as asked")
    return (
        ("bad", _("the camera did not answer"))
        if row.wish_state == WishState.UNANSWERED
        else (
            "live",
            _wait_of(device, row),
        )
    )


def _wait_of(device: Device, row: CameraSettings) -> str:
    if row.wish_state == WishState.SENT:
        return _("the camera was told, and has not answered yet")
    if device.link_state == LinkState.CONNECTED:
        return _("on its way")
    return _("waiting until it wakes")


def show(name: str, value: Any) -> str:
    """Return a value for people; a dash where there is none."""
    if value is None:
        return "–"
    if name == "frame_size":
        width, height = pixels_of(value)
        sides = f"{width} × {height}"
        return f"{value} ({sides})" if "x" not in value else sides
    if name == "quality":
        return f"{value} %"
    if name == "led":
        return {"on": _("on"), "off": _("off"), "auto": _("automatic")}[value]
    return _("%(seconds)s s") % {"seconds": value}
