"""Showing pictures of the history on panels: which panels, how, and what they will look like there."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries import screens
from devices.panels.deliveries.queue import OPEN_AT_MOST, CannotDeliver
from devices.panels.rendering.profiles import choices_of
from devices.registry.models import Device
from photohub.lib.ids import read_id

from . import drafts

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
