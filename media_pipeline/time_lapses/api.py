"""The management API of time-lapses."""

from datetime import datetime, tzinfo
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Field

from devices.access.rights import Action, require
from devices.registry.finding import device_of
from photohub.lib.network.site import base_url
from photohub.lib.pages.api import ApiError, Body, CodeOf, Cursor, Limit, Page, Text, page_of
from photohub.lib.pages.instants import BadFilter, read_instant
from photohub.lib.pages.timezones import hub_timezone

from . import queue as time_lapses
from .models import LapseState, TimeLapse

router = Router()


class TimeLapseOut(Schema):
    """A film of one device's pictures, ready or on its way."""

    id: UUID
    device: CodeOf
    state: Literal["queued", "working", "ready", "failed", "cancelled"]
    from_: datetime | None = Field(serialization_alias="from", description="null: from its first picture on")
    to: datetime | None = Field(description="Not counted in")
    captures: list[str] = Field(description="The chosen pictures, when it is not a time")
    step: int
    skip_like: bool
    fps: int
    width: int = Field(description="Pixels; the cameras' own width when that is less")
    height: int | None = Field(description="Known once it was begun")
    format: Literal["mp4"]
    stamped: bool
    frames_total: int
    frames_done: int = Field(description="Pictures checked so far")
    frames_skipped: int = Field(description="Of these missing or damaged, so not shown")
    frames_like: int = Field(description="Of these left out, as they look like the one before")
    size_bytes: int | None
    reason: str = Field(description="When failed: no_pictures, disk_full, no_encoder, gave_up")
    error: str = Field(description="The same in a sentence, in the language of Accept-Language")
    file_url: str | None = Field(description="The MP4, for whoever may see the device, when it is ready")
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="When it is deleted by itself")

    @staticmethod
    def resolve_from_(time_lapse: TimeLapse) -> datetime | None:
        return time_lapse.since

    @staticmethod
    def resolve_to(time_lapse: TimeLapse) -> datetime | None:
        return time_lapse.before

    @staticmethod
    def resolve_captures(time_lapse: TimeLapse) -> list[str]:
        return time_lapse.chosen

    @staticmethod
    def resolve_error(time_lapse: TimeLapse) -> str:
        return time_lapse.error_text

    @staticmethod
    def resolve_file_url(time_lapse: TimeLapse) -> str | None:
        return (
            f"{base_url()}/timelapses/{time_lapse.pk}/film.mp4"
            if time_lapse.state == LapseState.READY
            else None
        )


class TimeLapseOrder(Body):
    """Which pictures become a film, and how it runs. Either a time or `captures`."""

    device: Text
    from_: Annotated[Text, Field(max_length=40)] = Field(
        "", alias="from", description="A day (in `zone`) or an ISO 8601 time"
    )
    to: Annotated[Text, Field(max_length=40)] = Field(
        "", description="A day, counted in, or a time, not counted in"
    )
    captures: Annotated[
        list[Annotated[UUID, Field(strict=False)]], Field(max_length=time_lapses.CHOSEN_AT_MOST)
    ] = []
    step: int = Field(1, description="Only every so many-th picture")
    skip_like: bool = Field(False, description="Leave out pictures that look like the one shown before")
    fps: int = Field(10, description="Pictures a second, 1 to 60")
    width: int = Field(1280, description="At most so many pixels wide, 64 to 1920")
    stamped: bool = Field(False, description="Show the time on each picture")
    zone: Annotated[Text, Field(max_length=64)] = Field(
        "", description="Time zone of days and stamps, such as Asia/Shanghai; empty: the hub's"
    )


def films_of(request: HttpRequest):
    return TimeLapse.objects.visible_to(request.user).select_related("device")


def film_of(request: HttpRequest, id: UUID, action: Action = Action.LOOK) -> TimeLapse:
    """Fetch and authorise: a stranger gets 404, somebody who may only look gets 403."""
    time_lapse = get_object_or_404(films_of(request), pk=id)
    require(request.user, action, time_lapse)
    return time_lapse


def _zone(name: str) -> tzinfo:
    if not name:
        return hub_timezone()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        sentence = _("“%(zone)s” is no time zone. Write one like Asia/Shanghai.") % {"zone": name}
        raise ApiError(422, "invalid", sentence, {"zone": sentence}) from None


@router.post("/timelapses", response={202: TimeLapseOut}, summary="Make a time-lapse", by_alias=True)
def ask_for_film(request: HttpRequest, order: TimeLapseOrder):
    """For operators. Ask for it again by its id until it is `ready` or `failed`. At most 20,000 frames."""
    device = device_of(request, order.device, Action.COMMAND)
    zone = _zone(order.zone)
    query = {"from": order.from_, "to": order.to}
    try:
        since, before = read_instant(query, "from", zone), read_instant(query, "to", zone, whole_day=True)
    except BadFilter as error:
        raise ApiError(422, "invalid", str(error)) from error
    wish = time_lapses.Wish(
        device=device,
        since=since,
        before=before,
        chosen=tuple(str(id) for id in order.captures),
        step=order.step,
        skip_like=order.skip_like,
        fps=order.fps,
        width=order.width,
        stamped=order.stamped,
        zone=str(zone),
    )
    return Status(202, time_lapses.ask_for(wish, request.user))


@router.get("/timelapses", response=Page[TimeLapseOut], summary="List time-lapses", by_alias=True)
def list_films(request: HttpRequest, device: Text = "", limit: Limit = 100, cursor: Cursor = ""):
    """Newest first, only of devices that you may see."""
    rows = films_of(request)
    if device:
        rows = rows.filter(device__code=device)
    items, following = page_of(rows, "created_at", cursor, limit)
    return {"items": items, "next": following}


@router.get("/timelapses/{id}", response=TimeLapseOut, summary="Read a time-lapse", by_alias=True)
def read_film(request: HttpRequest, id: UUID):
    """The film itself is at `file_url`, with the same token."""
    return film_of(request, id)


@router.delete("/timelapses/{id}", response={204: None}, summary="Delete a time-lapse")
def delete_film(request: HttpRequest, id: UUID):
    """For operators. One that is being made is stopped. Its pictures stay."""
    time_lapses.delete(film_of(request, id, Action.COMMAND))
    return Status(204, None)
