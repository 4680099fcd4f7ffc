"""Fetching a picture for somebody: the first line of every view of pictures."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from devices.access.rights import Action, require
from devices.hub_settings import values
from devices.registry.models import LastingLinks
from photohub.lib.ids import read_id
from photohub.lib.network.site import base_url

from .models import Capture, CaptureQuerySet

_HALF_A_DAY = timedelta(hours=12)


def get_capture(user, id: UUID, action: Action = Action.LOOK) -> Capture:
    """Fetch a picture and authorise: a stranger gets 404, somebody who may only look gets 403."""
    capture = get_object_or_404(with_parts(Capture.objects.visible_to(user)), pk=id)
    require(user, action, capture.device)
    return capture


def way_back(request: HttpRequest, otherwise: str = "history") -> str:
    """Return the page that a form asks to return to, if it is one of ours."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return wanted
    return reverse(otherwise)


def pictures_of_run(user, text: str) -> CaptureQuerySet:
    """Return the pictures from one to another of the same camera, newest first; `text` is `cards.Tile.value`."""
    visible = Capture.objects.visible_to(user)
    newest, _bar, oldest = text.partition("_")
    ends = list(visible.filter(pk__in=[id for part in (newest, oldest) if (id := read_id(part))]))
    if not ends or len({capture.device_id for capture in ends}) != 1:
        return visible.none()
    times = [capture.received_at for capture in ends]
    rows = visible.filter(device=ends[0].device_id, received_at__gte=min(times), received_at__lte=max(times))
    return rows.order_by("-received_at", "-id")


def chosen_ids(user, texts: Sequence[str], at_most: int) -> list[UUID]:
    """Return the keys of selected pictures; a run that was selected stands for all of its pictures."""
    ids: dict[UUID, None] = {}
    for text in texts[:at_most]:
        if len(ids) >= at_most:
            break
        if "_" in text:
            ids.update(dict.fromkeys(pictures_of_run(user, text).values_list("pk", flat=True)[:at_most]))
        elif id := read_id(text):
            ids[id] = None
    return list(ids)[:at_most]


def with_parts(rows: CaptureQuerySet) -> CaptureQuerySet:
    """Fetch along what every view of a picture shows."""
    return rows.select_related("device", "command", "mirror")


def with_all_parts(rows: CaptureQuerySet) -> CaptureQuerySet:
    """Fetch along what programs are told as well."""
    return with_parts(rows).select_related("command__second_try")


def neighbours_of(capture: Capture) -> tuple[Capture | None, Capture | None]:
    """Return the pictures of the same device just before and just after this one."""
    rows = with_parts(Capture.objects.filter(device=capture.device_id))
    at, id_ = capture.received_at, capture.pk
    older = rows.filter(Q(received_at__lt=at) | Q(id__lt=id_), received_at__lte=at)
    newer = rows.filter(Q(received_at__gt=at) | Q(id__gt=id_), received_at__gte=at)
    return older.order_by("-received_at", "-id").first(), newer.order_by("received_at", "id").first()


def has_lasting_link(capture: Capture) -> bool:
    """Tell whether the picture's lasting link works: the picture, its device and the hub each have a say.

    Whoever publishes links on a result topic has readers of its own, so the hub's "off" is not meant for it.
    """
    if capture.link_revoked_at or capture.trashed_at:
        return False
    device = capture.device
    if device.removed_at:
        return False
    if device.lasting_links:
        return device.lasting_links == LastingLinks.ON
    return values.lasting_links() or bool(device.result_topic)


class Taken(Protocol):
    """A picture with the moment at which it came."""

    @property
    def id(self) -> UUID: ...

    @property
    def received_at(self) -> datetime: ...


T = TypeVar("T", bound=Taken)


def same_hour(capture: Capture, zone: tzinfo, days: int = 14) -> list[Capture]:
    """Return the camera's pictures nearest to the same time of day on the days before, newest first.

    In one statement: two steps along the index of the camera's pictures for each day. The clock of `zone` counts, so that
    noon stays noon when summer time ends.
    """
    moments = moments_before(capture, zone, days)
    found = with_parts(Capture.objects.filter(pk__in=steps_to(capture, moments)))
    return nearest_to(moments, list(found), capture)


def moments_before(capture: Taken, zone: tzinfo, days: int = 14) -> list[datetime]:
    """Return the same time of day on the days before, newest first."""
    taken = capture.received_at.astimezone(zone)
    return [
        datetime.combine(taken.date() - timedelta(days=n), taken.time(), zone) for n in range(1, days + 1)
    ]


def nearest_to(moments: list[datetime], found: list[T], capture: Taken) -> list[T]:
    """Return of what was found the nearest to each moment, within half a day, each once and without `capture`."""
    chosen = {}
    for moment in moments:
        near = [each for each in found if abs(each.received_at - moment) <= _HALF_A_DAY]
        if near:
            nearest = min(near, key=lambda other: abs(other.received_at - moment))
            chosen[nearest.id] = nearest
    chosen.pop(capture.id, None)
    return list(chosen.values())


# To put these steps together by the ORM, two for each of fourteen days, takes longer than all the rest of a picture's page.
_STEP = (
    "SELECT id FROM media_pipeline_capture"
    " WHERE device_id = %s AND trashed_at IS NULL AND received_at {since} %s AND received_at {until} %s"
    " ORDER BY received_at {way}, id {way} LIMIT 1"
)
_BEFORE = _STEP.format(since=">=", until="<=", way="DESC")
_AFTER = _STEP.format(since=">", until="<=", way="ASC")
_NEXT = (
    "SELECT id FROM media_pipeline_capture"
    " WHERE device_id = %s AND trashed_at IS NULL AND received_at {over}= %s AND (received_at {over} %s OR id {over} %s)"
    " ORDER BY received_at {way}, id {way} LIMIT 1"
)
_OLDER, _NEWER = _NEXT.format(over="<", way="DESC"), _NEXT.format(over=">", way="ASC")


def steps_to(capture: Capture, moments: list[datetime]) -> list[RawSQL]:
    """Return subqueries for the keys of the camera's pictures just before and just after each moment."""
    steps = []
    for moment in moments:
        since, at, until = map(_as_stored, (moment - _HALF_A_DAY, moment, moment + _HALF_A_DAY))
        steps.append(RawSQL(_BEFORE, (capture.device_id, since, at)))
        steps.append(RawSQL(_AFTER, (capture.device_id, at, until)))
    return steps


def steps_to_neighbours(capture: Capture) -> list[RawSQL]:
    """Return subqueries for the keys of the camera's pictures just before and just after this one."""
    at = _as_stored(capture.received_at)
    key = Capture._meta.pk.get_db_prep_value(capture.pk, connection)
    return [RawSQL(step, (capture.device_id, at, at, key)) for step in (_OLDER, _NEWER)]


def _as_stored(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def link_of(capture: Capture) -> str:
    """Return the lasting short link of a picture."""
    return f"{base_url()}/p/{capture.code}"
