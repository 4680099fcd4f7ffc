"""The page of a camera's settings: asked for and reported side by side, and a restart."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from devices.access.rights import Action, can, is_owner, require
from devices.registry.finding import get_device
from devices.registry.models import Device
from devices.registry.tabs import frame_of
from photohub.lib.pages.form_fields import show_errors

from . import queue
from .forms import WishForm
from .models import CameraSettings
from .wording import lines_of


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def camera(request: HttpRequest, code: str) -> HttpResponse:
    """Show what was asked for and what the camera says; take a wish."""
    device = get_device(request.user, code)
    row = queue.read(device)
    if request.method != "POST":
        return _show(request, device, row, WishForm(row=row))
    require(request.user, Action.MANAGE, device)
    form = WishForm(request.POST, row=row)
    if not form.is_valid() or not _wish(request, device, form):
        return _show(request, device, row, form)
    return redirect("devices:camera", code)


def _wish(request: HttpRequest, device: Device, form: WishForm) -> bool:
    try:
        changed = queue.wish(device, form.values(), request.user)
    except queue.CannotSet as refusal:
        form.add_error(None, str(refusal))
        return False
    except ValidationError as error:
        show_errors(form, error)
        return False
    told = _("Stored. The camera is told as soon as it is there.")
    messages.success(request, told if changed else _("Nothing was changed."))
    return True


def _show(request: HttpRequest, device: Device, row: CameraSettings, form: WishForm) -> HttpResponse:
    can_restart = row.is_understood and can(request.user, Action.COMMAND, device) and device.takes_commands
    context = {
        "row": row,
        "form": form,
        "lines": lines_of(device, row),
        "can_ask_several": is_owner(request.user),
        "can_restart": can_restart and device.enabled,
        "restart_is_open": row.restart_state in CameraSettings.OPEN_RESTARTS,
    }
    page = frame_of(request, device, "camera") | context
    status = 422 if form.is_bound else 200
    return render(request, "devices/camera_settings/camera.html", page, status=status)


@login_required
@require_POST
def understood(request: HttpRequest, code: str) -> HttpResponse:
    """Say for a camera that its program understands settings, or that it does not."""
    device = get_device(request.user, code, Action.MANAGE)
    queue.vouch(device, request.POST.get("understood") == "on", request.user)
    return redirect("devices:camera", code)


@login_required
@require_POST
def restart(request: HttpRequest, code: str) -> HttpResponse:
    """Have the camera start again."""
    device = get_device(request.user, code, Action.COMMAND)
    try:
        queue.restart(device, request.user)
    except queue.CannotSet as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The camera is told to start again as soon as it is there."))
    return redirect("devices:camera", code)
