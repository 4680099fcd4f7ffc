"""Making links for people without an account, and the list of those that were made."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from devices.access.rights import Action, can
from devices.commands.views import wants_json
from media_pipeline.captures.cards import picture_of
from photohub.lib.database.cursors import page_of
from photohub.lib.http.refusals.api_error import ApiError

from . import sharing
from .models import ShareKind, ShareLink
from .share_forms import LASTS, read_wish

_PAGE = 50
_SHOWN = 12


@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Ask for how long and with which password, then make the link. A POST without `for` asks as well."""
    if not can(request.user, Action.COMMAND):
        raise PermissionDenied
    query = request.POST if request.method == "POST" else request.GET
    if not (query.getlist("capture") or query.get("device")):
        messages.warning(request, _("Choose what to share first."))
        return redirect("history")
    wish, left_out = read_wish(request, query)
    how_long = query.get("for", "") if request.method == "POST" else ""
    if how_long not in sharing.SHARE_FOR:
        return render(request, "media_pipeline/links/share.html", _form(query, wish, left_out))
    try:
        password = query.get("password", "")
        link = sharing.share(wish, request.user, sharing.ends_after(how_long), password)
    except ValidationError as error:
        context = _form(query, wish, left_out) | {"problem": " ".join(error.messages)}
        return render(request, "media_pipeline/links/share.html", context, status=422)
    page = reverse("share_link", args=[link.code])
    if wants_json(request):
        answer = {"url": sharing.url_of(link), "code": link.code, "page": page, "expires_at": link.expires_at}
        return JsonResponse(answer, status=201)
    return redirect(page)


def _form(query, wish: sharing.Wish, left_out: int) -> dict:
    return {
        "wish": wish,
        "kind": wish.kind,
        "pictures": [picture_of(capture) for capture in wish.captures[:_SHOWN]],
        "more": max(0, len(wish.captures) - _SHOWN),
        "ids": [capture.pk for capture in wish.captures],
        "device": wish.of_device,
        "day": wish.since,
        "left_out": left_out,
        # From one picture it is one step to its camera's day or live view.
        "may_widen": len(wish.captures) == 1,
        "lasts": LASTS,
        "chosen": query.get("for", "") or sharing.USUALLY,
    }


@login_required
@require_GET
def list_links(request: HttpRequest) -> HttpResponse:
    """List the person's links; `all` lists everybody's of the devices that he may command."""
    wants_all = request.GET.get("all") == "1"
    rows = ShareLink.objects.visible_to(request.user)
    rows = rows if wants_all else rows.filter(created_by=request.user)
    rows = rows.select_related("device", "created_by", "capture__device")
    try:
        items, following = page_of(rows, "created_at", request.GET.get("cursor", ""), _PAGE)
    except ApiError:
        return redirect("shared_links")
    mine = [link for link in items if sharing.may_revoke(request.user, link)]
    context = {
        "links": lines_of(mine),
        "next": following,
        "wants_all": wants_all,
    }
    return render(request, "media_pipeline/links/shared_links.html", context)


@login_required
@require_GET
def show(request: HttpRequest, code: str) -> HttpResponse:
    """Show a link to whoever made it: its address to copy, until when it holds, how often it was opened."""
    link = _get_link(request, code)
    pictures = (
        [] if link.kind == ShareKind.LIVE else [picture_of(c) for c in sharing.pictures_of(link)[:_SHOWN]]
    )
    [line] = lines_of([link])
    context = line | {"pictures": pictures}
    return render(request, "media_pipeline/links/share_link.html", context)


@login_required
@require_POST
def revoke(request: HttpRequest, code: str) -> HttpResponse:
    """End a link at once."""
    link = _get_link(request, code)
    if sharing.revoke_share(link, request.user):
        messages.success(request, _("The link no longer works."))
    if wants_json(request):
        return JsonResponse({"code": link.code, "revoked_at": link.revoked_at or timezone.now()})
    return redirect("shared_links")


def lines_of(links: list[ShareLink]) -> list[dict]:
    """Dress links for a page; their pictures are counted by one query for all of them."""
    chosen = ShareLink.captures.through.objects.filter(sharelink__in=[link.pk for link in links])
    chosen = chosen.filter(capture__trashed_at=None)
    counts = dict(chosen.values_list("sharelink").annotate(Count("pk")))
    return [
        {
            "link": link,
            "url": sharing.url_of(link),
            "device": link.device,
            "pictures_count": counts.get(link.pk, 0) if link.kind == ShareKind.SELECTION else None,
        }
        for link in links
    ]


def _get_link(request: HttpRequest, code: str) -> ShareLink:
    """Fetch a link and authorise: a stranger gets 404, whoever may only look gets 403."""
    rows = ShareLink.objects.visible_to(request.user).select_related(
        "device", "created_by", "capture__device"
    )
    link = get_object_or_404(rows, code=code)
    if not sharing.may_revoke(request.user, link):
        raise PermissionDenied
    return link
