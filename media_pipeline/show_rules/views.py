"""Rules that show a camera's pictures on panels: all of them, one with what it did, making and changing."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from devices.access.rights import Action, can, is_owner, require_owner
from devices.panels.deliveries.screens import screens_of
from devices.registry.finding import get_device
from devices.registry.models import Device
from photohub.lib.database.cursors import page_of
from photohub.lib.http.refusals.api_error import ApiError

from . import rules as show_rules
from .forms import RuleForm
from .models import ShowRule
from .wording import lines_of_rules, rules_seen_by, run_line, with_deliveries

_RUNS_ON_A_PAGE = 30


@login_required
@require_safe
def list_rules(request: HttpRequest) -> HttpResponse:
    """List the rules of the cameras that the person may see; `panel` narrows it to those that show there."""
    rows = rules_seen_by(request.user)
    panel = get_device(request.user, request.GET["panel"]) if request.GET.get("panel") else None
    if panel is not None:
        rows = rows.filter(panels=panel)
    context = {
        "lines": lines_of_rules(rows, request.user),
        "panel": panel,
        "may_make": is_owner(request.user),
    }
    return render(request, "media_pipeline/show_rules/rules.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a rule; `camera` and `panel` fill in what is known already."""
    require_owner(request)
    if request.method == "POST":
        return _store(request, RuleForm(request.POST, user=request.user))
    known = {"camera": request.GET.get("camera", ""), "panels": request.GET.getlist("panel")}
    return _form_page(request, RuleForm(user=request.user, initial=known))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, id: UUID) -> HttpResponse:
    """Change a rule."""
    require_owner(request)
    rule = get_object_or_404(rules_seen_by(request.user), pk=id)
    posted = request.POST if request.method == "POST" else None
    form = RuleForm(posted, user=request.user, rule=rule)
    return _form_page(request, form) if posted is None else _store(request, form)


def _store(request: HttpRequest, form: RuleForm) -> HttpResponse:
    saved = form.save() if form.is_valid() else None
    if saved is None:
        return _form_page(request, form, status=422)
    messages.success(request, _("Rule saved."))
    return redirect("rule", saved.pk)


def _form_page(request: HttpRequest, form: RuleForm, status: int = 200) -> HttpResponse:
    context = {"form": form, "rule": form.rule, "has_cameras": Device.objects.cameras().exists()}
    return render(request, "media_pipeline/show_rules/rule_form.html", context, status=status)


@login_required
@require_safe
def show(request: HttpRequest, id: UUID) -> HttpResponse:
    """Show a rule and what it made of the camera's pictures, newest first."""
    rule: ShowRule = get_object_or_404(rules_seen_by(request.user), pk=id)
    cursor = request.GET.get("cursor", "")
    try:
        runs, following = page_of(
            with_deliveries(rule.runs.all(), request.user), "at", cursor, _RUNS_ON_A_PAGE
        )
    except ApiError as error:
        raise Http404 from error
    [line] = lines_of_rules([rule], request.user)
    context = {
        "line": line,
        "rule": rule,
        "runs": [run_line(run, names_panels=not line.hidden) for run in runs],
        "next": following,
        "first": not cursor,
        "may_change": is_owner(request.user),
        "may_list": bool(screens_of(request.user)) or can(request.user, Action.COMMAND),
    }
    return render(request, "media_pipeline/show_rules/rule.html", context)


@login_required
@require_POST
def delete(request: HttpRequest, id: UUID) -> HttpResponse:
    """Delete a rule; what it sent stays."""
    require_owner(request)
    rule = get_object_or_404(rules_seen_by(request.user), pk=id)
    show_rules.delete_rule(rule, request.user)
    messages.success(request, _("The rule was deleted. Pictures it sent remain."))
    return redirect("rules")
