"""Commands as the API shows them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from devices.access.rights import Action, person_asking, require
from devices.registry.finding import device_of
from photohub.lib.pages.api import ApiError, CodeOf, Cursor, Limit, Page, page_of
from photohub.lib.pages.sentences import said

from . import queue as commands
from .models import Command
from .wording import name_shown

router = Router()


class CommandOut(Schema):
    """One order to take a picture."""

    id: UUID
    device: CodeOf
    name: str = Field(
        description="The picture's name, issued by the hub; empty for whoever may only look, until the command ends"
    )
    state: Literal["queued", "sent", "uploaded", "failed", "expired", "cancelled"]
    reason: str = Field(
        description="Why it failed or expired, for people, in the language of Accept-Language"
    )
    reason_word: str = Field(
        description="The same for programs: camera_said, not_sendable, no_picture, not_listening, broker_away, "
        "never_connected, offline, not_awake or cancelled; empty for one that has not ended, or that an older hub ended"
    )
    created_at: datetime
    sent_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    capture: UUID | None = Field(description="The picture that answered it")
    again_of: UUID | None = Field(
        description="The command that was answered with the same bytes as before, for which this is the second try"
    )

    @staticmethod
    def resolve_again_of(command: Command) -> UUID | None:
        return command.again_of_id

    @staticmethod
    def resolve_reason(command: Command) -> str:
        return command.reason_text

    @staticmethod
    def resolve_name(command: Command, context: dict | None) -> str:
        return name_shown(person_asking(context), command)

    @staticmethod
    def resolve_capture(command: Command) -> UUID | None:
        capture = getattr(command, "capture", None)
        # One in the trash is shown nowhere.
        return capture.pk if capture and capture.trashed_at is None else None


@router.get("/devices/{code}/commands", response=Page[CommandOut], summary="List a device's commands")
def list_commands(request: HttpRequest, code: str, limit: Limit = 100, cursor: Cursor = ""):
    """Newest first."""
    device = device_of(request, code)
    rows = device.commands.select_related("device", "capture")
    items, following = page_of(rows, "created_at", cursor, limit)
    return {"items": items, "next": following}


@router.get("/commands/{id}", response=CommandOut, summary="Read a command")
def read_command(request: HttpRequest, id: UUID):
    return _command_of(request, id)


@router.post("/commands/{id}/cancel", response=CommandOut, summary="Cancel a command")
def cancel_command(request: HttpRequest, id: UUID):
    """For operators. 409 `conflict` when it had already ended. A picture on its way is stored anyway."""
    command = _command_of(request, id)
    require(request.user, Action.COMMAND, command)
    if not commands.cancel(command, said("Cancelled by %(person)s.", person=request.user.get_username())):
        raise ApiError(409, "conflict", _("This command has already ended."))
    return _command_of(request, id)


def _command_of(request: HttpRequest, id: UUID) -> Command:
    rows = Command.objects.visible_to(request.user).select_related("device", "capture")
    return get_object_or_404(rows, pk=id)
