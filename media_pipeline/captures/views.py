"""The page of one picture, its panel in the lightbox, and what can be done with it."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from devices.access.rights import Action, can
from devices.panels.deliveries.screens import screens_of
from media_pipeline.captures import labels
from media_pipeline.captures.cards import picture_of
from media_pipeline.captures.reading import PictureMissing, read_picture
from media_pipeline.captures.timeline import truth_line
from media_pipeline.captures.wording import exif_of, facts_of
from media_pipeline.history.query import neighbours_of
from media_pipeline.links.publish import link_of
from media_pipeline.mirror import copying as mirror
from media_pipeline.models import Capture
from media_pipeline.storage import store
from photohub.lib.messaging import enqueue as doorbell
from photohub.lib.network.site import base_url
from photohub.lib.pages.timezones import in_visitors_zone

from .finding import get_capture


@login_required
@require_GET
@in_visitors_zone
def show(request: HttpRequest, id: UUID) -> HttpResponse:
    """Show one picture and the truth about it."""
    capture = get_capture(request.user, id)
    try:
        exif, missing = exif_of(read_picture(capture)), False
    except PictureMissing:
        exif, missing = [], True
    older, newer = neighbours_of(capture)
    context = _common(request, capture) | {
        "missing": missing,
        "exif": exif,
        "older": picture_of(older) if older else None,
        "newer": picture_of(newer) if newer else None,
        "shares": [(share, f"{base_url()}/p/{share.code}") for share in capture.share_links.all()[:50]],
        "tag_line": ", ".join(tag.name for tag in capture.tags.all()),
    }
    return render(request, "media_pipeline/captures/capture.html", context)


@login_required
@require_GET
@in_visitors_zone
def panel(request: HttpRequest, id: UUID) -> HttpResponse:
    """Return what the lightbox tells about a picture."""
    capture = get_capture(request.user, id)
    return render(request, "media_pipeline/captures/_panel.html", _common(request, capture))


def _common(request: HttpRequest, capture: Capture) -> dict:
    stages = truth_line(capture)
    return {
        "capture": capture,
        "picture": picture_of(capture),
        "stages": stages,
        "stopped": [
            s for s in stages if s.state == "stopped" or (s.key == "mirrored" and s.state == "waiting")
        ],
        "is_here": store.full_path(capture.path).is_file(),
        "facts": facts_of(capture),
        "link": link_of(capture),
        "tags": capture.tags.all(),
        "may_change": can(request.user, Action.COMMAND, capture.device),
        "may_delete": can(request.user, Action.MANAGE, capture.device),
        "may_show": bool(screens_of(request.user)),
        "may_capture": can(request.user, Action.COMMAND, capture.device)
        and capture.device.enabled
        and capture.device.takes_commands,
    }


@login_required
@require_POST
def retry_mirror(request: HttpRequest, id: UUID) -> HttpResponse:
    """Copy the picture to the mirror now."""
    capture = get_capture(request.user, id, Action.COMMAND)
    if mirror.retry_now(capture.pk):
        doorbell.ring("media_pipeline.tasks.mirror_captures", [capture.pk])
        messages.success(request, _("The copy is tried again now."))
    else:
        messages.info(request, _("The copy is already done or on its way."))
    return redirect("capture", id=id)


@login_required
@require_POST
def save_labels(request: HttpRequest, id: UUID) -> HttpResponse:
    """Save the note and the tags."""
    capture = get_capture(request.user, id, Action.COMMAND)
    labels.save_labels(capture, request.POST.get("note", ""), request.POST.get("tags", ""))
    messages.success(request, _("Saved."))
    return redirect("capture", id=id)


@login_required
@require_POST
def keep(request: HttpRequest, id: UUID) -> HttpResponse:
    """Keep the picture, or let it go (kept=no)."""
    capture = get_capture(request.user, id, Action.COMMAND)
    labels.set_kept([capture], request.POST.get("kept") != "no")
    return redirect("capture", id=id)


@login_required
@require_POST
def change_link(request: HttpRequest, id: UUID) -> HttpResponse:
    """Withdraw the lasting link, or let it work again (revoked=no)."""
    capture = get_capture(request.user, id, Action.COMMAND)
    revoked = request.POST.get("revoked") != "no"
    labels.set_link_revoked(capture, revoked)
    messages.success(request, _("The link no longer works.") if revoked else _("The link works again."))
    return redirect("capture", id=id)


@login_required
@require_POST
def add_share(request: HttpRequest, id: UUID) -> HttpResponse:
    """Make a link for somebody without an account."""
    capture = get_capture(request.user, id, Action.COMMAND)
    how_long = request.POST.get("for", "1d")
    if how_long not in labels.SHARE_FOR:
        raise BadRequest("A share link lasts 1h, 1d, 7d or never ends.")
    labels.share(capture, request.user, how_long)
    messages.success(request, _("The share link is ready below."))
    return redirect("capture", id=id)


@login_required
@require_POST
def revoke_share(request: HttpRequest, id: UUID, code: str) -> HttpResponse:
    """End a share link at once."""
    capture = get_capture(request.user, id, Action.COMMAND)
    if labels.revoke_share(capture, code):
        messages.success(request, _("The share link no longer works."))
    return redirect("capture", id=id)
