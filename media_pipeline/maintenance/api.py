"""Deleting a picture, as the API does it."""

# One path, one router: the framework answers 405 for a method that stands in another.
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Status

from devices.access.rights import Action
from media_pipeline.captures.api import capture_of, router
from photohub.lib.pages.api import ApiError

from . import deleting


@router.delete("/captures/{id}", response={204: None}, summary="Delete a picture")
def delete_capture(request: HttpRequest, id: UUID):
    """For owners. Its file, thumbnail and mirror copy go too. 409 `kept` when it is kept: unkeep it first."""
    capture = capture_of(request, id, Action.MANAGE)
    if deleting.delete_captures(request.user, [capture]).kept:
        raise ApiError(409, "kept", _("This picture is kept. Set “kept” to false before deleting it."))
    return Status(204, None)
