"""The list of devices: search, filters, sorting. What a page costs does not grow with the number of devices."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from devices.access.groups import DeviceGroup
from devices.access.rights import is_owner
from devices.events.models import Trouble
from devices.panels.fetching import unclaimed
from devices.protocol.battery import CELL_MV, LOW_BATTERY_PERCENT, TWO_CELLS_FROM_MV, percent_of_battery
from devices.registry.camera_profiles import PROFILES
from devices.registry.disclosure import first_group, name_groups, of_group
from devices.registry.models import Device, DeviceKey, DeviceQuerySet, has_picture
from devices.setup.sections import may_stream
from photohub.lib.pages.instants import text_of
from photohub.lib.pages.templating.addresses import address

from .problems import open_troubles, problems_of
from .rows import draw_rows

PAGE_SIZE = 100
_WEAK_DBM = -80
# The lowest signal that fills each bar.
_BARS_DBM = (-90, -80, -70, -60)
# From this voltage of a cell on its battery is no longer low.
_ENOUGH_MV = next(
    mv for mv in range(CELL_MV[0], CELL_MV[-1]) if (percent_of_battery(mv) or 0) >= LOW_BATTERY_PERCENT
)
_LOW = Q(battery_mv__gte=CELL_MV[0], battery_mv__lt=_ENOUGH_MV) | Q(
    battery_mv__gte=TWO_CELLS_FROM_MV, battery_mv__lt=2 * _ENOUGH_MV
)


@dataclass(frozen=True)
class Column:
    """A column by which the list can be sorted; `url` sorts by it, the other way round when it is sorted by already."""

    key: str
    label: str | Promise
    field: str
    url: str = ""
    direction: str = ""


COLUMNS = (
    Column("name", gettext_lazy("Name"), "name"),
    Column("heard", gettext_lazy("Last seen"), "last_seen_at"),
    Column("battery", gettext_lazy("Battery"), "battery_mv"),
    Column("signal", gettext_lazy("Signal"), "rssi_dbm"),
    Column("kind", gettext_lazy("Kind"), "profile"),
    Column("group", gettext_lazy("Groups"), "first_group"),
    Column("firmware", gettext_lazy("Firmware"), "firmware_version"),
)
# What people want to see first of these.
_DOWNWARDS = ("heard",)
_FILTERS = ("q", "group", "online", "low", "kind")


@login_required
@require_safe
def device_list(request: HttpRequest) -> HttpResponse:
    """List the devices that the person may see, with search, filters and an order."""
    visible = Device.objects.visible_to(request.user)
    wish = {name: text_of(request.GET, name) for name in (*_FILTERS, "sort")}
    rows = _matching(visible, wish, request.user)
    start = _start(request.GET.get("start", ""))
    # Only the page's own rows are dressed.
    keys = list(rows.values_list("pk", flat=True)[start : start + PAGE_SIZE + 1])
    owner = is_owner(request.user)
    found = _rows(keys[:PAGE_SIZE], request.user)
    context = {
        "rows": found,
        "drawn": draw_rows(found),
        "count": rows.count(),
        "wish": wish,
        "groups": DeviceGroup.objects.visible_to(request.user).holding(visible),
        "filtered": any(wish[name] for name in _FILTERS),
        "orders": _orders(),
        "columns": {column.key: column for column in _columns(wish)},
        "next_url": _url(wish, start=start + PAGE_SIZE) if len(keys) > PAGE_SIZE else "",
        "can_add": owner,
        "unclaimed": unclaimed.to_show() if owner else [],
    }
    return render(request, "devices/overview/list.html", context)


def _start(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _url(wish: dict[str, str], **changes) -> str:
    return "?" + urlencode({name: value for name, value in (wish | changes).items() if value})


def _columns(wish: dict[str, str]) -> list[Column]:
    """Return the columns with the address that each heading leads to."""
    return [_column(column, wish) for column in COLUMNS]


def _orders() -> list[dict]:
    """Return both ways of every column in words, for where the list has no headings."""
    return [
        {"key": sign + column.key, "words": f"{column.label} {arrow}"}
        for column in COLUMNS
        for sign, arrow in (("", "↑"), ("-", "↓"))
    ]


def _column(column: Column, wish: dict[str, str]) -> Column:
    up, down = column.key, f"-{column.key}"
    direction = {up: "ascending", down: "descending"}.get(wish["sort"], "")
    first, second = (down, up) if column.key in _DOWNWARDS else (up, down)
    url = _url(wish, sort=second if wish["sort"] == first else first)
    return Column(column.key, column.label, column.field, url, direction)


def _matching(visible: DeviceQuerySet, wish: dict[str, str], user) -> DeviceQuerySet:
    """Return the devices that fit, in the order that was asked for; else pinned ones first, then by name."""
    rows = visible
    if wish["q"]:
        rows = rows.filter(Q(name__icontains=wish["q"]) | Q(code__icontains=wish["q"].lower()))
    if wish["group"]:
        rows = of_group(rows, user, wish["group"])
    if wish["kind"] == "camera":
        rows = rows.cameras()
    elif wish["kind"] == "panel":
        rows = rows.panels()
    if wish["low"] == "yes":
        rows = rows.filter(_LOW | Q(rssi_dbm__lt=_WEAK_DBM))
    if wish["online"] in ("yes", "no"):
        rows = rows.filter(pk__in=_by_state(rows, wish["online"] == "yes"))
    if wish["sort"].removeprefix("-") == "group":
        rows = rows.alias(first_group=first_group(user))
    return rows.order_by(*_order(wish["sort"]))


def _by_state(rows: QuerySet, online: bool) -> list[int]:
    """Return the keys of those that are online, or are not: a rule over the clock, asked row by row."""
    told = rows.only("link_state", "link_changed_at", "last_seen_at", "reporting_interval_s").order_by()
    return [device.pk for device in told.iterator() if device.online == online]


def _order(sort: str) -> list:
    column = next((column for column in COLUMNS if column.key == sort.removeprefix("-")), None)
    if column is None:
        return ["-pinned", "name", "code"]
    # What is not known stands last either way.
    field = F(column.field)
    by = field.desc(nulls_last=True) if sort.startswith("-") else field.asc(nulls_last=True)
    return [by, "name", "code"]


def _rows(keys: list[int], user) -> list[dict]:
    live_keys = DeviceKey.objects.filter(device=OuterRef("pk"), revoked_at=None)
    devices = (
        Device.objects.filter(pk__in=keys)
        .select_related("panel")
        .annotate(
            has_picture=has_picture(),
            has_key=Exists(live_keys),
            key_used_at=Subquery(live_keys.exclude(last_used_at=None).values("last_used_at")[:1]),
        )
    )
    found = {device.pk: device for device in devices}
    name_groups(user, found.values())
    troubles = open_troubles(keys)
    return [_row(found[key], troubles.get(key, [])) for key in keys if key in found]


def _row(device: Any, troubles: list[Trouble]) -> dict:
    return {
        "device": device,
        "profile": PROFILES[device.profile].label if device.profile in PROFILES else device.profile,
        "problems": problems_of(
            device, troubles, has_key=device.has_key, key_used=device.key_used_at is not None
        ),
        "picture_url": _picture_url(device),
        "bars": None if device.rssi_dbm is None else sum(device.rssi_dbm >= least for least in _BARS_DBM),
        "signal_weak": device.rssi_dbm is not None and device.rssi_dbm < _WEAK_DBM,
    }


def _picture_url(device: Any) -> str:
    """Return where its picture is: its newest, what a panel shows, or what it streams now; empty for none."""
    if device.has_picture:
        return address("latest", device.code)
    if shown := hasattr(device, "panel") and device.panel.shown_sha256:
        return address("devices:shown", device.code) + f"?v={shown[:16]}"
    return address("device_still", device.code) if may_stream(device) else ""
