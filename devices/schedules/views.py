"""Schedules: all of them, one with what it did, making, changing, pausing, deleting and getting back."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from devices.access.rights import Action, is_owner, owners_only, require, require_owner
from devices.commands import queue as commands
from devices.registry.models import Device
from photohub.lib.database.cursors import page_of
from photohub.lib.http.refusals.api_error import ApiError
from photohub.lib.pages.timezones import hub_timezone

from . import rules
from .forms import PlaceForm, ScheduleForm
from .models import Schedule
from .planning import choose_place, hub_place
from .queue import devices_of
from .wording import in_hubs_zone, lines_of, run_line, when_of

_ON_A_PAGE = 50


@login_required
@require_safe
def list_schedules(request: HttpRequest) -> HttpResponse:
    """List the schedules of the cameras that the person may command, the newest first."""
    require(request.user, Action.COMMAND)
    rows = Schedule.objects.visible_to(request.user).select_related("device", "group")
    try:
        items, following = page_of(rows.present(), "created_at", request.GET.get("cursor", ""), _ON_A_PAGE)
    except ApiError as error:
        raise Http404 from error
    may_make, since = is_owner(request.user), timezone.now() - rules.RESTORABLE_FOR
    deleted = rows.filter(deleted_at__gt=since).order_by("-deleted_at")[:20] if may_make else ()
    place = hub_place()
    context = {
        "lines": lines_of(items, request.user),
        "next": following,
        "may_make": may_make,
        "deleted": deleted,
        "zone": str(hub_timezone()).replace("_", " "),
        "place": place,
        "place_form": PlaceForm(initial=dict(zip(("latitude", "longitude"), place or ("", ""), strict=True))),
    }
    return render(request, "devices/schedules/schedules.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a schedule; `device` fills in what is known already."""
    require_owner(request)
    known = {"target": f"device:{request.GET['device']}"} if request.GET.get("device") else {}
    posted = request.POST if request.method == "POST" else None
    return _form_page(request, ScheduleForm(posted, user=request.user, initial=known))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, id: UUID) -> HttpResponse:
    """Change a schedule."""
    schedule = rules.get_schedule(request.user, id, Action.MANAGE)
    posted = request.POST if request.method == "POST" else None
    return _form_page(request, ScheduleForm(posted, user=request.user, schedule=schedule))


def _form_page(request: HttpRequest, form: ScheduleForm) -> HttpResponse:
    """Show the form, with its next runs where they were asked for; store what was sent otherwise."""
    asks = request.POST.get("action") == "preview" or bool(request.headers.get("HX-Request"))
    if request.method == "POST" and form.is_valid() and not asks:
        saved = form.save()
        if saved is not None:
            messages.success(request, _("Schedule saved."))
            return redirect("schedules:show", saved.pk)
    refused = request.method == "POST" and not form.is_valid() and not asks
    context = {
        "form": form,
        "schedule": form.schedule,
        "asks": asks,
        "following": in_hubs_zone(form.following),
        "zone": str(hub_timezone()).replace("_", " "),
    }
    return render(request, "devices/schedules/schedule_form.html", context, status=422 if refused else 200)


@login_required
@require_safe
def show(request: HttpRequest, id: UUID) -> HttpResponse:
    """Show a schedule: when it runs next, and what came of each time, newest first."""
    schedule = rules.get_schedule(request.user, id, Action.COMMAND)
    cursor = request.GET.get("cursor", "")
    seen = Device.objects.visible_to(request.user)
    rows = schedule.runs.filter(device__in=seen).select_related("device", "command")
    try:
        runs, following = page_of(rows, "due_at", cursor, _ON_A_PAGE)
    except ApiError as error:
        raise Http404 from error
    context = {
        "schedule": schedule,
        "when": when_of(schedule),
        "runs": [run_line(run) for run in runs],
        "next": following,
        "first": not cursor,
        "following": in_hubs_zone(rules.preview(schedule)) if schedule.enabled else [],
        "devices": devices_of(schedule) if schedule.group_id else [],
        "zone": str(hub_timezone()).replace("_", " "),
        "may_change": rules.may(request.user, Action.MANAGE, schedule),
    }
    return render(request, "devices/schedules/schedule.html", context)


@login_required
@require_POST
def switch(request: HttpRequest, id: UUID) -> HttpResponse:
    """Pause a schedule, or let it go on."""
    schedule = rules.get_schedule(request.user, id, Action.MANAGE)
    on = request.POST.get("on") == "1"
    rules.switch(schedule, on, request.user)
    messages.success(request, _("The schedule runs again.") if on else _("The schedule is paused."))
    return redirect("schedules:show", schedule.pk)


@login_required
@require_POST
def run_now(request: HttpRequest, id: UUID) -> HttpResponse:
    """Ask the schedule's cameras now, beside its times."""
    schedule = rules.get_schedule(request.user, id, Action.COMMAND)
    try:
        made = commands.capture_many(devices_of(schedule), user=request.user)
    except commands.CannotCommand as refusal:
        messages.error(request, str(refusal))
    else:
        text = ngettext("%(count)s camera was asked.", "%(count)s cameras were asked.", len(made))
        messages.success(request, text % {"count": len(made)})
    return redirect("schedules:show", schedule.pk)


@login_required
@require_POST
def delete(request: HttpRequest, id: UUID) -> HttpResponse:
    """Delete a schedule; the list offers to get it back."""
    schedule = rules.get_schedule(request.user, id, Action.MANAGE)
    rules.delete_schedule(schedule, request.user)
    messages.success(request, _("The schedule was deleted. You can restore it below for 30 days."))
    return redirect("schedules:list")


@login_required
@require_POST
def restore(request: HttpRequest, id: UUID) -> HttpResponse:
    """Get a deleted schedule back."""
    schedule = rules.get_schedule(request.user, id, Action.MANAGE, deleted=True)
    rules.restore_schedule(schedule, request.user)
    messages.success(request, _("The schedule was restored."))
    return redirect("schedules:show", schedule.pk)


@owners_only
@require_POST
def place(request: HttpRequest) -> HttpResponse:
    """Keep where the hub is."""
    form = PlaceForm(request.POST)
    if form.is_valid():
        choose_place((form.cleaned_data["latitude"], form.cleaned_data["longitude"]))
        messages.success(request, _("Place saved. Schedules that follow the sun were recalculated."))
    else:
        messages.error(request, _("Enter the latitude from -90 to 90 and the longitude from -180 to 180."))
    return redirect("schedules:list")
