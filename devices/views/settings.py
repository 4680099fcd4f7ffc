"""Changing and removing a device."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from ..access import Action, get_device
from ..forms import RemoveForm, SettingsForm
from ..models import Device
from ..removing import remove_device
from ..rules import warn_of_network
from .detail import frame_of


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, code: str) -> HttpResponse:
    """Show the settings and store them."""
    device = get_device(request.user, code, Action.MANAGE)
    form = SettingsForm(request.POST if request.method == "POST" else None, device=device)
    changed = form.save(request.user) if request.method == "POST" and form.is_valid() else None
    if changed is None:
        return _show(request, device, form, RemoveForm(device=device))
    messages.success(request, _("The settings are stored."))
    if warning := warn_of_network(changed.allowed_network):
        messages.warning(request, warning)
    return redirect("devices:settings", device.code)


def _show(request: HttpRequest, device: Device, form: SettingsForm, remove: RemoveForm) -> HttpResponse:
    context = {"form": form, "remove": remove, "pictures": device.captures.count()}
    page = frame_of(request, device, "settings") | context
    refused = form.is_bound or remove.is_bound
    return render(request, "devices/settings.html", page, status=422 if refused else 200)


@login_required
@require_POST
def delete(request: HttpRequest, code: str) -> HttpResponse:
    """Remove the device and everything it sent, once its code was typed."""
    device = get_device(request.user, code, Action.MANAGE)
    form = RemoveForm(request.POST, device=device)
    if not form.is_valid():
        return _show(request, device, SettingsForm(device=device), form)
    name = device.name
    remove_device(device, request.user)
    messages.success(request, _("%(name)s was removed with its pictures.") % {"name": name})
    return redirect("devices:list")
