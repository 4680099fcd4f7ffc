"""Keeping a frame of a stream, as the API does it."""

from django.http import HttpRequest
from ninja import Router, Schema, Status

from devices.access.rights import Action
from devices.registry.finding import device_of
from photohub.lib.pages.api import ApiError

from .keeping import KEEP_WITHIN_S, CannotKeep, keep_next

router = Router()


class KeepOut(Schema):
    """A frame will be kept when the next one comes within so many seconds."""

    device: str
    within_s: int


@router.post("/devices/{code}/keep", response={202: KeepOut}, summary="Keep the stream's next frame")
def keep_frame(request: HttpRequest, code: str):
    """For operators. The picture appears as a capture. 409 `cannot_keep` when nothing streams."""
    device = device_of(request, code, Action.COMMAND)
    try:
        keep_next(device)
    except CannotKeep as error:
        raise ApiError(409, "cannot_keep", str(error)) from error
    return Status(202, {"device": device.code, "within_s": KEEP_WITHIN_S})
