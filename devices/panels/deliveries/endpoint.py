"""`GET /image?url=…&device=…`: push a picture to a device and answer when the device has it, as a published program asks."""

import contextlib

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from devices.access.rights import Action, can
from devices.keys.tokens import bearer_of, user_of_token
from devices.panels.sources import fetching
from devices.registry.models import Device
from photohub.lib.database.db import in_thread
from photohub.lib.database.waiting import wait_for_end
from photohub.lib.http.answer import Refused
from photohub.lib.http.refusals.api_error import ApiError

from . import queue as deliveries
from .models import Delivery, DeliveryState, PictureOrigin
from .queue import CannotDeliver, Wish
from .wording import reason_of

# A picture of a few hundred packets to a slow device, and a device that has to be asked again.
WAIT_S = 90.0
_STATUS = {"url_not_allowed": 400, "not_image": 415, "too_large": 413, "too_many_pixels": 422}


@csrf_exempt
@never_cache
async def push_image(request: HttpRequest) -> JsonResponse:
    """Fetch, render, send, and answer `{"imageData":1}` once the device has acknowledged everything.

    An API token only: a GET that does something must not be open to a browser's session.
    """
    try:
        delivery = await in_thread(_begin, request)
        with contextlib.suppress(DatabaseError, InterfaceError):
            await wait_for_end(delivery.pk, WAIT_S, Delivery)
        return await in_thread(_outcome, delivery)
    except Refused as refused:
        return refused.answer(imageData=0)


def _begin(request: HttpRequest) -> Delivery:
    if request.method != "GET":
        raise Refused(405, "method", _("This address takes GET."))
    try:
        user = user_of_token(request, bearer_of(request) or "")
    except ApiError as refusal:
        raise Refused(refusal.status, refusal.word, refusal.sentence) from refusal
    if user is None:
        raise Refused(401, "auth", _("Send a live API token: Authorization: Bearer <token>."))
    request.user = user
    device = Device.objects.visible_to(user).filter(code=request.GET.get("device", "")).first()
    if device is None:
        raise Refused(
            404, "not_found", _("There is no such device, or you may not see it. Add device=<code>.")
        )
    if not can(user, Action.COMMAND, device):
        raise Refused(403, "forbidden", _("You can view this but not change it."))
    url = request.GET.get("url", "")
    try:
        fetching.check_address(url)
        wish = Wish(PictureOrigin.URL, url, render=request.GET.get("render", ""))
        return deliveries.deliver(device, wish, user)
    except fetching.CannotFetch as refusal:
        raise Refused(400, refusal.word, refusal.sentence) from refusal
    except CannotDeliver as refusal:
        raise Refused(409, refusal.word, refusal.sentence) from refusal


def _outcome(delivery: Delivery) -> JsonResponse:
    now = deliveries.find(delivery.pk)
    if now is None:
        raise Refused(410, "gone", _("The device was removed meanwhile."))
    if now.state == DeliveryState.DELIVERED:
        return JsonResponse({"imageData": 1, "id": str(now.pk)})
    if now.state in Delivery.OPEN:
        sentence = _(
            "The device does not have it yet; it is still being tried. Ask for the delivery's state."
        )
        raise Refused(504, "timeout", sentence)
    word = now.reason_word or str(now.state)
    raise Refused(_STATUS.get(word, 502), word, reason_of(now) or str(now.get_state_display()))
