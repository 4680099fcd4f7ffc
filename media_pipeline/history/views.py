"""All pictures by day, and what can be done with several at once."""

from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from itertools import islice
from typing import NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from devices.access.groups import DeviceGroup
from devices.access.rights import Action, can, keep_allowed
from devices.panels.deliveries.screens import has_screens
from devices.registry.models import Device, has_picture
from media_pipeline.captures.cards import Tile, as_one, fold, single
from media_pipeline.captures.filters import Filters
from media_pipeline.captures.finding import chosen_ids, pictures_of_run, way_back, with_parts
from media_pipeline.captures.labels import add_tag, set_kept, tags_of
from media_pipeline.captures.models import Capture, CaptureQuerySet
from media_pipeline.captures.wording import flag_words
from media_pipeline.links.archive import stream_pictures
from media_pipeline.search.matching import Matching
from media_pipeline.search.sources import Span
from media_pipeline.time_lapses.views import offer_for_chosen
from photohub.lib.ids import read_id
from photohub.lib.pages.instants import BadFilter, text_of
from photohub.lib.pages.middleware import PageRequest
from photohub.lib.pages.templating.options import draw_options
from photohub.lib.pages.timezones import timezone_of

from .counts import Counted
from .matching import matching
from .models import SavedFilter
from .photos import draw_days, draw_photos
from .places import STRIP_DAYS, Place, hours_of, month_of, read_month, strip_of
from .query import (
    COUNT_AT_MOST,
    PAGE_SIZE,
    after,
    count_day,
    cursor_of,
    days_of,
    months_of,
    page_of,
    shots_of,
)
from .saved import filters_in
from .wording import chips_of, faults

SELECTION_AT_MOST = 500
PICKS = 24
SHOWN_AT_MOST = 100  # In one address.


class _Choice(NamedTuple):
    """A camera among the choices of a filter."""

    code: str
    name: str
    simulated: bool


FLAGS = ("trailing", "transport", "clock", "large_preview", "no_preview")


