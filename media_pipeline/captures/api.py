"""The management API of pictures: asking for one, finding, labelling and deleting them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections, transaction
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from pydantic import Field

from devices.access.rights import Action, require
from devices.commands import queue as commands
from devices.commands.api import CommandOut
from devices.commands.models import Command
from devices.registry.finding import device_of
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.mirror.stores import MirrorError, open_mirror
from photohub.lib.database.waiting import wait_for_end
from photohub.lib.network.site import base_url
from photohub.lib.pages.api import ApiError, Body, Changes, CodeOf, Text

from . import finding, labels, wording
from .finding import link_of
from .models import Capture
from .reading import why_away

router = Router()

SIGNED_URL_S = 600
TagName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00,，、]*$")]


class MirrorOut(Schema):
    """The picture's copy in object storage."""

    state: Literal["off", "pending", "uploading", "mirrored", "blocked", "failed"]
    key: str
    url: str | None = Field(description="Address of the copy, where the storage has addresses; may expire")
    attempts: int
    error: str = Field(description="Why there is no copy yet, for people, in the language of Accept-Language")
    error_word: str = Field(description="The same for programs; does not change with the language")
    mirrored_at: datetime | None

    @staticmethod
    def resolve_error(mirror: OSSObject) -> str:
        return mirror.error_text

    @staticmethod
    def resolve_url(mirror: OSSObject) -> str | None:
        return url_of_copy(mirror)


class CaptureOut(Schema):
    """One picture that a device sent. Its bytes never change."""

    id: UUID
    code: str = Field(description="The word of its short link, /p/<code>")
    device: CodeOf
    name: str
    source: Literal["http", "mqtt", "tcp", "pull", "manual"]
    sha256: str
    size_bytes: int
    width: int | None
    height: int | None
    content_type: str
    flags: list[str] = Field(description="What is odd about it: truncated, trailing, transport, clock")
    fault: Literal["cut_short", "grey_band", "black", "blown_out", "blurred"] | None = Field(
        description="What is wrong with the picture, seen when its preview was made; null: nothing, or not seen yet"
    )
    fault_reason: str = Field(
        description="What that is and its likely cause, for people, in the language of Accept-Language"
    )
    fault_values: dict[str, int | float] = Field(
        description="The figures behind it: lost_percent, brightness, white_percent or sharpness"
    )
    freshness: Literal["fresh", "same", "unlike"] | None = Field(
        description="Of a picture that was asked for: fresh; same: the bytes of the picture before it, so it was asked "
        "for once more; unlike: of another size than the camera's answer before. null: nobody asked for it"
    )
    second_try: UUID | None = Field(
        description="The command that asked once more, where the bytes were the same"
    )
    captured_at: datetime | None = Field(description="By the device's own clock")
    received_at: datetime
    published_at: datetime | None
    url: str = Field(description="The short link, for whoever has it")
    link_revoked_at: datetime | None = Field(description="Since when the short link is withdrawn")
    link_works: bool = Field(description="Whether the short link shows the picture now")
    file_url: str = Field(description="The original, for whoever may see it")
    thumbnail_url: str
    away: str = Field(
        description="Where a hub has several machines: on which silent one the only file is, for people, in the language "
        "of Accept-Language; empty: it can be fetched, or is missing"
    )
    mirror: MirrorOut | None
    command: UUID | None = Field(description="The command that asked for it")
    kept: bool
    note: str
    tags: list[str]
    telemetry: dict[str, str | int | float | bool | None]

    @staticmethod
    def resolve_command(capture: Capture) -> UUID | None:
        return capture.command_id

    @staticmethod
    def resolve_fault(capture: Capture) -> str | None:
        fault = wording.fault_of(capture)
        return fault.word if fault else None

    @staticmethod
    def resolve_fault_reason(capture: Capture) -> str:
        fault = wording.fault_of(capture)
        return fault.sentence if fault else ""

    @staticmethod
    def resolve_fault_values(capture: Capture) -> dict:
        return capture.fault_values or {}

    @staticmethod
    def resolve_second_try(capture: Capture) -> UUID | None:
        again = getattr(capture.command, "second_try", None)
        return again.pk if again else None

    @staticmethod
    def resolve_url(capture: Capture) -> str:
        return link_of(capture)

    @staticmethod
    def resolve_link_works(capture: Capture) -> bool:
        return finding.has_lasting_link(capture)

    @staticmethod
    def resolve_file_url(capture: Capture) -> str:
        return f"{base_url()}/captures/{capture.pk}/original"

    @staticmethod
    def resolve_thumbnail_url(capture: Capture) -> str:
        return f"{base_url()}/captures/{capture.pk}/thumb"

    @staticmethod
    def resolve_away(capture: Capture) -> str:
        return str(why_away(capture) or "")

    @staticmethod
    def resolve_mirror(capture: Capture) -> OSSObject | None:
        return getattr(capture, "mirror", None)

    @staticmethod
    def resolve_tags(capture: Capture) -> list[str]:
        return sorted(tag.name for tag in capture.tags.all())


