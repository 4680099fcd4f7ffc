"""Rows of the list of devices as HTML."""

from collections.abc import Iterable
from typing import NamedTuple

from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from devices.registry.models import Device
from photohub.lib.pages.templating.addresses import address
from photohub.lib.pages.templating.skeletons import Skeleton
from photohub.lib.pages.times.tags import when

_NAMES = (
    "device_url picture_url name code at battery_mv battery_percent bars rssi profile group firmware problems"
)
_ROW = Skeleton("devices/overview/parts/_row.html", *_NAMES.split())


class _Standing(NamedTuple):
    """What the sentence about its connection depends on."""

    presence: str


def draw_rows(rows: Iterable[dict]) -> SafeString:
    """Return a row of the table for each device, as `listing` tells of it."""
    return mark_safe("\n".join([_draw(row) for row in rows]))


def _draw(row: dict) -> str:
    device: Device = row["device"]
    percent = device.battery_percent
    return _ROW.fill(
        {
            "device": _Standing(device.presence),
            "has_picture": bool(row["picture_url"]),
            "is_simulated": device.simulated,
            "is_pinned": device.pinned,
            "battery": "" if percent is None else "low" if device.battery_is_low else "good",
            "signal": "" if row["bars"] is None else "weak" if row["signal_weak"] else "good",
            "has_group": bool(device.group_names),
            "has_firmware": bool(device.firmware_version),
            "has_problems": bool(row["problems"]),
        },
        {
            "device_url": address("devices:detail", device.code),
            "picture_url": row["picture_url"],
            "name": device.name,
            "code": device.code,
            "at": when(device.presence_since),
            "battery_mv": str(device.battery_mv),
            "battery_percent": str(percent),
            "bars": str(row["bars"]),
            "rssi": str(device.rssi_dbm),
            "profile": str(row["profile"]),
            "group": ", ".join(device.group_names),
            "firmware": device.firmware_version,
            "problems": _problems(row["problems"]),
        },
    )


def _problems(sentences: list[str]) -> SafeString:
    return format_html_join(
        "\n", '<span class="state" data-state="warn">{}</span>', ((sentence,) for sentence in sentences)
    )
