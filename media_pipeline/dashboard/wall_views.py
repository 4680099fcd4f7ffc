"""The wall: all cameras that stream, at once."""

import math
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from devices.access.rights import Action, can, get_device
from devices.registry.models import Device
from media_pipeline.captures.cards import Streamed, cameras
from media_pipeline.live import now as live_now
from media_pipeline.live.wall import CAMERAS_AT_MOST
from photohub.lib.network import site

from .views import find_group, groups_of


@dataclass(frozen=True)
class Screen(Streamed):
    """One camera of the wall."""

    can_keep: bool


@login_required
@never_cache
@require_GET
def wall(request: HttpRequest) -> HttpResponse:
    """Show every camera that streams now, as many as fit; those that begin later come by themselves."""
    group = find_group(request)
    devices = list(cameras(request.user, group).select_related("group").order_by("-pinned", "name"))
    streaming = live_now.stats_of([device.code for device in devices])
    screens = [_screen(request, device) for device in devices if device.code in streaming]
    shown = screens[:CAMERAS_AT_MOST]
    context = {
        "screens": shown,
        "left_out": len(screens) - len(shown),
        "quiet": [device for device in devices if device.code not in streaming],
        "columns": columns_for(len(shown)),
        "most": CAMERAS_AT_MOST,
        "groups": groups_of(request.user),
        "group": group,
        "stream_host": site.stream_host(),
        "stream_port": site.stream_port(),
    }
    return render(request, "media_pipeline/dashboard/wall.html", context)


@login_required
@never_cache
@require_GET
def screen(request: HttpRequest, code: str) -> HttpResponse:
    """Return one camera of the wall, when it is in the group that the page shows."""
    device = get_device(request.user, code)
    group = find_group(request)
    if not device.enabled or (group and device.group_id != group.pk):
        raise Http404
    return render(request, "media_pipeline/dashboard/_screen.html", {"screen": _screen(request, device)})


def _screen(request: HttpRequest, device: Device) -> Screen:
    return Screen(device, can(request.user, Action.COMMAND, device))


def columns_for(count: int) -> int:
    """Return how many columns leave so many cameras the largest."""
    return max(1, math.ceil(math.sqrt(count)))
