"""Finding a device for somebody: the first line of every view and API operation."""

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from devices.access.rights import Action, require
from devices.protocol.topics import valid_code

from .models import Device


def get_device(user, code: str, action: Action = Action.LOOK) -> Device:
    """Fetch a device and authorise: a stranger gets 404, somebody who may only look gets 403.

    A word that cannot be a code is simply unknown.
    """
    if not valid_code(code):
        raise Http404
    device = get_object_or_404(Device.objects.visible_to(user), code=code)
    require(user, action, device)
    return device


def device_of(request: HttpRequest, code: str, action: Action = Action.LOOK) -> Device:
    """Fetch and authorise as `get_device`, for whoever asks."""
    return get_device(request.user, code, action)
