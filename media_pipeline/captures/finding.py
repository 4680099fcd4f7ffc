"""Fetching a picture for somebody: the first line of every view of pictures."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from devices.access.rights import Action, can
from media_pipeline.history.query import with_parts
from media_pipeline.models import Capture


def get_capture(user, id: UUID, action: Action = Action.LOOK) -> Capture:
    """Fetch a picture and authorise: a stranger gets 404, somebody who may only look gets 403."""
    capture = get_object_or_404(with_parts(Capture.objects.visible_to(user)), pk=id)
    if not can(user, action, capture.device):
        raise PermissionDenied
    return capture


def way_back(request: HttpRequest, otherwise: str = "history") -> str:
    """Return the page that a form asks to return to, if it is one of ours."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return wanted
    return reverse(otherwise)
