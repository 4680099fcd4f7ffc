"""Pictures on their way to all devices, and what can be done with one."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.lookups import IsNull
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from devices.access.rights import Action, can
from devices.commands.views import next_page, wants_json
from devices.registry.models import Device
from photohub.lib.database.cursors import page_of
from photohub.lib.database.db import inline, inline_all
from photohub.lib.http.answer import refuse
from photohub.lib.http.refusals.api_error import ApiError
from photohub.lib.pages.picture_response import picture_response
from photohub.lib.pages.sentences import said

from . import queue as deliveries
from . import screens
from .disclosure import delivery_of
from .models import Delivery, DeliveryState
from .queue import CannotDeliver
from .wording import lines_of

PAGE_SIZE = 50
_NAUGHT = (DeliveryState.FAILED, DeliveryState.CANCELLED)
_FOR_EVER = "private, max-age=31536000, immutable"


@login_required
@require_safe
def delivery_list(request: HttpRequest) -> HttpResponse:
    """List the pictures that were sent to devices, newest first; `state` and `device` narrow it."""
    if not screens.screens_of(request.user) and not can(request.user, Action.COMMAND):
        raise PermissionDenied
    wish = {name: request.GET.get(name, "") for name in ("state", "device")}
    rows = Delivery.objects.visible_to(request.user).select_related("device").filter(state__gte=inline("a"))
    if wish["state"] in DeliveryState.values:
        rows = _in_state(rows, wish["state"])
    if wish["device"]:
        rows = rows.filter(device__code=wish["device"])
    try:
        items, following = page_of(rows, "created_at", request.GET.get("cursor", ""), PAGE_SIZE)
    except ApiError as error:
        raise Http404 from error
    context = {
        "lines": lines_of(items, request.user),
        "wish": wish,
        "filtered": any(wish.values()),
        "states": DeliveryState.choices,
        "devices": Device.objects.visible_to(request.user).filter(_has_delivery()),
        "next": following,
        "first": "cursor" not in request.GET,
    }
    return render(request, "devices/panels/deliveries/deliveries.html", context)


def _in_state(rows: QuerySet, state: str) -> QuerySet:
    """Keep those in one state: of what came to naught by the partial index, of what is under way by those of the queue."""
    if state in _NAUGHT:
        rows = rows.filter(state__in=inline_all(_NAUGHT))
    return rows.filter(state=inline(state))


def _has_delivery() -> IsNull:
    """Say to the database whether a device has a delivery, by one step along the index of its deliveries."""
    sent = Delivery.objects.filter(device=OuterRef("pk")).order_by("-created_at")
    return IsNull(Subquery(sent.values("created_at")[:1]), False)


@login_required
@require_safe
def picture(request: HttpRequest, id: UUID) -> HttpResponse:
    """What the device gets, as people see it there."""
    delivery = delivery_of(request, id)
    try:
        seen = screens.see_delivery(delivery)
    except screens.NothingToSee as nothing:
        raise Http404 from nothing
    return picture_response(seen.data, seen.content_type, f"{delivery.device.code}-picture", _FOR_EVER)


@login_required
@require_POST
def cancel(request: HttpRequest, id: UUID) -> HttpResponse:
    """End a delivery that has not arrived."""
    delivery = delivery_of(request, id, Action.COMMAND)
    by = said("Cancelled by %(person)s.", person=request.user.get_username())
    if not deliveries.cancel(delivery, by):
        return _refuse(request, delivery, _("This delivery has already ended."))
    return _done(request, delivery)


@login_required
@require_POST
def again(request: HttpRequest, id: UUID) -> HttpResponse:
    """Send the same picture once more."""
    delivery = delivery_of(request, id, Action.COMMAND)
    try:
        return _done(request, deliveries.again(delivery, request.user))
    except CannotDeliver as refusal:
        return _refuse(request, delivery, refusal.sentence)


def _done(request: HttpRequest, delivery: Delivery) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"id": str(delivery.pk), "state": delivery.state})
    return redirect(_back(request, delivery))


def _refuse(request: HttpRequest, delivery: Delivery, sentence: str) -> HttpResponse:
    if wants_json(request):
        return refuse(409, "conflict", sentence)
    messages.warning(request, sentence)
    return redirect(_back(request, delivery))


def _back(request: HttpRequest, delivery: Delivery) -> str:
    if request.POST.get("next") or request.headers.get("Referer"):
        return next_page(request, delivery.device)
    return reverse("devices:show", args=[delivery.device.code])
