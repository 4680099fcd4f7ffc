"""The management API of playlists: what a panel shows in turn."""

from typing import Annotated
from uuid import UUID

from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from devices.access.rights import Action
from devices.panels.sources.sources import SourceAway, UnknownSource, read_source
from devices.registry.finding import device_of
from devices.registry.models import Device
from photohub.lib.pages.api import ApiError, Body, CodeOf, Text

from . import turns as playlists
from .models import PlaylistItem
from .turns import Entry

router = Router()


class PlaylistItemOut(Schema):
    """One picture of a playlist: the newest of a camera, or a lasting one."""

    id: UUID
    camera: CodeOf | None = Field(
        description="Code of the camera whose newest picture is shown; with `picture` null too: one that you may not see"
    )
    picture: str | None = Field(description="SHA-256 of a lasting picture")
    label: str
    caption: str

    @staticmethod
    def resolve_picture(item: PlaylistItem) -> str | None:
        return item.original_sha256 or None


class PlaylistOut(Schema):
    """What a panel shows in turn."""

    items: list[PlaylistItemOut]
    position: int = Field(description="Whose turn it is, from 0")


class PlaylistEntry(Body):
    """One line; exactly one of `id`, `camera` and `capture`."""

    id: Annotated[str, Field(max_length=40)] = Field("", description="An item that is there, to be kept")
    camera: Annotated[Text, Field(max_length=32)] = Field("", description="Code of a camera")
    capture: Annotated[Text, Field(max_length=40)] = Field("", description="Id of a picture; it is copied")
    label: Annotated[Text, Field(max_length=200)] = ""
    caption: Annotated[Text, Field(max_length=200)] = ""


class NewPlaylist(Body):
    """The whole playlist, in order."""

    items: Annotated[list[PlaylistEntry], Field(max_length=playlists.ITEMS_AT_MOST)]


@router.get("/devices/{code}/playlist", response=PlaylistOut, summary="Read a panel's playlist")
def read_playlist(request: HttpRequest, code: str):
    return _playlist_of(request, device_of(request, code))


@router.put("/devices/{code}/playlist", response=PlaylistOut, summary="Replace a panel's playlist")
def replace_playlist(request: HttpRequest, code: str, new: NewPlaylist):
    """For operators. An empty list ends it. Items that are kept are named by their `id`."""
    device = device_of(request, code, Action.COMMAND)
    known = {str(item.pk): item for item in playlists.items_of(device)}
    entries = [_entry_of(request, entry, known, f"items.{at}") for at, entry in enumerate(new.items)]
    ids = [entry.id for entry in new.items if entry.id]
    if len(ids) != len(set(ids)):
        raise ApiError(422, "invalid", _("A stored item can be in the playlist only once."))
    playlists.replace(device, entries, request.user)
    return _playlist_of(request, device)


def _playlist_of(request: HttpRequest, device: Device) -> dict:
    items = playlists.tell_items(device, request.user)
    index = device.panel.playlist_index if hasattr(device, "panel") else 0
    return {"items": items, "position": index % len(items) if items else 0}


def _camera_of(request: HttpRequest, code: str) -> Device:
    # Whoever may see it may name it, also by a token that only commands.
    camera = Device.objects.visible_to(request.user).filter(code=code).first()
    if camera is None:
        raise Http404
    return camera


def _entry_of(request: HttpRequest, entry: PlaylistEntry, known: dict[str, PlaylistItem], at: str) -> Entry:
    if sum(map(bool, (entry.id, entry.camera, entry.capture))) != 1:
        sentence = _("Name one: the id of an item, a camera, or a capture.")
        raise ApiError(422, "invalid", sentence, {at: sentence})
    if entry.camera:
        return Entry(camera=_camera_of(request, entry.camera), caption=entry.caption)
    if entry.id:
        item = known.get(entry.id)
        if item is None:
            sentence = _("There is no such item in this playlist.")
            raise ApiError(404, "not_found", sentence, {f"{at}.id": sentence})
        return Entry(item=item, label=entry.label, caption=entry.caption)
    try:
        found = read_source(request.user, entry.capture)
    except SourceAway as error:
        raise ApiError(503, "away", str(error.said)) from error
    except UnknownSource as error:
        sentence = str(error.said)
        raise ApiError(404, "not_found", sentence, {f"{at}.capture": sentence}) from error
    return Entry(picture=found.picture, label=entry.label or found.reference, caption=entry.caption)
