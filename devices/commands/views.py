"""The shutter of the pages: asking, following, cancelling."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from devices.access.rights import Action, can
from devices.registry.finding import get_device
from devices.registry.models import Device
from photohub.lib.http.answer import refuse
from photohub.lib.pages.sentences import said

from . import queue as commands
from .models import Command, CommandState


def newest_command(device: Device) -> Command | None:
    """Return the command that a page should show: an open one, or what became of the last while that is news."""
    command = device.commands.order_by("-created_at").first()
    return command if command is not None and command.is_news else None


@login_required
@require_POST
def capture(request: HttpRequest, code: str) -> HttpResponse:
    """Ask for a picture. A program gets 202 and the command, a browser is sent back to where it was."""
    device = get_device(request.user, code, Action.COMMAND)
    try:
        command = commands.capture(device, user=request.user)
    except commands.CannotCommand as refusal:
        if wants_json(request):
            return refuse(409, "cannot_command", str(refusal))
        messages.error(request, str(refusal))
        return redirect(next_page(request, device))
    if wants_json(request):
        return JsonResponse({"id": str(command.pk), "state": command.state}, status=202)
    return redirect(next_page(request, device))


def wants_json(request: HttpRequest) -> bool:
    """Tell whether a script asks, which stays on its page and follows by itself."""
    return bool(request.headers.get("HX-Request")) or "application/json" in request.headers.get("Accept", "")


def next_page(request: HttpRequest, device: Device) -> str:
    """Return where to go back to: `next` or the page before, if it is one of ours, else the device."""
    home = reverse("devices:detail", args=[device.code])
    for url in (request.POST.get("next"), request.headers.get("Referer")):
        if url and url_has_allowed_host_and_scheme(url, {request.get_host()}, request.is_secure()):
            return url
    return home


@login_required
@never_cache
@require_safe
def progress(request: HttpRequest, code: str, id: UUID) -> HttpResponse:
    """The command's progress in words, as a fragment."""
    device = get_device(request.user, code)
    command = get_object_or_404(device.commands, pk=id)
    context = {"device": device, "command": command, "can_command": can(request.user, Action.COMMAND, device)}
    return render(request, "devices/commands/_command.html", context)


@login_required
@require_POST
def cancel(request: HttpRequest, code: str, id: UUID) -> HttpResponse:
    """Cancel an open command."""
    device = get_device(request.user, code, Action.COMMAND)
    command = get_object_or_404(device.commands.select_related("device"), pk=id)
    by = said("Cancelled by %(person)s.", person=request.user.get_username())
    done = commands.cancel(command, by)
    if wants_json(request):
        command.refresh_from_db()
        return JsonResponse({"id": str(command.pk), "state": command.state}, status=200 if done else 409)
    if not done:
        messages.warning(request, _("It had already ended: %(state)s.") % {"state": _state_of(command)})
    return redirect(next_page(request, device))


@login_required
@require_POST
def dismiss(request: HttpRequest, code: str, id: UUID) -> HttpResponse:
    """Put away how a command ended, for everybody who looks."""
    device = get_device(request.user, code, Action.COMMAND)
    command = get_object_or_404(device.commands.select_related("device"), pk=id)
    commands.dismiss(command)
    if wants_json(request):
        return JsonResponse({"id": str(command.pk), "state": command.state})
    return redirect(next_page(request, device))


def _state_of(command: Command) -> str:
    command.refresh_from_db()
    return str(CommandState(command.state).label)