class CaptureChanges(Changes):
    """What can be changed of a picture. What is left out stays as it is; `tags` replaces all tags."""

    kept: bool = Field(False, description="Kept pictures are not deleted, neither by hand nor by age")
    note: Annotated[Text, Field(max_length=labels.NOTE_AT_MOST)] = ""
    tags: Annotated[list[TagName], Field(max_length=labels.TAGS_AT_MOST)] = []


class Order(Body):
    """How a picture is asked for."""

    name: Annotated[Text, Field(max_length=49)] = Field("", description="Wish for the beginning of its name")
    wait: Annotated[float, Field(ge=0, le=30)] = Field(0, description="Seconds to wait for the picture")
    timeout: Annotated[int, Field(ge=1, le=600)] | None = Field(
        None,
        description="Seconds after which an unreachable device is not asked any more; null: its own setting",
    )


def url_of_copy(mirror: OSSObject) -> str | None:
    """Return where the storage itself serves the copy: signed unless strangers may read the bucket."""
    if mirror.state != MirrorState.MIRRORED:
        return None
    try:
        store = open_mirror(settings)
        if store is None:
            return None
        if settings.PHOTOHUB_LINKS == "public":
            return store.public_url(mirror.key)
        return store.signed_url(mirror.key, SIGNED_URL_S)
    except MirrorError:
        return None


def captures_of(request: HttpRequest):
    return finding.with_all_parts(Capture.objects.visible_to(request.user)).prefetch_related("tags")


def capture_of(request: HttpRequest, id: UUID, action: Action = Action.LOOK) -> Capture:
    """Fetch and authorise: a stranger gets 404, somebody who may only look gets 403."""
    capture = get_object_or_404(captures_of(request), pk=id)
    require(request.user, action, capture)
    return capture


@router.post("/devices/{code}/capture", response={200: CaptureOut, 202: CommandOut}, summary="Take a picture")
async def take_picture(request: HttpRequest, code: str, order: Order | None = None):
    """For operators. Answers 202 and the command; with `wait`, 200 and the picture as soon as it is here.

    When it did not come within `wait`, the answer is 202 and the command as it stands: still `queued` or
    `sent` (ask `commands/{id}` again), or ended as `failed`, `expired` or `cancelled` with the `reason`.
    409 `cannot_command` when the device is switched off or takes no commands.
    """
    order = order or Order()
    command = await sync_to_async(_ask)(request, code, order)
    if order.wait:
        # Hundreds may wait at once: none of them holds a database connection meanwhile.
        await sync_to_async(close_old_connections)()
        await wait_for_end(command.pk, order.wait, Command)
    return await sync_to_async(_outcome)(request, command.pk)


def _ask(request: HttpRequest, code: str, order: Order) -> Command:
    device = device_of(request, code, Action.COMMAND)
    try:
        return commands.capture(device, name=order.name, user=request.user, timeout_s=order.timeout)
    except commands.CannotCommand as error:
        raise ApiError(409, "cannot_command", str(error)) from error


def _outcome(request: HttpRequest, command_id: UUID) -> Status:
    # Shaped here, beside the loop: the shapes read related rows.
    capture = captures_of(request).filter(command=command_id).first()
    if capture is not None:
        return Status(200, CaptureOut.from_orm(capture, context={"request": request}))
    command = get_object_or_404(Command.objects.select_related("device"), pk=command_id)
    return Status(202, CommandOut.from_orm(command, context={"request": request}))


@router.get("/captures/{id}", response=CaptureOut, summary="Read a picture's facts")
def read_capture(request: HttpRequest, id: UUID):
    """The picture itself is at `file_url`, with the same token."""
    return capture_of(request, id)


@router.patch("/captures/{id}", response=CaptureOut, summary="Label a picture")
def patch_capture(request: HttpRequest, id: UUID, changes: CaptureChanges):
    """For operators."""
    capture = capture_of(request, id, Action.COMMAND)
    _label(capture, changes.model_dump(exclude_unset=True))
    return capture_of(request, id, Action.COMMAND)


@transaction.atomic
def _label(capture: Capture, values: dict) -> None:
    if "kept" in values:
        labels.set_kept([capture], values["kept"])
    if "note" in values or "tags" in values:
        tags = values.get("tags", CaptureOut.resolve_tags(capture))
        labels.save_labels(capture, values.get("note", capture.note), ",".join(tags))
