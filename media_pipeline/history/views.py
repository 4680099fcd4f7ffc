"""All pictures by day, and what can be done with several at once."""

from datetime import date, timedelta
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
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

from devices.access.rights import Action, can
from devices.panels.deliveries.screens import screens_of
from devices.registry.models import Device, DeviceGroup
from media_pipeline.captures.cards import picture_of
from media_pipeline.captures.filters import Filters
from media_pipeline.captures.finding import way_back, with_parts
from media_pipeline.captures.labels import add_tag, set_kept, tags_of
from media_pipeline.captures.models import Capture
from media_pipeline.links.archive import stream_pictures
from media_pipeline.time_lapses.views import offer_for_chosen
from photohub.lib.ids import read_id
from photohub.lib.pages.instants import BadFilter
from photohub.lib.pages.middleware import PageRequest
from photohub.lib.pages.timezones import timezone_of

from .query import captures_matching, days_of, months_of, page_of

SELECTION_AT_MOST = 500
FLAGS = ("truncated", "trailing", "transport", "clock", "large_preview", "no_preview")


@login_required
@require_GET
def browse(request: PageRequest) -> HttpResponse:
    """Show pictures by day, newest first; a request by htmx gets only the next days."""
    zone = timezone_of(request)
    try:
        filters = Filters.from_query(request.GET, zone)
        context = _page(request, filters, zone)
    except BadFilter as error:
        return render(
            request,
            "media_pipeline/history/history.html",
            _frame(request, Filters()) | {"problem": error, "query": {}},
            status=400,
        )
    if request.htmx and "cursor" in request.GET:
        response = render(request, "media_pipeline/history/_days.html", context)
    else:
        context |= _frame(request, filters) | {"months": _months(request, filters, zone)}
        response = render(request, "media_pipeline/history/history.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _page(request: HttpRequest, filters: Filters, zone) -> dict:
    rows = captures_matching(request.user, filters)
    items, next_cursor = page_of(with_parts(rows), request.GET.get("cursor", ""))
    days = [(day, [picture_of(c) for c in day.captures]) for day in days_of(items, rows, zone)]
    more_url = _url(request.GET, cursor=next_cursor) if next_cursor else None
    return {"days": days, "more_url": more_url, "today": timezone.localdate(timezone=zone)}


def _url(query: QueryDict, **changes: str | None) -> str:
    """Return the history's address with some parameters changed, or taken out (None)."""
    changed = query.copy()
    for name, value in changes.items():
        changed.pop(name, None)
        if value is not None:
            changed[name] = value
    return reverse("history") + (f"?{changed.urlencode()}" if changed else "")


def _months(request: HttpRequest, filters: Filters, zone) -> list[tuple[date, str, bool]]:
    """Return months with the address that begins at each, and which one the page begins with."""
    first = (filters.before or timezone.now()).astimezone(zone) - timedelta(microseconds=1)
    months = months_of(request.user, filters, zone)
    return [
        (m, _url(request.GET, cursor=None, to=_last_day(m)), (m.year, m.month) == (first.year, first.month))
        for m in months
    ]


def _last_day(month: date) -> str:
    return ((month + timedelta(days=31)).replace(day=1) - timedelta(days=1)).isoformat()


def _frame(request: HttpRequest, filters: Filters) -> dict:
    """Return what stands around the pictures: choices of the filters, and what the person may do."""
    # There may be a thousand, and a choice shows but the name of each.
    devices = list(Device.objects.visible_to(request.user).only("code", "name", "group_id"))
    return {
        "filters": filters,
        "query": request.GET,
        "devices": devices,
        "groups": DeviceGroup.objects.filter(pk__in={d.group_id for d in devices if d.group_id}),
        "tags": tags_of(request.user)[:200],
        "flags": FLAGS,
        "may_change": any(can(request.user, Action.COMMAND, d) for d in devices),
        "may_delete": can(request.user, Action.MANAGE),
        "may_show": bool(screens_of(request.user)),
        "any_filter": bool(filters),
        "here": request.get_full_path(),
    }


def _chosen(request: HttpRequest) -> list[Capture]:
    """Return the selected pictures that the person may see."""
    ids: list[UUID] = [
        id for text in request.POST.getlist("capture")[:SELECTION_AT_MOST] if (id := read_id(text))
    ]
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
        text = _("Tagged with “%(tag)s”.") % {"tag": name} if name else _("Write a tag first.")
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


PAGE_SIZE = 24


@login_required
@never_cache
@require_safe
def pick(request: HttpRequest) -> HttpResponse:
    """Return a fragment of radio buttons `capture`, newest first; `of` narrows it to one camera, `chosen` is checked."""
    code, chosen = request.GET.get("of", ""), request.GET.get("chosen", "")
    pictured = Exists(Capture.objects.filter(device=OuterRef("pk")))
    visible = Device.objects.visible_to(request.user).filter(pictured)
    rows = captures_matching(request.user, Filters(devices=(code,) if code else ()))
    try:
        items, following = page_of(with_parts(rows), request.GET.get("cursor", ""), PAGE_SIZE)
    except BadFilter:
        items, following = [], None
    first, wanted = "cursor" not in request.GET, read_id(chosen)
    if first and wanted and all(capture.pk != wanted for capture in items):
        items = [*with_parts(Capture.objects.visible_to(request.user)).filter(pk=wanted), *items]
    context = {
        "pictures": [picture_of(capture) for capture in items],
        "next": following,
        "first": first,
        "cameras": visible.order_by("name"),
        "of": code,
        "chosen": chosen,
    }
    return render(request, "media_pipeline/history/_picker.html", context)
