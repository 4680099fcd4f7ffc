"""The keys of a device: looking at them, making and revoking."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from devices.access.rights import Action
from devices.registry.finding import get_device
from devices.registry.tabs import frame_of

from . import identity, shown_once


@login_required
@never_cache
@require_safe
def keys(request: HttpRequest, code: str) -> HttpResponse:
    """List the keys; a new one is shown here this once."""
    device = get_device(request.user, code, Action.MANAGE)
    rows = list(device.keys.order_by("-created_at", "-pk"))
    living = [key for key in rows if key.revoked_at is None]
    full = len(living) >= identity.LIVE_KEYS_AT_MOST
    context = {
        "keys": rows,
        "shown": shown_once.take(request, device),
        "oldest": living[-1] if full else None,
    }
    return render(request, "devices/keys/keys.html", frame_of(request, device, "keys") | context)


@login_required
@require_POST
def new_key(request: HttpRequest, code: str) -> HttpResponse:
    """Make one more key. Of three live ones the oldest ends."""
    device = get_device(request.user, code, Action.MANAGE)
    key = identity.issue_key_for(device, request.user)
    shown_once.keep_for_next_page(request, device, key)
    return redirect("devices:keys", device.code)


@login_required
@require_POST
def revoke_key(request: HttpRequest, code: str, prefix: str) -> HttpResponse:
    """End a key: every wire that uses it is closed within seconds."""
    device = get_device(request.user, code, Action.MANAGE)
    key = get_object_or_404(device.keys.filter(revoked_at=None), prefix=prefix)
    identity.revoke_key(key, request.user)
    messages.success(request, _("The key %(prefix)s… was revoked.") % {"prefix": key.prefix})
    return redirect("devices:keys", device.code)


@login_required
@require_POST
def new_secret(request: HttpRequest, code: str) -> HttpResponse:
    """Make a new secret for the Aliyun form of the login; the old one ends."""
    device = get_device(request.user, code, Action.MANAGE)
    if not device.product_key:
        messages.error(request, _("This device has no product key, so it needs no device secret."))
        return redirect("devices:keys", device.code)
    secret = identity.issue_device_secret(device, request.user)
    shown_once.keep_for_next_page(request, device, device_secret=secret)
    return redirect("devices:keys", device.code)
