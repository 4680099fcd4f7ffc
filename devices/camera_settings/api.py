"""The management API of camera settings, and the addresses that cameras ask with their own key."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema, Status
from pydantic import Field

from devices.access.rights import Action
from devices.keys.device_login import DEVICE_KEY
from devices.protocol import camera_settings as wire
from devices.registry import presence
from devices.registry.finding import device_of
from devices.registry.models import Device
from photohub.lib.pages.api import ApiError, Changes, CodeOf, Text, between

from . import queue
from .models import CameraSettings

router = Router()


class WishOut(Schema):
    """What a camera should have."""

    version: int = Field(description="Grows with every change")
    settings: dict[str, Any] = Field(
        description="Any of frame_size, quality (1 to 100 percent), led (off, on, auto), interval_s and sleep_s"
    )


class CameraSettingsOut(Schema):
    """What a camera should be, and what it says that it is."""

    device: CodeOf
    understood: bool = Field(description="Its program understands settings, by its own word or its owner's")
    version: int = Field(description="Number of the wish; grows with every change")
    desired: dict[str, Any] = Field(description="What was asked for; what is not there is left to the camera")
    state: Literal["none", "waiting", "sent", "applied", "refused", "unanswered"]
    wished_at: datetime | None
    reported: dict[str, Any] = Field(description="What the camera says that it has")
    reported_version: int | None = Field(description="The wish that it has taken up, by its own word")
    reported_at: datetime | None
    refused: dict[str, str] = Field(description="What of the wish it did not take, each with its reason")
    can: list[str] = Field(description="Which settings it says that it has; empty: it did not say")
    restart: Literal["none", "waiting", "sent", "done", "expired"]
    restart_at: datetime | None = Field(description="When the last restart was asked for")

    @staticmethod
    def resolve_understood(row: CameraSettings) -> bool:
        return row.is_understood

    @staticmethod
    def resolve_state(row: CameraSettings) -> str:
        return row.wish_state

    @staticmethod
    def resolve_wished_at(row: CameraSettings) -> datetime | None:
        return row.wished_at if row.version else None

    @staticmethod
    def resolve_can(row: CameraSettings) -> list[str]:
        return row.known

    @staticmethod
    def resolve_restart(row: CameraSettings) -> str:
        return row.restart_state

    @staticmethod
    def resolve_restart_at(row: CameraSettings) -> datetime | None:
        return row.restart_at if row.restart_name else None


class CameraSettingsChanges(Changes):
    """What to wish of a camera. What is left out stays as it is; null takes a wish back."""

    understood: bool = Field(False, description="Its owner says that its program understands settings")
    frame_size: Annotated[Text, Field(max_length=12)] | None = Field(
        None, description="A name like SVGA, or width and height like 800x600"
    )
    quality: Annotated[int, between(wire.NUMBERS["quality"])] | None = None
    led: Literal["off", "on", "auto"] | None = None
    interval_s: Annotated[int, between(wire.NUMBERS["interval_s"])] | None = None
    sleep_s: Annotated[int, between(wire.NUMBERS["sleep_s"])] | None = None


@router.get(
    "/devices/{code}/camera-settings", response=CameraSettingsOut, summary="Read what a camera should be"
)
def read_camera_settings(request: HttpRequest, code: str):
    return queue.read(device_of(request, code))


@router.patch(
    "/devices/{code}/camera-settings", response=CameraSettingsOut, summary="Change what a camera should be"
)
def change_camera_settings(request: HttpRequest, code: str, changes: CameraSettingsChanges):
    """For owners. 409 `conflict`: its program has not said that it understands settings, and its owner has not either."""
    device = device_of(request, code, Action.MANAGE)
    values = changes.model_dump(exclude_unset=True)
    if (understood := values.pop("understood", None)) is not None:
        queue.vouch(device, understood, request.user)
    if values:
        try:
            queue.wish(device, values, request.user)
        except queue.CannotSet as refusal:
            raise ApiError(409, "conflict", str(refusal)) from refusal
    return queue.read(device)


@router.post(
    "/devices/{code}/restart", response={202: CameraSettingsOut}, summary="Have a camera start again"
)
def restart_camera(request: HttpRequest, code: str):
    """For operators. It is told once, and `restart` is `done` when the camera says that it started again."""
    device = device_of(request, code, Action.COMMAND)
    try:
        return Status(202, queue.restart(device, request.user))
    except queue.CannotSet as refusal:
        raise ApiError(409, "conflict", str(refusal)) from refusal


Version = Annotated[int, Query(ge=0, le=2**31 - 1, description="The wish that the camera has taken up")]


@router.get(
    "/device/settings",
    response={200: WishOut, 204: None},
    auth=DEVICE_KEY,
    summary="Ask what to be, as a camera",
)
def read_wish(request: HttpRequest, version: Version = 0):
    """With the device's own key. 204: nothing but what `version` names."""
    # Ninja puts there what `authenticate` returned.
    # pyrefly: ignore[missing-attribute]
    device: Device = request.auth
    presence.heard(device)
    row = queue.read(device)
    if row.version == version or not row.version:
        return Status(204, None)
    queue.note_told(row)
    return {"version": row.version, "settings": row.desired}


_REPORT = {
    "requestBody": {
        "required": True,
        "description": "`version`, `settings`, `refused`, `can` and `restarted`; any of them",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@router.post(
    "/device/settings",
    response={204: None},
    auth=DEVICE_KEY,
    openapi_extra=_REPORT,
    summary="Say what it is, as a camera",
)
def report_settings(request: HttpRequest):
    """With the device's own key. Read tolerantly: settings that there are not, and values that cannot be, are passed over."""
    # pyrefly: ignore[missing-attribute]
    device: Device = request.auth
    presence.heard(device)
    report = wire.read_report(request.body)
    if report is None:
        sentence = _("Send a JSON object of at most %(limit)s bytes.") % {"limit": wire.MAX_BYTES}
        raise ApiError(422, "invalid", sentence)
    queue.note_report(device, report)
    return Status(204, None)
