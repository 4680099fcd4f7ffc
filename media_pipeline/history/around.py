"""The pictures beside one, in the order and with the filters of the list it was opened from: for the lightbox."""

from dataclasses import dataclass, replace
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.access.rights import Action, can
from devices.panels.deliveries.screens import has_screens
from media_pipeline.captures.cards import Picture, picture_of
from media_pipeline.captures.filters import Filters
from media_pipeline.captures.finding import with_parts
from media_pipeline.captures.labels import tag_line
from media_pipeline.captures.models import Capture, CaptureQuerySet
from photohub.lib.http.answer import refuse
from photohub.lib.ids import read_id
from photohub.lib.pages.instants import BadFilter
from photohub.lib.pages.times import wording as times
from photohub.lib.pages.timezones import timezone_of

from .query import COUNT_AT_MOST, captures_matching

EACH_SIDE = 24
_ENDS = ("newest", "oldest")
_SIDES = ("both", "newer", "older")


@dataclass(frozen=True)
class Around:
    """Pictures in the order of the list, newest first, and whether there are more at each end."""

    captures: list[Capture]
    more_newer: bool
    more_older: bool


def look_around(rows: CaptureQuerySet, at: Capture, side: str = "both") -> Around:
    """Return the pictures on one side of this one, or this one with both. Each side costs one step along an index."""
    newer = _beside(rows, at, newer=True) if side != "older" else []
    older = _beside(rows, at, newer=False) if side != "newer" else []
    between = [at] if side == "both" else []
    shown = [*reversed(newer[:EACH_SIDE]), *between, *older[:EACH_SIDE]]
    return Around(shown, len(newer) > EACH_SIDE, len(older) > EACH_SIDE)


def _beside(rows: CaptureQuerySet, at: Capture, newer: bool) -> list[Capture]:
    return list(_rows_beside(rows, at, newer)[: EACH_SIDE + 1])


def _rows_beside(rows: CaptureQuerySet, at: Capture, newer: bool) -> CaptureQuerySet:
    moment, key = at.received_at, at.pk
    if newer:
        rows = rows.filter(Q(received_at__gt=moment) | Q(pk__gt=key), received_at__gte=moment)
        return rows.order_by("received_at", "id")
    rows = rows.filter(Q(received_at__lt=moment) | Q(pk__lt=key), received_at__lte=moment)
    return rows.order_by("-received_at", "-id")


def place_of(rows: CaptureQuerySet, filters: Filters, at: Capture) -> tuple[int | None, int | None]:
    """Return which picture of the list this is, from 1, and of how many; None for what would cost too much to count."""
    # By these the database counts along an index; by any other word it would have to look at every picture.
    if replace(filters, devices=(), group="", since=None, before=None, fault=""):
        return None, None
    count = _count(rows)
    newer = _count(_rows_beside(rows, at, newer=True)) if count is not None else None
    return (None if newer is None else newer + 1), count


def _count(rows: CaptureQuerySet) -> int | None:
    count = rows.order_by()[: COUNT_AT_MOST + 1].count()
    return count if count <= COUNT_AT_MOST else None


@login_required
@never_cache
@require_safe
def around(request: HttpRequest) -> HttpResponse:
    """Return the neighbours of the picture `at`, or of the list's `newest` or `oldest`, as the lightbox wants them."""
    side = request.GET.get("side", "both")
    try:
        filters = Filters.from_query(request.GET, timezone_of(request))
    except BadFilter as error:
        return refuse(422, "invalid", str(error))
    rows = with_parts(captures_matching(request.user, filters)).prefetch_related("tags")
    at = request.GET.get("at", _ENDS[0])
    capture = _find(request, rows, at)
    if side not in _SIDES or (capture is None and at not in _ENDS):
        raise Http404
    found = look_around(rows, capture, side) if capture else Around([], False, False)
    position, count = place_of(rows, filters, capture) if capture and side == "both" else (None, None)
    return JsonResponse(
        {
            "items": [_item(request, each) for each in found.captures],
            "at": str(capture.pk) if capture else None,
            "more_newer": found.more_newer,
            "more_older": found.more_older,
            "position": position,
            "count": count,
            "may_show": has_screens(request.user),
        }
    )


def _find(request: HttpRequest, rows: CaptureQuerySet, at: str) -> Capture | None:
    """Return the picture to begin with. One that no longer matches the list, such as one that was unkept, still counts."""
    if at in _ENDS:
        order = ("-received_at", "-id") if at == "newest" else ("received_at", "id")
        return rows.order_by(*order).first()
    wanted: UUID | None = read_id(at)
    visible = with_parts(Capture.objects.visible_to(request.user)).prefetch_related("tags")
    return visible.filter(pk=wanted).first() if wanted else None


def _item(request: HttpRequest, capture: Capture) -> dict:
    picture = picture_of(capture)
    return {
        "id": str(capture.pk),
        "page": picture.page_url,
        "file": picture.file_url,
        "thumb": picture.thumb_url,
        "width": picture.width,
        "height": picture.height,
        "colour": picture.colour,
        "camera": picture.device.name,
        "code": picture.device.code,
        "at": capture.received_at.isoformat(),
        "time": times.exact(capture.received_at),
        "alt": _alt_of(picture),
        "marks": picture.flags,
        "kept": capture.kept,
        "note": capture.note,
        "tags": tag_line(capture),
        "may_change": can(request.user, Action.COMMAND, capture.device),
    }


def _alt_of(picture: Picture) -> str:
    return _("%(name)s at %(at)s") % {"name": picture.device.name, "at": times.moment(picture.received_at)}
