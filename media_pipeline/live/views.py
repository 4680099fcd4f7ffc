"""The Live tab of a device: its stream, how it goes, and keeping a frame."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from devices.access.rights import Action, can
from devices.commands.views import wants_json
from devices.registry.finding import get_device
from devices.registry.models import Device
from devices.registry.tabs import frame_of
from photohub.lib.http.answer import refuse
from photohub.lib.network import site
from photohub.lib.pages.picture_response import picture_response

from . import now as live_now
from .keeping import KEEP_WITHIN_S, CannotKeep, keep_next


@dataclass(frozen=True)
class Going:
    """How a stream goes, in figures for people."""

    fps: float
    bytes_per_s: int
    age_s: float
    frames: int


@login_required
@require_safe
def stream(request: HttpRequest, code: str) -> HttpResponse:
    """The live picture, and what the camera has to send."""
    device = get_device(request.user, code)
    return render(
        request, "media_pipeline/live/live.html", frame_of(request, device, "live") | _now_of(request, device)
    )


@login_required
@never_cache
@require_safe
def going(request: HttpRequest, code: str) -> HttpResponse:
    """How the stream goes, without the page around it."""
    return render(
        request, "media_pipeline/live/_going.html", _now_of(request, get_device(request.user, code))
    )


def _now_of(request: HttpRequest, device: Device) -> dict:
    stats = live_now.stats_of([device.code]).get(device.code)
    now = Going(stats.fps, round(stats.bytes_per_s), stats.age_s or 0.0, stats.frames) if stats else None
    return {
        "device": device,
        "going": now,
        "can_keep": can(request.user, Action.COMMAND, device) and device.enabled,
        "stream_url": reverse("devices:list") + f"{device.code}/stream.mjpg",
        "stream_host": site.stream_host(),
        "stream_port": site.stream_port(),
        "mqtt_host": site.mqtt_host(),
        "mqtt_port": site.mqtt_port(),
    }


@login_required
@never_cache
@require_safe
def still(request: HttpRequest, code: str) -> HttpResponse:
    """The newest frame of the stream as a picture, for lists; a drawing where none comes."""
    view = live_now.still_of(get_device(request.user, code).code)
    if view is None:
        drawing = render_to_string("media_pipeline/live/no_frame.svg").encode()
        return picture_response(drawing, "image/svg+xml", "no-frame.svg", "no-store")
    return picture_response(view.jpeg, "image/jpeg", f"{code}-now.jpg", "no-store")


@login_required
@require_POST
def keep(request: HttpRequest, code: str) -> HttpResponse:
    """Keep the next frame. A program gets 202, a browser is sent back to the picture."""
    device = get_device(request.user, code, Action.COMMAND)
    try:
        keep_next(device)
    except CannotKeep as refusal:
        if wants_json(request):
            return refuse(409, "cannot_keep", str(refusal))
        messages.error(request, str(refusal))
        return redirect("device_live", device.code)
    if wants_json(request):
        return JsonResponse({"device": device.code, "within_s": KEEP_WITHIN_S}, status=202)
    return redirect("device_live", device.code)
