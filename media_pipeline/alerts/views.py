"""“Tell me when”: all rules with their channels and what was told, and the form of a rule."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from devices.access.rights import is_owner, require_owner
from photohub.lib.database.cursors import page_of
from photohub.lib.http.refusals.api_error import ApiError

from . import rules
from .channels.models import AlertChannel
from .forms import RuleForm
from .kinds.kind import Kind
from .kinds.table import BY_WORD, KINDS
from .models import AlertRule
from .wording import alerts_seen_by, lines_of_alerts, lines_of_rules, with_parts

_ALERTS_ON_A_PAGE = 30


@login_required
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show what is to be told, by which channels, and what was told, newest first."""
    cursor = request.GET.get("cursor", "")
    try:
        found, following = page_of(alerts_seen_by(request.user), "began_at", cursor, _ALERTS_ON_A_PAGE)
    except ApiError as error:
        raise Http404 from error
    context = {
        "shelves": _shelves(request.user) if not cursor else [],
        "alerts": lines_of_alerts(found),
        "next": following,
        "first": not cursor,
    }
    return render(request, "media_pipeline/alerts/alerts.html", context)


def _shelves(user) -> list[dict]:
    """Return the person's own rules and channels and, for owners, those of the hub."""
    shelves = []
    for is_hubs in (False, True) if is_owner(user) else (False,):
        owner = None if is_hubs else user
        rows = with_parts(AlertRule.objects.filter(user=owner))
        channels = list(AlertChannel.objects.filter(user=owner))
        shelves.append({"is_hubs": is_hubs, "rules": lines_of_rules(rows, user), "channels": channels})
    return shelves


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Choose a kind, then make a rule of it. `hub`: for the hub instead of the person."""
    for_hub = request.GET.get("hub") == "yes"
    if for_hub:
        require_owner(request)
    word = request.GET.get("kind", "")
    offered = _offered(request.user)
    if not word:
        asked = {name: request.GET[name] for name in ("hub", "device") if request.GET.get(name)}
        context = {"kinds": offered, "more": f"&{urlencode(asked)}" if asked else ""}
        return render(request, "media_pipeline/alerts/rule_kinds.html", context)
    kind = BY_WORD.get(word)
    if kind not in offered:
        raise Http404
    posted = request.POST if request.method == "POST" else None
    known = {"device": request.GET.get("device", "")}
    return _answer(request, RuleForm(posted, user=request.user, kind=kind, for_hub=for_hub, initial=known))


def _offered(user) -> list[Kind]:
    return [kind for kind in KINDS if kind.about != "hub" or is_owner(user)]


def _rule_of(request: HttpRequest, id: UUID) -> AlertRule:
    return get_object_or_404(with_parts(AlertRule.objects.seen_by(request.user)), pk=id)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, id: UUID) -> HttpResponse:
    """Change a rule."""
    rule = _rule_of(request, id)
    kind = BY_WORD.get(rule.kind)
    if kind is None:
        raise Http404
    posted = request.POST if request.method == "POST" else None
    return _answer(request, RuleForm(posted, user=request.user, kind=kind, rule=rule))


def _answer(request: HttpRequest, form: RuleForm) -> HttpResponse:
    saved = form.save() if form.is_bound and form.is_valid() else None
    if saved is None:
        context = {"form": form, "rule": form.rule, "kind": form.kind, "for_hub": form.for_hub}
        status = 422 if form.is_bound else 200
        return render(request, "media_pipeline/alerts/rule_form.html", context, status=status)
    messages.success(request, _("Saved. You are told of what happens from now on."))
    return redirect("alerts")


@login_required
@require_POST
def delete(request: HttpRequest, id: UUID) -> HttpResponse:
    """Delete a rule, with what it told of."""
    rules.delete_rule(_rule_of(request, id))
    messages.success(request, _("The rule was deleted."))
    return redirect("alerts")
