"""Deleting pictures and taking them back, as the API does it."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema, Status
from pydantic import Field

from devices.access.rights import Action, can, require_owner
from media_pipeline.captures.api import CaptureOut, capture_of
from media_pipeline.captures.api import router as captures
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import deleting
from photohub.lib.pages.api import ApiError, Cursor, Limit, Page, page_of

from . import emptying, moving

router = Router()


class TrashedOut(CaptureOut):
    """A picture in the trash."""

    trashed_at: datetime
    trashed_by: str | None = Field(description="User name of who deleted it")

    @staticmethod
    def resolve_trashed_by(capture: Capture) -> str | None:
        return capture.trashed_by.get_username() if capture.trashed_by else None


class EmptyingOut(Schema):
    """How many pictures are on their way out."""

    count: int


# One path, one router: the framework answers 405 for a method that stands in another.
@captures.delete("/captures/{id}", response={204: None}, summary="Delete a picture")
def delete_capture(
    request: HttpRequest,
    id: UUID,
    # Ninja's own way of saying a parameter; its types name only the form with brackets.
    # pyrefly: ignore[not-callable]
    permanent: bool = Query(False, description="Do not keep it in the trash; for owners"),
):
    """For operators. It goes to the trash, from where it can be restored for PHOTOHUB_TRASH_DAYS.

    With `permanent`, or without a trash (0 days), for owners: file, preview and mirror copy go for good, also of one
    that is in the trash. 409 `kept` when it is kept: unkeep it first.
    """
    if permanent or not settings.TRASH_DAYS:
        capture = _any_capture_of(request, id, Action.MANAGE)
        kept = deleting.delete_captures(request.user, [capture]).kept
    else:
        kept = moving.move_to_trash(request.user, [capture_of(request, id, Action.COMMAND)]).kept
    if kept:
        raise ApiError(409, "kept", _("This picture is kept. Set “kept” to false before deleting it."))
    return Status(204, None)


@captures.post("/captures/{id}/restore", response=CaptureOut, summary="Restore a picture from the trash")
def restore_capture(request: HttpRequest, id: UUID):
    """For operators. One that is not in the trash stays as it is."""
    moving.restore(request.user, [_any_capture_of(request, id, Action.COMMAND)])
    return capture_of(request, id, Action.COMMAND)


@router.get("/trash", response=Page[TrashedOut], summary="List the trash")
def list_trash(request: HttpRequest, limit: Limit = 100, cursor: Cursor = ""):
    """For operators: what was deleted of the devices that they may command, the last first."""
    if not can(request.user, Action.COMMAND):
        raise PermissionDenied
    rows = moving.trash_of(request.user).prefetch_related("tags")
    items, following = page_of(rows, "trashed_at", cursor, limit)
    return {"items": items, "next": following}


@router.delete("/trash", response={202: EmptyingOut}, summary="Empty the trash")
def empty_trash(request: HttpRequest):
    """For owners. All that is in it now is deleted for good, a little at a time."""
    require_owner(request)
    return Status(202, {"count": emptying.ask_to_empty(request.user)})


def _any_capture_of(request: HttpRequest, id: UUID, action: Action) -> Capture:
    """Fetch and authorise like `capture_of`, also a picture in the trash."""
    rows = Capture.everything.visible_to(request.user).select_related("device")
    capture = get_object_or_404(rows, pk=id)
    if not can(request.user, action, capture.device):
        raise PermissionDenied
    return capture
