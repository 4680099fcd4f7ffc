"""The gap map as people see it, and as a table for other programs."""

import csv

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from devices.access.groups import DeviceGroup
from devices.access.rights import is_owner
from devices.schedules.models import Gap
from photohub.lib.pages.timezones import hub_timezone

from . import days

_GAPS_TOLD = 60
_CSV_ROWS_AT_MOST = 200_000
_COLUMNS = ("expected", "arrived", *Gap.values)


@login_required
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show a month: a row for each camera, a cell for each day."""
    month = days.month_of(request.GET.get("month", ""))
    groups = DeviceGroup.objects.visible_to(request.user)
    chosen = request.GET.get("group", "")
    group = (
        groups.filter(pk=int(chosen)).first()
        if chosen.isascii() and chosen.isdigit() and len(chosen) < 10
        else None
    )
    cameras = days.cameras_of(request.user, month, group.pk if group else None)
    page = Paginator(cameras, days.CAMERAS_ON_A_PAGE).get_page(request.GET.get("page"))
    lines = days.lines_of(list(page.object_list), month)
    gaps = days.gaps_of(lines)
    kept = f"&group={group.pk}" if group else ""
    context = {
        "month": month,
        "here": f"?month={month.first:%Y-%m}{kept}",
        "before": f"?month={month.before:%Y-%m}{kept}",
        "following": f"?month={month.following:%Y-%m}{kept}",
        "groups": groups,
        "group": group,
        "page": page,
        "lines": lines,
        "gaps": gaps[:_GAPS_TOLD],
        "more_gaps": max(0, len(gaps) - _GAPS_TOLD),
        "zone": str(hub_timezone()).replace("_", " "),
        "may_make": is_owner(request.user),
    }
    return render(request, "media_pipeline/gaps/gaps.html", context)


@login_required
@require_safe
def as_csv(request: HttpRequest) -> HttpResponse:
    """Answer a month as a table: one line for each camera and day on which pictures were expected."""
    month = days.month_of(request.GET.get("month", ""))
    rows = days.rows_of(request.user, month.first, month.following).select_related("device")
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="gaps-{month.first:%Y-%m}.csv"'
    # Spreadsheets take a file for UTF-8 by its first bytes.
    answer.write("\ufeff")
    table = csv.writer(answer)
    table.writerow(("day", "device", "name", *_COLUMNS))
    for row in rows.order_by("day", "device__code")[:_CSV_ROWS_AT_MOST].iterator(2000):
        counts = [getattr(row, column) for column in _COLUMNS]
        table.writerow((row.day.isoformat(), row.device.code, _as_text(row.device.name), *counts))
    return answer


def _as_text(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name
