"""The pictures beside one, in the order and with the filters of the list it was opened from: for the lightbox."""

from dataclasses import dataclass, replace
from uuid import UUID

from django.contrib.auth.decorators import login_required
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
from media_pipeline.search.matching import Matching
from media_pipeline.search.sources import Span
from photohub.lib.http.answer import refuse
from photohub.lib.ids import read_id
from photohub.lib.pages.instants import BadFilter
from photohub.lib.pages.times import wording as times
from photohub.lib.pages.timezones import timezone_of

from .matching import matching
from .query import COUNT_AT_MOST

EACH_SIDE = 24
_ENDS = ("newest", "oldest")
_SIDES = ("both", "newer", "older")


@dataclass(frozen=True)
class Around:
    """Pictures in the order of the list, newest first, and whether there are more at each end."""

    captures: list[Capture]
    more_newer: bool
    more_older: bool


def look_around(found: Matching, at: Capture, side: str = "both") -> Around:
    """Return the pictures on one side of this one, or this one with both. Each side costs one step along an index."""
    newer = _beside(found, at, newer=True) if side != "older" else []
    older = _beside(found, at, newer=False) if side != "newer" else []
    between = [at] if side == "both" else []
    shown = [*reversed(newer[:EACH_SIDE]), *between, *older[:EACH_SIDE]]
    return Around(shown, len(newer) > EACH_SIDE, len(older) > EACH_SIDE)


def _beside(found: Matching, at: Capture, newer: bool) -> list[Capture]:
    return found.captures(Span((at.received_at, at.pk), newer=newer), EACH_SIDE + 1, _dressed)


def _dressed(rows: CaptureQuerySet) -> CaptureQuerySet:
    return with_parts(rows).prefetch_related("tags")


def place_of(found: Matching, filters: Filters, at: Capture) -> tuple[int | None, int | None]:
    """Return which picture of the list this is, from 1, and of how many; None for what would cost too much to count."""
    # By these the database counts along an index; by any other word it would have to look at every picture.
    if replace(filters, devices=(), group="", since=None, before=None, fault=""):
        return None, None
    count, is_more = found.count_up_to(COUNT_AT_MOST)
    if is_more:
        return None, None
    newer, _is_more = found.count_up_to(COUNT_AT_MOST, Span((at.received_at, at.pk), newer=True))
    return newer + 1, count


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
    matched = matching(request.user, filters)
    at = request.GET.get("at", _ENDS[0])
    capture = _find(request, matched, at)
    if side not in _SIDES or (capture is None and at not in _ENDS):
        raise Http404
    found = look_around(matched, capture, side) if capture else Around([], False, False)
    position, count = place_of(matched, filters, capture) if capture and side == "both" else (None, None)
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


def _find(request: HttpRequest, found: Matching, at: str) -> Capture | None:
    """Return the picture to begin with. One that no longer matches the list, such as one that was unkept, still counts."""
    if at in _ENDS:
        return next(iter(found.captures(Span(newer=at == "oldest"), 1, _dressed)), None)
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
