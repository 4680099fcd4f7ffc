"""The tab “Show a picture”: what the panel shows, choosing another one, and what is on its way."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from devices.access.rights import Action, can
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries import screens
from devices.panels.deliveries.queue import OPEN_AT_MOST, CannotDeliver
from devices.panels.deliveries.wording import lines_of
from devices.panels.rendering.profiles import choices_of
from devices.panels.sources import outbox
from devices.protocol import topics
from devices.registry.changes import change_device
from devices.registry.disclosure import tell_label
from devices.registry.finding import get_device
from devices.registry.models import Device, Panel
from devices.registry.tabs import frame_of
from photohub.lib.ids import read_id
from photohub.lib.memory.budget import Crowded
from photohub.lib.pages.picture_response import picture_response

from . import drafts

LINES = 8
_A_WHILE = "private, max-age=600"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, code: str) -> HttpResponse:
    """Show the tab; `act=preview` shows what would arrive, `act=send` sends it."""
    asks = request.method == "POST"
    device = get_device(request.user, code, Action.COMMAND if asks else Action.LOOK)
    if not asks:
        return _page(request, device, _draw_named(request, device))
    render_name, caption = request.POST.get("render", ""), request.POST.get("caption", "")
    sends = request.POST.get("act") == "send"
    try:
        deliveries.check(device, render_name)
        draft = drafts.read_draft(request.user, request.POST, request.FILES, fetch=not sends)
        if sends:
            deliveries.deliver(device, draft.wish(render_name, caption), request.user)
            return redirect(reverse("devices:show", args=[code]) + "#on-the-way")
        drawn = drafts.draw_draft(request.user, device, draft, render_name, caption)
    except CannotDeliver as refusal:
        # A preview that says why there is none has done its work.
        return _page(request, device, {"problem": refusal.sentence}, status=422 if sends else 200)
    except Crowded as crowd:
        return _page(request, device, {"problem": crowd.sentence}, status=503)
    except OSError:
        problem = _("The picture could not be stored on the hub's disk. Nothing was sent.")
        return _page(request, device, {"problem": problem}, status=507)
    return _page(request, device, {"drawn": drawn, "draft": draft})


def _draw_named(request: HttpRequest, device: Device) -> dict:
    """Draw the picture that the page's address names, so that its preview is there from the beginning."""
    named = read_id(request.GET.get("capture", ""))
    takes = device.enabled and device.takes_pictures
    if not (named and takes and can(request.user, Action.COMMAND, device)):
        return {}
    try:
        draft = drafts.read_capture(request.user, str(named))
        return {"drawn": drafts.draw_draft(request.user, device, draft, "", ""), "draft": draft}
    except (CannotDeliver, Crowded) as refusal:
        return {"problem": refusal.sentence}
    except OSError:
        return {}  # The page's script asks once more, and says what is wrong.


def _page(request: HttpRequest, device: Device, values: dict | None = None, status: int = 200):
    panel = Panel.objects.filter(device=device).select_related("render_profile").first()
    form = request.POST if request.method == "POST" else request.GET
    context = (
        frame_of(request, device, "show")
        | now_of(request, device)
        | {
            "takes": device.takes_pictures,
            "in_turn": device.playlist.count(),
            "own_profile": panel.render_profile if panel else None,
            "renders": choices_of(),
            "form": form,
            "source": form.get("source", "capture"),
            "capture": str(read_id(form.get("capture", "")) or ""),
        }
    )
    context["can_show"] = context["takes"] and device.enabled and context["may_command"]
    return render(request, "devices/panels/showing/show.html", context | (values or {}), status=status)


def now_of(request: HttpRequest, device: Device) -> dict:
    """Return what changes by itself: what the panel shows, and what is on its way."""
    rows = device.deliveries.select_related("device").order_by("-created_at")[:LINES]
    panel = Panel.objects.filter(device=device).first()
    label = tell_label(request.user, panel.shown_label, device) if panel else ""
    return {
        "panel": panel,
        "shown_from": _("a picture from History") if read_id(label) else label,
        "lines": lines_of(rows, request.user),
        "may_list": can(request.user, Action.COMMAND, device),
    }


@login_required
@never_cache
@require_safe
def show_now(request: HttpRequest, code: str) -> HttpResponse:
    """What the panel shows and what is on its way, as a fragment."""
    device = get_device(request.user, code)
    return render(
        request, "devices/panels/showing/_show_now.html", {"device": device} | now_of(request, device)
    )


