"""All panels with what is on each now, and what each shows in turn."""

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.access.rights import Action, can, is_owner
from devices.panels.fetching import unclaimed
from devices.panels.playlists import turns
from devices.registry.models import Device

from . import now

PANELS_ON_PAGE = 48
ITEMS_SHOWN = 6


@login_required
@never_cache
@require_safe
def panel_list(request: HttpRequest) -> HttpResponse:
    """Show every panel that the person may see with the picture that is on it."""
    devices, following = _page(request, _panels_of(request))
    owner = is_owner(request.user)
    context = {
        "panels": now.tell(devices, request.user),
        "next_start": following,
        "can_add": owner,
        "unclaimed": unclaimed.to_show() if owner else [],
    }
    return render(request, "devices/panels/overview/list.html", context)


@login_required
@require_safe
def playlists(request: HttpRequest) -> HttpResponse:
    """Show what each panel shows in turn, panels with a playlist first."""
    devices, following = _page(request, _panels_of(request).order_by("-in_turn", "name", "code"))
    context = {
        "lines": [_line(request, panel) for panel in now.tell(devices, request.user)],
        "next_start": following,
        "can_add": is_owner(request.user),
    }
    return render(request, "devices/panels/overview/playlists.html", context)


def _line(request: HttpRequest, panel: now.PanelNow) -> dict:
    items = turns.tell_items(panel.device, request.user) if panel.in_turn else []
    return {
        "panel": panel,
        "items": items[:ITEMS_SHOWN],
        "further": max(0, len(items) - ITEMS_SHOWN),
        "may_change": can(request.user, Action.COMMAND, panel.device),
    }


def _panels_of(request: HttpRequest) -> QuerySet:
    rows = now.with_facts(Device.objects.visible_to(request.user).panels())
    return rows.order_by("-pinned", "name", "code")


def _page(request: HttpRequest, rows: QuerySet) -> tuple[list[Device], int | None]:
    """Return the panels from `start` on, as many as a page holds, and where the next page begins."""
    text = request.GET.get("start", "")
    start = int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0
    found = list(rows[start : start + PANELS_ON_PAGE + 1])
    return found[:PANELS_ON_PAGE], start + PANELS_ON_PAGE if len(found) > PANELS_ON_PAGE else None
