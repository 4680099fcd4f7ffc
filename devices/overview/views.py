"""The device page and its tabs for looking."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.access.rights import Action, can, get_device
from devices.commands.models import Command
from devices.commands.views import newest_command
from devices.firmware.rollouts import wording as reasons
from devices.panels.deliveries.screens import takes_pictures
from devices.registry.models import Device
from devices.registry.profiles import PROFILES
from devices.setup.snippets import connection_facts, snippets_for

from .problems import problems_of

EVENTS_ON_PAGE = 50
EVENTS_ON_OVERVIEW = 6
UPDATES_ON_PAGE = 50
_SHAPES = {"proved": "good", "failed": "bad", "timed_out": "bad", "waiting": "off", "cancelled": "off"}


def frame_of(request: HttpRequest, device: Device, tab: str) -> dict:
    """Return what every tab shows around itself."""
    may_command = can(request.user, Action.COMMAND, device)
    return {
        "device": device,
        "tab": tab,
        "may_command": may_command,
        "takes_pictures": takes_pictures(device),
        "profile": PROFILES[device.profile].label if device.profile in PROFILES else device.profile,
        "can_command": may_command and device.takes_commands and device.enabled,
        "can_manage": can(request.user, Action.MANAGE, device),
    }


def now_of(device: Device) -> dict:
    """Return what changes by itself on the overview."""
    keys = list(device.keys.filter(revoked_at=None))
    newest = device.events.order_by("-seq").first()
    return {
        "command": newest_command(device),
        "has_picture": Device.objects.filter(pk=device.pk, captures__isnull=False).exists(),
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
        request, "devices/overview/_now.html", frame_of(request, device, "overview") | now_of(device)
    )


@login_required
@require_safe
def pictures(request: HttpRequest, code: str) -> HttpResponse:
    """The device's history, fetched from the room of pictures."""
    device = get_device(request.user, code)
    context = {"can_make_films": can(request.user, Action.COMMAND, device)}
    return render(request, "devices/overview/pictures.html", frame_of(request, device, "pictures") | context)


def shape_of(target_state: str) -> str:
    """Return the shape that stands beside an update's state; what is under way is half filled."""
    return _SHAPES.get(target_state, "wait")


@login_required
@require_safe
def firmware(request: HttpRequest, code: str) -> HttpResponse:
    """What runs on it, and its updates."""
    device = get_device(request.user, code)
    updates = device.rollout_targets.select_related("rollout__firmware", "device").order_by("-pk")
    shown = [
        {"target": target, "why": reasons.explain(target), "shape": shape_of(target.state)}
        for target in updates[:UPDATES_ON_PAGE]
    ]
    modules = {"default": device.firmware_version} | device.modules
    context = {
        "updates": shown,
        "modules": {name: version for name, version in modules.items() if version or name != "default"},
    }
    return render(
        request, "devices/firmware/rollouts/of_device.html", frame_of(request, device, "firmware") | context
    )


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
