"""Simulated cameras, so that nobody needs hardware to see what PhotoHub is."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from devices.access.rights import is_owner
from devices.keys import identity
from devices.registry.models import Device
from devices.registry.removing import remove_device
from photohub.lib.messaging import notify as live

SIMULATORS = "simulators"  # the channel-layer group of the process that runs them
AT_MOST = 20


@login_required
@require_POST
def simulate(request: HttpRequest) -> HttpResponse:
    """Add a simulated camera and ask the hub to run it."""
    _require_owner(request)
    if Device.objects.filter(simulated=True).count() >= AT_MOST:
        messages.error(request, _("There are %(count)s simulated cameras already.") % {"count": AT_MOST})
        return redirect("live")
    code, number = _free_code()
    name = _("Simulated camera %(number)s") % {"number": number}
    made = identity.add_device(code=code, name=name, profile="esp32s3", simulated=True)
    message = {"type": "simulator.add", "device": code, "key": made.key}
    transaction.on_commit(lambda: live.ring(SIMULATORS, [message]), robust=True)
    messages.success(request, _("A simulated camera is starting. Its first picture comes in a few seconds."))
    return redirect("live")


def _require_owner(request: HttpRequest) -> None:
    if not is_owner(request.user):
        raise PermissionDenied


def _free_code() -> tuple[str, int]:
    taken = set(Device.objects.filter(code__startswith="demo-").values_list("code", flat=True))
    number = next(n for n in range(1, len(taken) + 2) if f"demo-{n}" not in taken)
    return f"demo-{number}", number


@login_required
@require_POST
def simulate_remove(request: HttpRequest) -> HttpResponse:
    """Remove all simulated cameras with their pictures."""
    _require_owner(request)
    devices = list(Device.objects.filter(simulated=True))
    live.ring(SIMULATORS, [{"type": "simulator.remove", "device": d.code} for d in devices])
    for device in devices:
        remove_device(device, request.user)
    words = ngettext(
        "%(count)s simulated camera was removed.", "%(count)s simulated cameras were removed.", len(devices)
    )
    messages.success(request, words % {"count": len(devices)})
    return redirect("live")
