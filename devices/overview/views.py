"""The device page and its tabs for looking."""

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.access.rights import Action, can
from devices.commands.models import Command
from devices.commands.views import newest_command
from devices.events.folding import fold
from devices.events.models import Event
from devices.panels.overview import now as panel_now
from devices.panels.playlists import turns as playlists
from devices.panels.playlists.views import every
from devices.panels.rendering.profiles import profile_of
from devices.panels.rendering.shape import shape_of
from devices.registry.finding import get_device
from devices.registry.models import Device
from devices.registry.tabs import frame_of
from devices.schedules.wording import outlook_of
from devices.setup.snippets import connection_facts, snippets_for

from .problems import open_troubles, problems_of

EVENTS_ON_PAGE = 50
EVENTS_ON_OVERVIEW = 6


def now_of(request: HttpRequest, device: Device) -> dict:
    """Return what changes by itself on the overview: of a camera its newest picture, of a panel what is on it."""
    keys = list(device.keys.filter(revoked_at=None))
    newest = device.events.order_by("-seq").first()
    frame = frame_of(request, device, "overview")
    of_kind = _of_camera(device, request.user) if frame["is_camera"] else _of_panel(request, device)
    return (
        frame
        | of_kind
        | {
            "version": newest.seq if newest else 0,
            "told": fold(_told(device)[:EVENTS_ON_PAGE])[:EVENTS_ON_OVERVIEW],
            "problems": problems_of(
                device,
                open_troubles([device.pk]).get(device.pk, []),
                has_key=bool(keys),
                key_used=any(k.last_used_at for k in keys),
            ),
        }
    )


def _told(device: Device) -> QuerySet[Event]:
    return device.events.told().select_related("actor").order_by("-seq")


def _of_camera(device: Device, user) -> dict:
    return {
        "schedules": outlook_of(device, user),
        "command": newest_command(device),
        "newest": device.captures.values_list("pk", flat=True).first(),
        "open_states": Command.OPEN,
    }


def _of_panel(request: HttpRequest, device: Device) -> dict:
    [panel] = panel_now.tell(list(panel_now.with_facts(Device.objects.filter(pk=device.pk))), request.user)
    profile = profile_of(panel.panel.render_profile.settings if panel.panel.render_profile else {})
    return {
        "panel": panel,
        "shape": shape_of(profile),
        "next_item": _next_item(request, device, panel),
        "every": every(panel.panel.poll_interval_s),
        "sets_itself_up": bool(panel.panel.hardware_address),
    }


def _next_item(request: HttpRequest, device: Device, panel: panel_now.PanelNow):
    """Return the picture of the playlist whose turn it is, as far as the person may know it."""
    items = playlists.tell_items(device, request.user)
    return items[panel.panel.playlist_index % len(items)] if items else None


@login_required
@require_safe
def overview(request: HttpRequest, code: str) -> HttpResponse:
    """The newest picture, the shutter and the facts."""
    device = get_device(request.user, code)
    return render(request, "devices/overview/overview.html", now_of(request, device))


@login_required
@never_cache
@require_safe
def now(request: HttpRequest, code: str) -> HttpResponse:
    """The overview without the page around it."""
    context = now_of(request, get_device(request.user, code))
    name = (
        "devices/overview/_device_page.html"
        if context["is_camera"]
        else "devices/panels/overview/_panel_page.html"
    )
    return render(request, name, context)


@login_required
@require_safe
def pictures(request: HttpRequest, code: str) -> HttpResponse:
    """The device's history, fetched from the room of pictures."""
    device = get_device(request.user, code)
    context = {
        "can_make_films": can(request.user, Action.COMMAND, device),
        # Where somebody had scrolled to stands in the address.
        "place": urlencode({"at": at}) if (at := request.GET.get("at", "")) else "",
    }
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
    rows = _told(device)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(seq__lt=int(before))
    told = list(rows[: EVENTS_ON_PAGE + 1])
    context = {
        "told": fold(told[:EVENTS_ON_PAGE]),
        "more": told[EVENTS_ON_PAGE - 1].seq if len(told) > EVENTS_ON_PAGE else None,
    }
    return render(request, "devices/overview/events.html", frame_of(request, device, "events") | context)
