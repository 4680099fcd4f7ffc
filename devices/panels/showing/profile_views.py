"""Render profiles: how pictures are drawn for each kind of panel."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from devices.access.rights import require_owner
from devices.panels.deliveries.models import PictureOrigin
from devices.panels.deliveries.queue import CannotDeliver
from devices.panels.rendering.models import RenderProfile
from devices.panels.rendering.profile_values import Profile
from devices.panels.rendering.profiles import describe, faults_of, profile_of, remove_profile
from devices.panels.rendering.shape import shape_of
from devices.registry.models import Panel
from photohub.lib.ids import read_id

from . import drafts
from .drafts import Draft, Drawn
from .forms import RenderForm
from .sample import sample_picture


@login_required
@require_safe
def render_list(request: HttpRequest) -> HttpResponse:
    """List the ready-made profiles and the hub's own."""
    require_owner(request)
    used = Panel.objects.exclude(render_profile=None).values_list("render_profile").annotate(n=Count("pk"))
    counts = dict(used.order_by())
    rows = RenderProfile.objects.order_by("ready_made", "name")
    shown = [(row, describe(row), counts.get(row.pk, 0), shape_of(profile_of(row.settings))) for row in rows]
    context = {
        "own": [line for line in shown if not line[0].ready_made],
        "ready_made": [line for line in shown if line[0].ready_made],
    }
    return render(request, "devices/panels/showing/profiles.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a profile, like another one (`from`) or from the beginning."""
    require_owner(request)
    like = RenderProfile.objects.filter(name=request.GET.get("from", "")).first()
    form = RenderForm(request.POST if request.method == "POST" else None, like=like)
    return _work(request, form)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, name: str) -> HttpResponse:
    """Show a profile with what it makes of a picture; the hub's own can be changed."""
    require_owner(request)
    profile = get_object_or_404(RenderProfile, name=name)
    form = RenderForm(request.POST if request.method == "POST" else None, profile=profile)
    return _work(request, form)


def _work(request: HttpRequest, form: RenderForm) -> HttpResponse:
    """Preview or store what was typed, or show the form as it is."""
    stores = request.method == "POST" and request.POST.get("act") != "preview"
    if stores and form.is_valid() and (saved := form.save()) is not None:
        messages.success(request, _("Profile saved."))
        return redirect("devices:render", saved.name)
    context: dict = {
        "form": form,
        "profile": form.profile,
        "sent": request.POST,
        "capture": str(read_id(request.POST.get("capture", "")) or ""),
    }
    try:
        context["drawn"] = _draw(request, form)
        context["problem"] = _mistakes_of(form)
    except CannotDeliver as refusal:
        context["problem"] = refusal.sentence
    # A preview that says why there is none has done its work.
    return render(request, "devices/panels/showing/profile.html", context, status=422 if stores else 200)


def _mistakes_of(form: RenderForm) -> str:
    """Say the form's mistakes in one line, for whoever looks at the preview."""
    named = [
        (form.fields[name].label if name in form.fields else "", " ".join(str(error) for error in errors))
        for name, errors in form.errors.items()
    ]
    return " ".join(f"{label}: {words}" if label else words for label, words in named)


def _draw(request: HttpRequest, form: RenderForm) -> Drawn | None:
    """Return what the form's values make of the sample or the chosen picture; None while they are wrong."""
    if form.is_bound:
        if form.errors:
            return None
        settings = form.settings()
        if faults := faults_of(Profile(**settings)):
            form.take_errors(faults)
            return None
    else:
        settings = form.initial_settings()
    chosen = request.POST.get("capture", "")
    draft = (
        drafts.read_capture(request.user, chosen)
        if chosen
        else Draft(PictureOrigin.UPLOAD, "", picture=sample_picture())
    )
    return drafts.draw_picture(request.user, draft, settings, request.POST.get("caption", ""))


@login_required
@require_POST
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """Delete a profile that nothing needs."""
    require_owner(request)
    profile = get_object_or_404(RenderProfile, name=name)
    try:
        remove_profile(profile)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("devices:render", name)
    messages.success(request, _("%(name)s is deleted.") % {"name": profile})
    return redirect("devices:renders")