@login_required
@require_safe
def shown(request: HttpRequest, code: str) -> HttpResponse:
    """The picture that the panel shows now, as people see it."""
    device = get_device(request.user, code)
    try:
        seen = screens.see_shown(device)
    except screens.NothingToSee as nothing:
        raise Http404 from nothing
    # Its address holds the hash of what is shown, so it may be kept.
    return picture_response(seen.data, seen.content_type, f"{code}-shown", _A_WHILE)


@login_required
@require_safe
def drawn(request: HttpRequest) -> HttpResponse:
    """A picture that was drawn for this person a moment ago and not sent yet."""
    found = drafts.read_drawn(request.user, request.GET.get("of", ""))
    if found is None:
        raise Http404
    try:
        seen = screens.see(*found)
    except screens.NothingToSee as nothing:
        raise Http404 from nothing
    return picture_response(seen.data, seen.content_type, "preview", _A_WHILE)


@login_required
@require_safe
def capture_preview(request: HttpRequest, code: str) -> HttpResponse:
    """A picture of the history as this panel would show it."""
    device = get_device(request.user, code, Action.COMMAND)
    wished = [request.GET.get(name, "") for name in ("render", "caption")]
    try:
        draft = drafts.read_capture(request.user, request.GET.get("capture", ""))
        made = drafts.draw_draft(request.user, device, draft, *wished)
        drawn = drafts.read_drawn(request.user, made.token)
        if drawn is None:
            raise Http404
        seen = screens.see(*drawn)
    except (CannotDeliver, screens.NothingToSee, outbox.BlobMissing) as nothing:
        raise Http404 from nothing
    return picture_response(seen.data, seen.content_type, f"{code}-preview", _A_WHILE)


@login_required
@require_POST
def take_pictures(request: HttpRequest, code: str) -> HttpResponse:
    """Give a device the two topics on which pictures go."""
    device = get_device(request.user, code, Action.MANAGE)
    wanted = {"picture_topic": topics.Channel.PICTURE, "picture_ack_topic": topics.Channel.PICTURE_ACK}
    change_device(
        device, {name: topics.build(code, channel) for name, channel in wanted.items()}, request.user
    )
    messages.success(request, _("Pictures can be sent to it now. Its program must know these two topics."))
    return redirect("devices:show", code)


_LAST = "last_panels"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def choose_panel(request: HttpRequest) -> HttpResponse:
    """Ask on which panels the chosen pictures go; `act=send` sends them, the oldest first."""
    form = request.POST if request.method == "POST" else request.GET
    known = (read_id(text) for text in form.getlist("capture")[:OPEN_AT_MOST])
    chosen = list(dict.fromkeys(str(capture) for capture in known if capture))
    panels = screens.screens_of(request.user)
    if request.method == "POST" and form.get("act") == "send":
        wanted = set(form.getlist("panel"))
        on = [device for device in panels if device.code in wanted]
        if on and chosen:
            return _send(request, chosen, on)
        messages.warning(request, _("Choose a panel.") if chosen else _("No picture was selected."))
    last = form.getlist("panel") or request.session.get(_LAST, [])
    if len(panels) == 1:
        last = [panels[0].code]
    context = {"chosen": chosen, "panels": panels, "last": last, "renders": choices_of(), "form": form}
    return render(request, "devices/panels/showing/choose_panel.html", context)


def _send(request: HttpRequest, chosen: list[str], panels: list[Device]) -> HttpResponse:
    request.session[_LAST] = [device.code for device in panels]
    render_name, caption = request.POST.get("render", ""), request.POST.get("caption", "")
    sent = 0
    # Pages list the newest first; a panel shows them in the order in which they were taken.
    for capture in reversed(chosen):
        try:
            draft = drafts.read_capture(request.user, capture)
        except CannotDeliver as refusal:
            messages.warning(request, refusal.sentence)
            continue
        for device in panels:
            try:
                deliveries.deliver(device, draft.wish(render_name, caption), request.user)
                sent += 1
            except CannotDeliver as refusal:
                messages.warning(request, refusal.sentence)
    if sent:
        text = ngettext("%(count)s picture is on its way.", "%(count)s pictures are on their way.", sent)
        messages.success(request, text % {"count": sent})
    if len(panels) == 1:
        return redirect(reverse("devices:show", args=[panels[0].code]) + "#on-the-way")
    return redirect("devices:deliveries")
