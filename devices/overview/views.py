"""The device page and its tabs for looking."""

from datetime import UTC, datetime

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.access.rights import Action, can, is_owner
from devices.commands.models import Command
from devices.commands.views import newest_command
from devices.panels.deliveries.screens import screens_of
from devices.panels.fetching import unclaimed
from devices.registry.camera_profiles import PROFILES
from devices.registry.finding import get_device
from devices.registry.models import Device, DeviceGroup, DeviceKey, Panel
from devices.registry.tabs import frame_of
from devices.setup.snippets import connection_facts, snippets_for

from .problems import problems_of

EVENTS_ON_PAGE = 50
EVENTS_ON_OVERVIEW = 6


def now_of(device: Device) -> dict:
    """Return what changes by itself on the overview."""
    keys = list(device.keys.filter(revoked_at=None))
    newest = device.events.order_by("-seq").first()
    return {
        "command": newest_command(device),
        "has_picture": device.captures.exists(),
        "version": newest.seq if newest else 0,
        "told": device.events.told().select_related("actor")[:EVENTS_ON_OVERVIEW],
        "problems": problems_of(device, has_key=bool(keys), key_used=any(k.last_used_at for k in keys)),
        "open_states": Command.OPEN,
    }


@login_required
@require_safe
def overview(request: HttpRequest, code: str) -> HttpResponse:
    """The newest picture, the shutter and the facts."""
    device = get_device(request.user, code)
    return render(
        request, "devices/overview/overview.html", frame_of(request, device, "overview") | now_of(device)
    )


@login_required
@never_cache
@require_safe
def now(request: HttpRequest, code: str) -> HttpResponse:
    """The overview without the page around it."""
    device = get_device(request.user, code)
    return render(
        request, "devices/overview/_device_page.html", frame_of(request, device, "overview") | now_of(device)
    )


@login_required
@require_safe
def pictures(request: HttpRequest, code: str) -> HttpResponse:
    """The device's history, fetched from the room of pictures."""
    device = get_device(request.user, code)
    context = {"can_make_films": can(request.user, Action.COMMAND, device)}
    return render(request, "devices/overview/pictures.html", frame_of(request, device, "pictures") | context)


@login_required
@require_safe
def connect(request: HttpRequest, code: str) -> HttpResponse:
    """Addresses, topics and programs, without the key."""
    device = get_device(request.user, code)
    context = {"snippets": snippets_for(device), "facts": connection_facts(device)}
    return render(request, "devices/overview/connect.html", frame_of(request, device, "connect") | context)


@login_required
@require_safe
def events(request: HttpRequest, code: str) -> HttpResponse:
    """What was told of the device, newest first."""
    device = get_device(request.user, code)
    rows = device.events.told().select_related("actor").order_by("-seq")
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(seq__lt=int(before))
    told = list(rows[: EVENTS_ON_PAGE + 1])
    context = {
        "told": told[:EVENTS_ON_PAGE],
        "more": told[EVENTS_ON_PAGE - 1].seq if len(told) > EVENTS_ON_PAGE else None,
    }
    return render(request, "devices/overview/events.html", frame_of(request, device, "events") | context)


PAGE_SIZE = 100


@login_required
@require_safe
def device_list(request: HttpRequest) -> HttpResponse:
    """List the devices that the person may see, with search and filters."""
    visible = Device.objects.visible_to(request.user)
    wish = {name: request.GET.get(name, "").strip() for name in ("q", "group", "online")}
    rows = _matching(visible, wish)
    start = _start(request.GET.get("start", ""))
    page = rows[start : start + PAGE_SIZE]
    prefetch_related_objects(page, "troubles")
    has_panels = bool(screens_of(request.user))
    context = {
        "rows": [_row(device) for device in page],
        "count": len(rows),
        "wish": wish,
        "groups": DeviceGroup.objects.filter(devices__in=visible).distinct(),
        "filtered": any(wish.values()),
        "next_start": start + PAGE_SIZE if len(rows) > start + PAGE_SIZE else None,
        "can_add": is_owner(request.user),
        "unclaimed": _unclaimed_panels() if is_owner(request.user) else [],
        "has_panels": has_panels,
        "sees_panels": has_panels or visible.filter(panel__isnull=False).exists(),
    }
    return render(request, "devices/overview/list.html", context)


def _unclaimed_panels() -> list[dict]:
    """Return the panels that ask to be added and whose address no device has yet."""
    found = unclaimed.panels()
    addresses = [panel.address for panel in found]
    known = Panel.objects.filter(hardware_address__in=addresses).values_list("hardware_address", flat=True)
    expected = set(known)
    return [
        {
            "address": panel.address,
            "kind": " · ".join(filter(None, (panel.model, _size_of(panel)))),
            "asked_at": datetime.fromtimestamp(panel.asked_at, UTC),
        }
        for panel in found
        if panel.address not in expected
    ]


def _size_of(panel: unclaimed.UnclaimedPanel) -> str:
    return f"{panel.width} × {panel.height}" if panel.width and panel.height else ""


def _start(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _matching(visible: QuerySet, wish: dict[str, str]) -> list[Device]:
    """Return the devices that fit, pinned ones first. Online is a rule over the clock, asked row by row."""
    rows = _with_facts(visible)
    if wish["q"]:
        rows = rows.filter(Q(name__icontains=wish["q"]) | Q(code__icontains=wish["q"].lower()))
    if wish["group"]:
        rows = rows.filter(group__name=wish["group"])
    found = rows.order_by("-pinned", "name", "code")
    if wish["online"] in ("yes", "no"):
        return [device for device in found if device.online == (wish["online"] == "yes")]
    return list(found)


def _with_facts(devices: QuerySet) -> QuerySet:
    live_keys = DeviceKey.objects.filter(device=OuterRef("pk"), revoked_at=None)
    # The pictures' room hangs its rows on the device; here only whether there is one.
    pictured = Device.objects.filter(pk=OuterRef("pk"), captures__isnull=False)
    return devices.select_related("group").annotate(
        has_picture=Exists(pictured),
        has_key=Exists(live_keys),
        key_used_at=Subquery(live_keys.exclude(last_used_at=None).values("last_used_at")[:1]),
    )


def _row(device: Device) -> dict:
    return {
        "device": device,
        "profile": PROFILES[device.profile].label if device.profile in PROFILES else device.profile,
        "problems": problems_of(device, has_key=device.has_key, key_used=device.key_used_at is not None),
    }
