"""The dashboard and its fragments."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from devices.access.groups import DeviceGroup
from devices.access.rights import Action, can, keep_allowed
from devices.commands import queue as commands
from devices.commands.views import wants_json
from devices.events import record as events
from devices.registry import presence
from devices.registry.finding import get_device
from devices.registry.models import Device
from media_pipeline.captures.models import Capture
from media_pipeline.live import now as live_now
from media_pipeline.live.wall import CAMERAS_AT_MOST
from photohub.lib.ids import read_id
from photohub.lib.network import site
from photohub.lib.pages.middleware import PageRequest

from .cards import Card, Streamed, build_cards, build_feed, cameras
from .drawing import FIRST, draw_card, draw_cards, draw_feed

# A message that names more is not read.
_NAMED_AT_MOST = 5


@login_required
@require_GET
def dashboard(request: PageRequest) -> HttpResponse:
    """Show the cameras' newest pictures and the latest pictures of all; a request by htmx gets only the next cameras."""
    # Read before the rest, so that nothing which happens meanwhile is missed by the page's socket.
    seq = events.newest()
    group, start, until = find_group(request), _start_of(request), _until_of(request)
    piece = build_cards(request.user, cameras(request.user, group), start, until)
    if start and not piece.cards:
        return redirect(_url(group))
    further = {"start": start + len(piece.cards), "until": until.timestamp()}
    context = {
        "cards": piece.cards,
        "drawn": draw_cards(request, piece.cards, 0 if start else FIRST),
        "more_url": _url(group, **further) if piece.more else "",
    }
    if request.htmx:
        response = render(request, "media_pipeline/dashboard/_cards.html", context)
    else:
        response = render(
            request,
            "media_pipeline/dashboard/dashboard.html",
            context | _frame(request, group, seq, piece.cards),
        )
    patch_vary_headers(response, ["HX-Request"])
    return response


def _start_of(request: HttpRequest) -> int:
    text = request.GET.get("start", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


def _until_of(request: HttpRequest) -> datetime:
    """Return as of when the cameras are in order: when the first of them were asked for."""
    try:
        return datetime.fromtimestamp(float(request.GET["until"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return timezone.now()


def _url(group: DeviceGroup | None, **query) -> str:
    asked = ({"group": group.pk} if group else {}) | query
    return reverse("live") + (f"?{urlencode(asked)}" if asked else "")


def _frame(request: HttpRequest, group: DeviceGroup | None, seq: int, cards: list[Card]) -> dict:
    return {
        "feed": draw_feed(build_feed(request.user, group)) if cards else "",
        "groups": groups_of(request.user),
        "group": group,
        "live_seq": seq,
        "can_add": can(request.user, Action.MANAGE),
        "simulated": _count_simulated(request.user, group),
    }


def _count_simulated(user, group: DeviceGroup | None) -> int:
    """Count all simulated devices, of which cameras are but some; 0 where a group without any is shown."""
    simulated = Device.objects.visible_to(user).filter(simulated=True)
    return 0 if group and not simulated.in_groups([group]).exists() else simulated.count()


def groups_of(user) -> list[DeviceGroup]:
    enabled = Device.objects.visible_to(user).filter(enabled=True)
    return list(DeviceGroup.objects.visible_to(user).holding(enabled))


def find_group(request: HttpRequest) -> DeviceGroup | None:
    """Return the group that the request names. Without a visible device it does not exist for this person."""
    text = request.POST.get("group") or request.GET.get("group") or ""
    if not text:
        return None
    found = next((group for group in groups_of(request.user) if str(group.pk) == text), None)
    if found is None:
        raise Http404
    return found


@login_required
@require_GET
def card(request: HttpRequest, code: str) -> HttpResponse:
    """Return one camera's card; nothing (204) for a device that has none on this wall, as a panel without pictures."""
    device = get_device(request.user, code)
    found = build_cards(request.user, cameras(request.user, find_group(request)).filter(pk=device.pk)).cards
    if not found:
        return HttpResponse(status=204)
    return HttpResponse(draw_card(request, found[0]))


@login_required
@require_GET
def feed(request: HttpRequest) -> HttpResponse:
    """Return the pictures that came after the one named by `after`, newest first."""
    after_id = read_id(request.GET.get("after", ""))
    after = Capture.objects.visible_to(request.user).filter(pk=after_id).first() if after_id else None
    return HttpResponse(draw_feed(build_feed(request.user, find_group(request), after)))


@login_required
@require_POST
def capture_all(request: HttpRequest) -> HttpResponse:
    """Ask every camera that can hear it, and that the person may command, for a picture."""
    group = find_group(request)
    allowed = keep_allowed(cameras(request.user, group), request.user, Action.COMMAND)
    wanted = [d for d in allowed if d.takes_commands]
    asked = [d for d in wanted if d.online and presence.why_deaf(d) is None]
    commands.capture_many(asked, user=request.user)
    told = _words_of_asking(asked, [d for d in wanted if d not in asked])
    if wants_json(request):
        return JsonResponse({"des": " ".join(told)})
    for sentence in told:
        messages.info(request, sentence)
    return redirect(_url(group))


def _words_of_asking(asked: list[Device], left_out: list[Device]) -> list[str]:
    """Say how many were asked, and who was not."""
    if not asked:
        return [_("No camera that takes commands is online, so none was asked.")]
    text = ngettext("%(count)s camera was asked.", "%(count)s cameras were asked.", len(asked))
    told = [text % {"count": len(asked)}]
    if left_out:
        names = ", ".join(device.name for device in left_out[:_NAMED_AT_MOST])
        more = len(left_out) - _NAMED_AT_MOST
        text = ngettext("Left out: %(names)s and %(n)d more.", "Left out: %(names)s and %(n)d more.", more)
        text = text if more > 0 else _("Left out: %(names)s. Point at a camera's button to see why.")
        told.append(text % {"names": names, "n": more})
    return told


@dataclass(frozen=True)
class Screen(Streamed):
    """One camera of the wall."""

    can_keep: bool


@login_required
@never_cache
@require_GET
def wall(request: HttpRequest) -> HttpResponse:
    """Show every camera that streams now, as many as fit; those that begin later come by themselves."""
    group = find_group(request)
    devices = list(cameras(request.user, group).order_by("-pinned", "name"))
    streaming = live_now.stats_of([device.code for device in devices])
    screens = [_screen(request, device) for device in devices if device.code in streaming]
    shown = screens[:CAMERAS_AT_MOST]
    context = {
        "screens": shown,
        "left_out": len(screens) - len(shown),
        "quiet": [device for device in devices if device.code not in streaming],
        "columns": columns_for(len(shown)),
        "most": CAMERAS_AT_MOST,
        "groups": groups_of(request.user),
        "group": group,
        "stream_host": site.stream_host(),
        "stream_port": site.stream_port(),
    }
    return render(request, "media_pipeline/dashboard/wall.html", context)


@login_required
@never_cache
@require_GET
def screen(request: HttpRequest, code: str) -> HttpResponse:
    """Return one camera of the wall, when it is in the group that the page shows."""
    device = get_device(request.user, code)
    group = find_group(request)
    if not device.enabled or (group and not device.groups.filter(pk=group.pk).exists()):
        raise Http404
    return render(request, "media_pipeline/dashboard/_screen.html", {"screen": _screen(request, device)})


def _screen(request: HttpRequest, device: Device) -> Screen:
    return Screen(device, can(request.user, Action.COMMAND, device))


def columns_for(count: int) -> int:
    """Return how many columns leave so many cameras the largest."""
    return max(1, math.ceil(math.sqrt(count)))