@login_required
@require_GET
def browse(request: PageRequest) -> HttpResponse:
    """Show pictures by day, newest first; a request by htmx gets only the next days."""
    zone = timezone_of(request)
    try:
        filters = Filters.from_query(request.GET, zone)
        place = Place.from_query(request.GET, zone)
        counted = Counted.of(request.user, filters)
        context = _page(request, filters, place, counted)
        if not (request.htmx and "cursor" in request.GET):
            context |= _frame(request, filters) | _ways(request, filters, place, counted)
    except BadFilter as error:
        context = _frame(request, Filters()) | {"problem": error, "query": {}}
        return render(request, "media_pipeline/history/history.html", context, status=400)
    part = "_days.html" if request.htmx and "cursor" in request.GET else "history.html"
    response = render(request, f"media_pipeline/history/{part}", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _page(request: HttpRequest, filters: Filters, place: Place, counted: Counted) -> dict:
    """Return the days of this page, with the addresses of the pages after and before it."""
    zone, cursor = timezone_of(request), request.GET.get("cursor", "")
    found = matching(request.user, filters)
    span = replace(after(cursor), before=place.before)
    folds = filters.are_plain and request.GET.get("fold") != "no"
    if folds:
        tiles, last = fold(shots_of(found, span), PAGE_SIZE)
        next_cursor = cursor_of(last.at, last.id) if last else None
    else:
        items, next_cursor = page_of(found, span, PAGE_SIZE, with_parts)
        tiles = single(items)

    def count(day: date) -> tuple[int, bool]:
        if not counted.is_in_table or filters.since or filters.before:
            return count_day(day, found, zone)
        tally = counted.days(day, day, zone)
        return tally.total(), not tally.exact

    hits = None
    if filters:
        is_all = not (cursor or place.before or next_cursor)
        hits = (sum(tile.count for tile in tiles), False) if is_all else found.count_up_to(COUNT_AT_MOST)
    is_mixed = len(filters.devices) != 1
    return {
        "days": draw_days(days_of(tiles, count, zone), is_mixed),
        "more_url": _url(request.GET, cursor=next_cursor) if next_cursor else None,
        "newer_url": _newer(request, found, place) if place.before and not cursor else None,
        "hits": hits,
        "folds": folds,
        "can_fold": filters.are_plain,
        "fold_url": _url(request.GET, cursor=None, fold="no" if folds else None),
        "today": (today := timezone.localdate(timezone=zone)),
        "yesterday": today - timedelta(days=1),
    }


def _newer(request: HttpRequest, found: Matching, place: Place) -> str | None:
    """Return the address of the page that ends where this one begins."""
    newer = found.places(Span(since=place.before, newer=True))
    times = [at for at, _id in islice(newer, PAGE_SIZE + 1)]
    if not times:
        return None
    at = times[PAGE_SIZE - 1].isoformat() if len(times) > PAGE_SIZE else None
    return _url(request.GET, cursor=None, at=at)


def _url(query: QueryDict, **changes: str | None) -> str:
    """Return the history's address with some parameters changed, or taken out (None)."""
    changed = query.copy()
    for name, value in changes.items():
        changed.pop(name, None)
        if value is not None:
            changed[name] = value
    return reverse("history") + (f"?{changed.urlencode()}" if changed else "")


def _ways(request: HttpRequest, filters: Filters, place: Place, counted: Counted) -> dict:
    """Return the ways to other days: the week, the month if it is open, the hours of the day, all months."""
    zone, url = timezone_of(request), partial(_url, request.GET)
    strip, tally = strip_of(counted, place, zone, url)
    shown = place.day or timezone.localdate(timezone=zone)
    all_days = Counted.of(
        request.user, replace(Filters(), devices=filters.devices, group=filters.group)
    ).long_ago()
    all_days.update({day: count for day, count in tally.counts.items() if day not in all_days})
    months = [
        (month, url(cursor=None, month=None, at=_last_day(month)), month == shown.replace(day=1))
        for month in months_of(request.user, filters, zone)
    ]
    return {
        "place": place,
        "strip": strip,
        "hours": hours_of(counted, place, zone, url),
        "calendar": _calendar(request, place, counted) if "month" in request.GET else None,
        "calendar_url": f"{reverse('history_calendar')}?{request.GET.urlencode()}",
        "calendar_page": url(cursor=None, month=f"{shown:%Y-%m}"),
        "months": months,
        "all_days": sorted((day.isoformat(), count) for day, count in all_days.items() if count),
        "has_scrubber": len(months) > 1 or len(all_days) > STRIP_DAYS,
        "jump_url": url(cursor=None, month=None, at=None),
    }


@login_required
@require_GET
def show_month(request: HttpRequest) -> HttpResponse:
    """Return the calendar of one month: a fragment, which the page itself holds where scripts do not run."""
    zone = timezone_of(request)
    try:
        filters = Filters.from_query(request.GET, zone)
        place = Place.from_query(request.GET, zone)
        context = {"calendar": _calendar(request, place, Counted.of(request.user, filters)), "place": place}
    except BadFilter as error:
        return HttpResponse(str(error), status=400, content_type="text/plain")
    return render(request, "media_pipeline/history/_calendar.html", context)


def _calendar(request: HttpRequest, place: Place, counted: Counted) -> dict:
    zone, url = timezone_of(request), partial(_url, request.GET)
    month = month_of(counted, read_month(request.GET, place, zone), place, zone, url)
    beside = {}
    for name, day in (("before", month.before), ("after", month.after)):
        if day is None:
            continue
        query = request.GET.copy()
        query["month"] = f"{day:%Y-%m}"
        query.pop("cursor", None)
        fragment = f"{reverse('history_calendar')}?{query.urlencode()}"
        beside[name] = {
            "date": day,
            "page": f"{reverse('history')}?{query.urlencode()}",
            "fragment": fragment,
        }
    return {"month": month, "beside": beside, "today": timezone.localdate(timezone=zone)}


@login_required
@require_GET
def show_run(request: HttpRequest) -> HttpResponse:
    """Return the pictures of a run as tiles of their own, to stand in its place; of a camera and time all as one tile."""
    if "device" in request.GET:
        tiles = as_one(_of_span(request))
    else:
        rows = pictures_of_run(request.user, request.GET.get("run", ""))
        # What is more than fits is the run that follows.
        tiles = [*single(list(with_parts(rows)[:SELECTION_AT_MOST])), *as_one(rows[SELECTION_AT_MOST:])]
    # None are left when all were deleted meanwhile; then the tile goes.
    return HttpResponse(draw_photos(tiles, "mixed" in request.GET))


def _of_span(request: HttpRequest) -> CaptureQuerySet:
    try:
        return matching(request.user, Filters.from_query(request.GET, timezone_of(request))).newest_first
    except BadFilter:
        return Capture.objects.none()


def _last_day(month: date) -> str:
    return ((month + timedelta(days=31)).replace(day=1) - timedelta(days=1)).isoformat()


def _frame(request: HttpRequest, filters: Filters) -> dict:
    """Return what stands around the pictures: choices of the filters, and what the person may do."""
    # There may be a thousand, and a choice shows but the name of each.
    rows = Device.objects.visible_to(request.user).cameras()
    devices = [_Choice(*values) for values in rows.values_list(*_Choice._fields)]
    return {
        "filters": filters,
        "query": request.GET,
        "camera_options": draw_options(((d.code, d.name) for d in devices), filters.devices),
        "is_invented": any(d.simulated for d in devices if d.code in filters.devices or not filters.devices),
        "groups": DeviceGroup.objects.visible_to(request.user).holding(rows),
        "tags": tags_of(request.user)[:200],
        "flags": [(flag, flag_words(flag)) for flag in FLAGS],
        "faults": faults().items(),
        "may_change": keep_allowed(rows, request.user, Action.COMMAND).exists(),
        "may_delete": can(request.user, Action.MANAGE),
        "may_show": has_screens(request.user),
        "any_filter": bool(filters),
        "chips": chips_of(filters, request.GET, devices),
        "options_on": sum(
            map(
                bool,
                (filters.group, filters.since, filters.before, filters.state, filters.flag, filters.fault),
            )
        )
        + sum(map(bool, (filters.tag, filters.kept, filters.asked is not None))),
        "saved_filters": SavedFilter.objects.filter(user=request.user),
        "filters_text": filters_in(request.GET),
        "here": request.get_full_path(),
    }


def _chosen(request: HttpRequest) -> list[Capture]:
    """Return the selected pictures that the person may see."""
    ids = chosen_ids(request.user, request.POST.getlist("capture"), SELECTION_AT_MOST)
    return list(with_parts(Capture.objects.visible_to(request.user)).filter(pk__in=ids))


@login_required
@require_POST
def change(request: HttpRequest) -> HttpResponseBase:
    """Do one thing with all selected pictures."""
    chosen = _chosen(request)
    action = request.POST.get("action", "")
    if not chosen:
        messages.warning(request, _("No picture was selected."))
    elif action == "download":
        return stream_pictures(chosen)
    elif action == "timelapse":
        return offer_for_chosen(request, chosen)
    elif action == "show":
        return redirect(
            f"{reverse('devices:choose_panel')}?{urlencode([('capture', c.pk) for c in chosen[:SHOWN_AT_MOST]])}"
        )
    elif action == "compare":
        return _compare(request, chosen)
    elif action in ("keep", "unkeep", "tag"):
        _label(request, action, chosen)
    return redirect(way_back(request))


def _compare(request: HttpRequest, chosen: list[Capture]) -> HttpResponse:
    if len(chosen) != 2:
        messages.warning(request, _("Select two pictures to compare them."))
        return redirect(way_back(request))
    newer, older = sorted(chosen, key=lambda each: each.received_at, reverse=True)
    return redirect(f"{reverse('capture_compare', args=[newer.pk])}?with={older.pk}")


def _label(request: HttpRequest, action: str, chosen: list[Capture]) -> None:
    allowed = [c for c in chosen if can(request.user, Action.COMMAND, c.device)]
    if not allowed:
        raise PermissionDenied
    if action == "tag":
        name = add_tag(allowed, request.POST.get("tag", ""))
        text = _("Tagged with “%(tag)s”.") % {"tag": name} if name else _("Enter a tag first.")
        messages.success(request, text) if name else messages.warning(request, text)
        return
    set_kept(allowed, action == "keep")
    if action == "keep":
        text = ngettext("%(count)s picture is kept.", "%(count)s pictures are kept.", len(allowed))
    else:
        text = ngettext(
            "%(count)s picture is no longer kept.", "%(count)s pictures are no longer kept.", len(allowed)
        )
    messages.success(request, text % {"count": len(allowed)})


@login_required
@never_cache
@require_safe
def pick(request: HttpRequest) -> HttpResponse:
    """Return a fragment of radio buttons `capture`, newest first; `of` narrows it to one camera, `chosen` is checked."""
    code, chosen = text_of(request.GET, "of"), request.GET.get("chosen", "")
    visible = Device.objects.visible_to(request.user).filter(has_picture())
    found = matching(request.user, Filters(devices=(code,) if code else ()))
    try:
        tiles, following = _pickable(found, request.GET.get("cursor", ""), folded=not code)
    except BadFilter:
        tiles, following = [], None
    first, wanted = "cursor" not in request.GET, read_id(chosen)
    if first and wanted and all(tile.picture.id != wanted for tile in tiles):
        tiles = [
            *single(list(with_parts(Capture.objects.visible_to(request.user)).filter(pk=wanted))),
            *tiles,
        ]
    context = {
        "tiles": tiles,
        "next": following,
        "first": first,
        "cameras": visible.order_by("name"),
        "of": code,
        "chosen": chosen,
    }
    return render(request, "media_pipeline/history/_picker.html", context)


def _pickable(found: Matching, cursor: str, folded: bool) -> tuple[list[Tile], str | None]:
    """Return a page of tiles; of many cameras none fills it with like pictures, of one all are wanted."""
    if not folded:
        items, following = page_of(found, after(cursor), PICKS, with_parts)
        return single(items), following
    tiles, last = fold(shots_of(found, after(cursor)), PICKS)
    return tiles, cursor_of(last.at, last.id) if last else None
