"""Time-lapses: asking for one, how far it is, watching it, and all of them."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from devices.access.rights import Action, can, require
from devices.keys.tokens import login_or_token
from devices.registry.finding import get_device
from media_pipeline.captures.filters import Filters
from media_pipeline.captures.models import Capture
from media_pipeline.captures.views import away_response
from media_pipeline.nodes import here
from photohub.lib.ids import read_id
from photohub.lib.pages.instants import BadFilter
from photohub.lib.pages.middleware import PageRequest
from photohub.lib.pages.timezones import timezone_of

from . import elsewhere
from . import queue as time_lapses
from .answers import file_response
from .forms import TimeLapseForm, devices_of, initial_of
from .models import LapseState, TimeLapse

_ON_A_PAGE = 30


def get_film(user, id: UUID, action: Action = Action.LOOK) -> TimeLapse:
    """Fetch a time-lapse and authorise: a stranger gets 404, somebody who may only look gets 403."""
    rows = TimeLapse.objects.visible_to(user).select_related("device", "asked_by")
    time_lapse = get_object_or_404(rows, pk=id)
    require(user, action, time_lapse)
    return time_lapse


@login_required
@require_safe
def list_films(request: HttpRequest) -> HttpResponse:
    """Show all time-lapses that the person may watch, newest first; of one device when it is named."""
    rows = TimeLapse.objects.visible_to(request.user).select_related("device", "asked_by")
    device = get_device(request.user, request.GET["device"]) if request.GET.get("device") else None
    if device is not None:
        rows = rows.filter(device=device)
    page = Paginator(rows, _ON_A_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "media_pipeline/time_lapses/time_lapses.html",
        {"films": page, "device": device} | {"may_make": can(request.user, Action.COMMAND)},
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """Ask which pictures; tell how many frames that is and how long it takes; queue it."""
    require(request.user, Action.COMMAND)
    form = _bound_form(request) if request.method == "POST" else _fresh_form(request)
    if request.method == "POST" and request.POST.get("action") == "make" and form.is_valid():
        time_lapse = form.save(request.user)
        if time_lapse is not None:
            return redirect("time_lapse", time_lapse.pk)
    # A form that nobody has sent yet may say that its camera has no pictures; that is no refusal.
    refused = request.method == "POST" and not form.is_valid()
    # htmx puts no refused answer into the page, and counting is a question, not a failure.
    status = 422 if refused and not request.htmx else 200
    return render(request, "media_pipeline/time_lapses/time_lapse_new.html", {"form": form}, status=status)


_BLANK = {"step": 1, "fps": 10, "width": 1280, "stamped": "on"}


def _bound_form(request: HttpRequest) -> TimeLapseForm:
    chosen = [text for text in request.POST.getlist("capture")[: time_lapses.CHOSEN_AT_MOST] if read_id(text)]
    return TimeLapseForm(request.POST, user=request.user, zone=timezone_of(request), chosen=chosen)


def _fresh_form(request: HttpRequest) -> TimeLapseForm:
    """Return the form filled in from the history's filters, and already counted."""
    zone = timezone_of(request)
    try:
        initial = initial_of(Filters.from_query(request.GET, zone), zone)
    except BadFilter:
        initial = initial_of(Filters(), zone)
    first = devices_of(request.user).first()
    values = _BLANK | initial
    values["device"] = values["device"] or (first.code if first else "")
    return TimeLapseForm(values, user=request.user, zone=zone, chosen=[])


def offer_for_chosen(request: HttpRequest, chosen: list[Capture]) -> HttpResponse:
    """Show the form for pictures that were selected in the history. They must be of one camera."""
    devices = {capture.device_id: capture.device for capture in chosen}
    if len(devices) > 1:
        messages.warning(request, _("A time-lapse shows one camera. Select pictures of one camera only."))
        return redirect("history")
    [device] = devices.values()
    require(request.user, Action.COMMAND, device)
    values = _BLANK | {"device": device.code}
    ids = [str(capture.pk) for capture in chosen]
    form = TimeLapseForm(values, user=request.user, zone=timezone_of(request), chosen=ids)
    return render(request, "media_pipeline/time_lapses/time_lapse_new.html", {"form": form})


@login_required
@require_safe
def show(request: HttpRequest, id: UUID) -> HttpResponse:
    """Show one time-lapse: how far it is, or the film."""
    return render(
        request, "media_pipeline/time_lapses/time_lapse.html", _context(request, get_film(request.user, id))
    )


@login_required
@never_cache
@require_GET
def now(request: HttpRequest, id: UUID) -> HttpResponse:
    """Return how far it is, or the film, without the page around it; open pages learn here that it was deleted."""
    try:
        context = _context(request, get_film(request.user, id))
    except Http404:
        context = {}
    return render(request, "media_pipeline/time_lapses/_time_lapse.html", context)


def _context(request: HttpRequest, time_lapse: TimeLapse) -> dict:
    done = time_lapse.frames_done
    left_s = (
        time_lapse.worked_s / done * (time_lapse.frames_total - done)
        if done and time_lapse.worked_s
        else None
    )
    return {
        "film": time_lapse,
        "left_s": left_s,
        "is_here": elsewhere.is_at_hand(time_lapse),
        "away": elsewhere.why_away(time_lapse),
        "may_change": can(request.user, Action.COMMAND, time_lapse),
    }


@login_or_token
@require_safe
def film(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """Serve the film, or the part of it that a player asks for; with `download` as a file to keep."""
    time_lapse = get_film(request.user, id)
    if time_lapse.state != LapseState.READY:
        raise Http404
    try:
        response = _film_response(request, time_lapse)
    except elsewhere.FilmAway as error:
        return away_response(error.said)
    except (OSError, elsewhere.FilmMissing) as error:
        raise Http404 from error
    kind = "attachment" if "download" in request.GET else "inline"
    response["Content-Disposition"] = f'{kind}; filename="{_file_name(time_lapse)}"'
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _film_response(request: HttpRequest, time_lapse: TimeLapse) -> HttpResponseBase:
    if here.holds(time_lapse.node):
        return file_response(request, time_lapses.film_path(time_lapse.pk), "video/mp4")
    return elsewhere.fetch_film(request, time_lapse)


def _file_name(time_lapse: TimeLapse) -> str:
    return f"{time_lapse.device.code}-{time_lapse.created_at:%Y%m%d-%H%M%S}.{time_lapse.format}"


@login_required
@require_POST
def cancel(request: HttpRequest, id: UUID) -> HttpResponse:
    """Stop making it."""
    time_lapse = get_film(request.user, id, Action.COMMAND)
    if not time_lapses.cancel(time_lapse):
        messages.info(request, _("It had already ended."))
    return redirect("time_lapse", time_lapse.pk)


@login_required
@require_POST
def delete(request: HttpRequest, id: UUID) -> HttpResponse:
    """Delete it; the pictures stay."""
    time_lapses.delete(get_film(request.user, id, Action.COMMAND))
    messages.success(request, _("The time-lapse was deleted. Its pictures remain."))
    return redirect("time_lapses")
