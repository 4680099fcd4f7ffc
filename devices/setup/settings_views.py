"""Changing and removing a device."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from devices.access.rights import Action, get_device
from devices.overview.views import frame_of
from devices.panels.deliveries.models import Panel
from devices.panels.fetching import trmnl
from devices.panels.fetching.forms import PanelForm
from devices.registry.changes import change_device
from devices.registry.models import Device
from devices.registry.removing import remove_device
from devices.registry.rules import warn_of_network

from .forms import RemoveForm, SettingsForm


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, code: str) -> HttpResponse:
    """Show the settings and store them."""
    device = get_device(request.user, code, Action.MANAGE)
    posted = request.POST if request.method == "POST" else None
    form, panel = SettingsForm(posted, device=device), PanelForm(posted, device=device)
    changed = _save(request, form, panel) if posted is not None else None
    if changed is None:
        return _show(request, device, form, RemoveForm(device=device), panel)
    messages.success(request, _("The settings are stored."))
    if warning := warn_of_network(changed.allowed_network):
        messages.warning(request, warning)
    return redirect("devices:settings", device.code)


def _save(request: HttpRequest, form: SettingsForm, panel: PanelForm) -> Device | None:
    """Store both parts or neither; None when one of them may not be, and its form then says why."""
    # Both are asked, so that all mistakes are shown at once.
    if not all([form.is_valid(), panel.is_valid()]):
        return None
    with transaction.atomic():
        changed = form.save(request.user)
        if changed is not None and panel.save(changed, request.user):
            return changed
        transaction.set_rollback(True)
    return None


def _show(
    request: HttpRequest,
    device: Device,
    form: SettingsForm,
    remove: RemoveForm,
    panel: PanelForm | None = None,
) -> HttpResponse:
    panel = panel or PanelForm(device=device)
    context = {
        "form": form,
        "panel": panel,
        "remove": remove,
        "pictures": device.captures.count(),
        "certificate": _shown_certificate(device),
        "claimed": Panel.objects.filter(device=device)
        .exclude(hardware_address="")
        .exclude(claimed_at=None)
        .first(),
    }
    page = frame_of(request, device, "settings") | context
    refused = form.is_bound or remove.is_bound
    return render(request, "devices/setup/settings.html", page, status=422 if refused else 200)


def _shown_certificate(device: Device) -> str:
    """Return the fingerprint that the camera shows and nobody has trusted; empty when there is none."""
    asked = ("fetch_certificate_unknown", "fetch_certificate_changed")
    trouble = device.troubles.open().filter(word__in=asked).first()
    return str(trouble.values.get("fingerprint", "")) if trouble else ""


@login_required
@require_POST
def allow_again(request: HttpRequest, code: str) -> HttpResponse:
    """Let a panel that was reset be given a key once more."""
    device = get_device(request.user, code, Action.MANAGE)
    if trmnl.allow_again(device, request.user):
        messages.success(request, _("Restart the panel now: it will be given a new key."))
    else:
        messages.info(request, _("It has not set itself up yet, so there is nothing to allow."))
    return redirect("devices:settings", code)


@login_required
@require_POST
def trust_certificate(request: HttpRequest, code: str) -> HttpResponse:
    """Trust the certificate that the page showed, or with nothing none any more."""
    device = get_device(request.user, code, Action.MANAGE)
    fingerprint = request.POST.get("fingerprint", "")
    try:
        change_device(device, {"pull_fingerprint": fingerprint}, request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        told = _("The certificate is trusted for this device. Its pictures are fetched now.")
        messages.success(request, told if fingerprint else _("No certificate is trusted for this device."))
    return redirect("devices:settings", code)


@login_required
@require_POST
def ask_config(request: HttpRequest, code: str) -> HttpResponse:
    """Let hawkBit's device API ask the device once more what it is."""
    device = get_device(request.user, code, Action.MANAGE)
    change_device(device, {"config_wanted": True}, request.user)
    messages.success(request, _("It is asked when it next comes to the hub for firmware."))
    return redirect("devices:firmware", code)


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
