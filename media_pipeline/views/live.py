"""The dashboard and its fragments."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from devices import commands
from devices.access import Action, can, get_device
from devices.models import Device, DeviceGroup, Event
from media_pipeline.cards import build_cards, build_feed, cameras
from media_pipeline.models import Capture
from photohub.lib.ids import read_id
from photohub.lib.zones import in_visitors_zone


@login_required
@require_GET
@in_visitors_zone
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show every camera's newest picture and the latest pictures of all."""
    group = find_group(request)
    # Read before the rest, so that nothing which happens meanwhile is missed by the page's socket.
    live_seq = Event.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
    cards = build_cards(request.user, cameras(request.user, group))
    context = {
        "cards": cards,
        "feed": build_feed(request.user, group) if cards else [],
        "groups": groups_of(request.user),
        "group": group,
        "live_seq": live_seq,
        "can_add": can(request.user, Action.MANAGE),
        "simulator_running": any(card.device.simulated for card in cards),
    }
    return render(request, "live.html", context)


def groups_of(user) -> list[DeviceGroup]:
    visible = Device.objects.visible_to(user).filter(enabled=True).exclude(group=None)
    return list(DeviceGroup.objects.filter(pk__in=visible.values("group")))


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
@in_visitors_zone
def card(request: HttpRequest, code: str) -> HttpResponse:
    """Return one camera's card."""
    device = get_device(request.user, code)
    found = build_cards(request.user, cameras(request.user).filter(pk=device.pk))
    if not found:
        raise Http404
    return render(request, "live/_card.html", {"card": found[0]})


@login_required
@require_GET
@in_visitors_zone
def feed(request: HttpRequest) -> HttpResponse:
    """Return the pictures that came after the one named by `after`, newest first."""
    after_id = read_id(request.GET.get("after", ""))
    after = Capture.objects.visible_to(request.user).filter(pk=after_id).first() if after_id else None
    return render(request, "live/_feed.html", {"feed": build_feed(request.user, find_group(request), after)})


@login_required
@require_POST
def capture_all(request: HttpRequest) -> HttpResponse:
    """Ask every camera that is online, and that the person may command, for a picture."""
    group = find_group(request)
    devices = [d for d in cameras(request.user, group) if d.online and d.takes_commands]
    asked = [d for d in devices if can(request.user, Action.COMMAND, d)]
    for device in asked:
        commands.capture(device, user=request.user)
    if asked:
        text = ngettext("%(count)s camera was asked.", "%(count)s cameras were asked.", len(asked))
        messages.success(request, text % {"count": len(asked)})
    else:
        messages.warning(request, _("No camera that takes commands is online, so none was asked."))
    return redirect(reverse("live") + (f"?group={group.pk}" if group else ""))
