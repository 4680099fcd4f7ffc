"""Fetching a picture for somebody: the first line of every view of pictures."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from devices.access.rights import Action, require
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
    return rows.select_related("device", "device__group", "command", "mirror")


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
    return settings.LASTING_LINKS or bool(device.result_topic)


def same_hour(capture: Capture, zone: tzinfo, days: int = 14) -> list[Capture]:
    """Return the camera's pictures nearest to the same time of day on the days before, newest first.

    In one statement: two steps along the index of the camera's pictures for each day. The clock of `zone` counts, so that
    noon stays noon when summer time ends.
    """
    taken = capture.received_at.astimezone(zone)
    wanted = [
        datetime.combine(taken.date() - timedelta(days=n), taken.time(), zone) for n in range(1, days + 1)
    ]
    nearest = [step for moment in wanted for step in _nearest(capture.device_id, moment)]
    found = list(with_parts(Capture.objects.filter(pk__in=nearest)))
    chosen = [
        min(near, key=lambda other: abs(other.received_at - moment))
        for moment in wanted
        if (near := [each for each in found if abs(each.received_at - moment) <= _HALF_A_DAY])
    ]
    return [each for each in dict.fromkeys(chosen) if each.pk != capture.pk]


# To put these two steps together by the ORM, for each of fourteen days, takes longer than all the rest of a picture's page.
_STEP = (
    "SELECT id FROM media_pipeline_capture"
    " WHERE device_id = %s AND trashed_at IS NULL AND received_at {since} %s AND received_at {until} %s"
    " ORDER BY received_at {way}, id {way} LIMIT 1"
)
_BEFORE = _STEP.format(since=">=", until="<=", way="DESC")
_AFTER = _STEP.format(since=">", until="<=", way="ASC")


def _nearest(device_id: int, moment: datetime) -> tuple[RawSQL, RawSQL]:
    since, at, until = (
        connection.ops.adapt_datetimefield_value(each)
        for each in (moment - _HALF_A_DAY, moment, moment + _HALF_A_DAY)
    )
    return RawSQL(_BEFORE, (device_id, since, at)), RawSQL(_AFTER, (device_id, at, until))


def link_of(capture: Capture) -> str:
    """Return the lasting short link of a picture."""
    return f"{base_url()}/p/{capture.code}"
