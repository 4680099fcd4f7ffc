"""The management API of pictures on their way to devices."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import File, Form, Router, Schema, Status, UploadedFile
from pydantic import Field, ValidationError

from devices.access.rights import Action
from devices.panels.sources import fetching
from devices.panels.sources.sources import SourceAway, UnknownSource, read_source
from devices.registry.finding import device_of
from devices.registry.models import Device
from photohub.lib.http.refusals import field_errors
from photohub.lib.pages.api import ApiError, Body, CodeOf, Cursor, Limit, Page, Text, page_of
from photohub.lib.pages.sentences import said

from . import disclosure as deliveries_disclosure
from . import queue as deliveries
from .disclosure import delivery_of
from .models import Delivery, PictureOrigin
from .queue import CannotDeliver, Wish
from .wording import reason_of

router = Router()

_STATUS = {"unknown_render": 422, "empty_body": 422, "busy": 429}


class DeliveryOut(Schema):
    """One picture on its way to a device."""

    id: UUID
    device: CodeOf
    state: Literal["queued", "sending", "delivered", "failed", "cancelled"]
    way: Literal["packets", "pull"] = Field(description="Sent in packets, or fetched by the panel")
    packets_total: int = Field(description="0 until the picture is rendered, and for panels that fetch")
    packets_acked: int
    packets_resent: int
    reason: str = Field(description="Why it failed, for people, in the language of Accept-Language")
    reason_word: str = Field(description="The same for programs")
    size_bytes: int
    sha256: str = Field(description="Of the bytes that the device gets; empty until they are made")
    content_type: str
    render: str
    origin: Literal["capture", "upload", "url"]
    origin_ref: str = Field(
        description="The picture's id, the file's name, or the address. Like `caption` and `cause` empty for a "
        "picture that you may not see; addresses are without login and query for whoever may only look"
    )
    caption: str
    cause: str = Field(description="The rule that asked for it")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @staticmethod
    def resolve_reason(delivery: Delivery) -> str:
        return reason_of(delivery)

    @staticmethod
    def resolve_render(delivery: Delivery) -> str:
        return delivery.render_name


class NewDelivery(Body):
    """Which picture to show; exactly one of `capture` and `url`. A file goes as multipart/form-data instead."""

    capture: Annotated[Text, Field(max_length=40, description="A picture's id")] = ""
    url: Annotated[Text, Field(max_length=500, description="http or https, where the hub may fetch")] = ""
    render: Annotated[Text, Field(max_length=40)] = Field(
        "", description="A render profile's name; `none`: the bytes as they are; empty: the panel's own"
    )
    caption: Annotated[Text, Field(max_length=200)] = ""


def refusal_of_delivery(refusal: CannotDeliver) -> ApiError:
    """Say to a program why a device gets no picture."""
    return ApiError(_STATUS.get(refusal.word, 409), refusal.word, refusal.sentence)


@router.post(
    "/devices/{code}/deliveries",
    response={202: DeliveryOut},
    summary="Show a picture on a device",
    openapi_extra={
        "requestBody": {
            "content": {"application/json": {"schema": NewDelivery.model_json_schema()}},
            # Nothing at all is answered with 422; openapi-python-client can write two forms only so.
            "required": False,
        },
        "x-refusals": ["429"],
    },
)
def create_delivery(
    request: HttpRequest,
    code: str,
    file: Annotated[UploadedFile | None, File()] = None,
    render: Annotated[str, Form(max_length=40)] = "",
    caption: Annotated[str, Form(max_length=200)] = "",
    capture: Annotated[str, Form(max_length=40)] = "",
    url: Annotated[str, Form(max_length=500)] = "",
):
    """For operators. Send `multipart/form-data` with a part `file`, or JSON `{"capture": id}` or `{"url": address}`.

    409 `cannot_deliver` when the device takes no pictures. The answer comes before the picture is rendered.
    """
    device = device_of(request, code, Action.COMMAND)
    if (request.content_type or "").startswith("application/json"):
        asked = _read_json(request)
    else:
        asked = NewDelivery(capture=capture, url=url, render=render, caption=caption)
    deliveries.check(device, asked.render)
    delivery = deliveries.deliver(device, _wish_of(request, asked, file), request.user)
    return Status(202, _told(request, delivery))


def _read_json(request: HttpRequest) -> NewDelivery:
    try:
        return NewDelivery.model_validate_json(request.body)
    except ValidationError as error:
        fields = {
            ".".join(str(p) for p in e["loc"]) or "body": field_errors.say(dict(e)) for e in error.errors()
        }
        if any(e["type"] == "json_invalid" for e in error.errors()):
            raise ApiError(400, "bad_json", _("The body could not be read. Send JSON.")) from error
        sentence = " ".join(f"{name}: {message}." for name, message in fields.items())
        raise ApiError(422, "invalid", sentence, fields) from error


def _wish_of(request: HttpRequest, asked: NewDelivery, file: UploadedFile | None) -> Wish:
    given = [bool(file), bool(asked.capture), bool(asked.url)]
    if sum(given) != 1:
        raise ApiError(422, "invalid", _("Send one picture: a file, or the id of a capture, or an address."))
    how = {"render": asked.render, "caption": asked.caption}
    if file is not None:
        if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
            raise ApiError(413, "too_large", _("The picture is larger than the hub accepts."))
        return Wish(PictureOrigin.UPLOAD, file.name or "", picture=file.read(), **how)
    if asked.url:
        try:
            fetching.check_address(asked.url)
        except fetching.CannotFetch as refusal:
            raise ApiError(400, refusal.word, refusal.sentence, {"url": refusal.sentence}) from refusal
        return Wish(PictureOrigin.URL, asked.url, **how)
    return _wish_for_capture(request, asked.capture, how)


def _wish_for_capture(request: HttpRequest, capture: str, how: dict) -> Wish:
    try:
        found = read_source(request.user, capture)
    except SourceAway as error:
        raise ApiError(503, "away", str(error.said)) from error
    except UnknownSource as error:
        sentence = str(error.said)
        raise ApiError(404, "not_found", sentence, {"capture": sentence}) from error
    return Wish(PictureOrigin.CAPTURE, capture, picture=found.picture, stamp_at=found.taken_at, **how)


@router.get("/devices/{code}/deliveries", response=Page[DeliveryOut], summary="List a device's deliveries")
def list_deliveries(request: HttpRequest, code: str, limit: Limit = 100, cursor: Cursor = ""):
    """Newest first."""
    device: Device = device_of(request, code)
    items, following = page_of(device.deliveries.select_related("device"), "created_at", cursor, limit)
    return {"items": deliveries_disclosure.tell_origins(request.user, items), "next": following}


@router.get("/deliveries/{id}", response=DeliveryOut, summary="Read a delivery")
def read_delivery(request: HttpRequest, id: UUID):
    return _told(request, delivery_of(request, id))


def _told(request: HttpRequest, delivery: Delivery) -> Delivery:
    [told] = deliveries_disclosure.tell_origins(request.user, [delivery])
    return told


@router.post("/deliveries/{id}/cancel", response=DeliveryOut, summary="Cancel a delivery")
def cancel_delivery(request: HttpRequest, id: UUID):
    """For operators. 409 `conflict` when it had already ended."""
    delivery = delivery_of(request, id, Action.COMMAND)
    if not deliveries.cancel(delivery, said("Cancelled by %(person)s.", person=request.user.get_username())):
        raise ApiError(409, "conflict", _("This delivery has already ended."))
    return _told(request, delivery_of(request, id, Action.COMMAND))


@router.post("/deliveries/{id}/again", response={202: DeliveryOut}, summary="Send the same picture again")
def repeat_delivery(request: HttpRequest, id: UUID):
    """For operators. Makes a new delivery of the same picture, rendered the same way."""
    delivery = delivery_of(request, id, Action.COMMAND)
    return Status(202, _told(request, deliveries.again(delivery, request.user)))
