"""Sharing with people without an account, as the API does it."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Router, Schema, Status
from pydantic import AwareDatetime, Field

from devices.access.rights import Action, can
from devices.registry.finding import device_of
from media_pipeline.captures.finding import with_parts
from media_pipeline.captures.models import Capture
from photohub.lib.pages.api import Body, CodeOf, Cursor, Limit, Page, Text, page_of, refusal_of

from . import sharing
from .models import ShareLink

router = Router()


class ShareOut(Schema):
    """A link for people without an account."""

    code: str
    url: str = Field(description="The address to hand out")
    kind: Literal["picture", "selection", "day", "live"]
    device: CodeOf | None = Field(description="Whose it is; null: pictures of several devices")
    since: datetime | None = Field(description="Of `day`: pictures from this time on")
    before: datetime | None = Field(description="Of `day`: pictures before this time")
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None = Field(description="null: without end")
    revoked_at: datetime | None
    has_password: bool
    opened: int = Field(description="How often it was opened")
    opened_at: datetime | None

    @staticmethod
    def resolve_url(link: ShareLink) -> str:
        return sharing.url_of(link)

    @staticmethod
    def resolve_created_by(link: ShareLink) -> str | None:
        return link.created_by.get_username() if link.created_by else None

    @staticmethod
    def resolve_has_password(link: ShareLink) -> bool:
        return bool(link.password)


class NewShare(Body):
    """What to share: `captures`, or a `device`: its pictures from `since` up to `before`, else its live view."""

    captures: Annotated[list[str], Field(max_length=sharing.PICTURES_AT_MOST)] = Field(
        [], description="Ids of pictures"
    )
    device: Annotated[Text, Field(max_length=32)] = ""
    since: Annotated[AwareDatetime, Field(strict=False)] | None = None
    before: Annotated[AwareDatetime, Field(strict=False)] | None = Field(
        None, description="At most 31 days after `since`"
    )
    hours: Annotated[int, Field(ge=0, le=87600)] = Field(24, description="How long it works; 0: without end")
    password: Annotated[Text, Field(max_length=sharing.PASSWORD_AT_MOST)] = ""


@router.get("/shares", response=Page[ShareOut], summary="List shared links")
def list_shares(request: HttpRequest, limit: Limit = 100, cursor: Cursor = ""):
    """Your own, the newest first."""
    rows = ShareLink.objects.filter(created_by=request.user).select_related("device", "created_by")
    items, following = page_of(rows, "created_at", cursor, limit)
    return {"items": items, "next": following}


@router.post("/shares", response={201: ShareOut}, summary="Share something by a link")
def add_share(request: HttpRequest, wanted: NewShare):
    """For operators of its devices. Whoever has the link needs no account."""
    wish = _wish_of(request, wanted)
    expires_at = timezone.now() + timedelta(hours=wanted.hours) if wanted.hours else None
    try:
        return Status(201, sharing.share(wish, request.user, expires_at, wanted.password))
    except ValidationError as error:
        raise refusal_of(error) from error


@router.delete("/shares/{code}", response={204: None}, summary="Withdraw a shared link")
def revoke_share(request: HttpRequest, code: str):
    """For whoever made it, and operators of its device. It ends at once, a live view within 10 s."""
    link = get_object_or_404(ShareLink.objects.visible_to(request.user).select_related("device"), code=code)
    if not sharing.may_revoke(request.user, link):
        raise PermissionDenied
    sharing.revoke_share(link, request.user)
    return Status(204, None)


def _wish_of(request: HttpRequest, wanted: NewShare) -> sharing.Wish:
    if wanted.device:
        device = device_of(request, wanted.device, Action.COMMAND)
        return sharing.Wish(device=device, since=wanted.since, before=wanted.before)
    if not can(request.user, Action.COMMAND):
        raise PermissionDenied
    ids = [_id_of(text) for text in wanted.captures]
    found = {c.pk: c for c in with_parts(Capture.objects.visible_to(request.user)).filter(pk__in=ids)}
    if len(found) < len(set(ids)):
        raise Http404
    if not all(can(request.user, Action.COMMAND, c.device) for c in found.values()):
        raise PermissionDenied
    return sharing.Wish(captures=tuple(found.values()))


def _id_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error
