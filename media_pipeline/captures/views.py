"""The page of one picture, its panel in the lightbox, and what can be done with it."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from devices.access.rights import Action, can
from devices.commands.views import wants_json
from devices.keys.tokens import login_or_basic, login_or_token
from devices.panels.deliveries.screens import has_screens
from devices.registry import presence
from devices.registry.finding import get_device
from media_pipeline.mirror import waking
from media_pipeline.nodes import queues
from photohub.lib.pages.picture_response import picture_response
from photohub.lib.pages.sentences import Said
from photohub.lib.pages.timezones import timezone_of

from . import labels
from .cards import look_beside, picture_of
from .finding import get_capture, has_lasting_link, link_of, with_parts
from .models import Capture
from .reading import PictureAway, PictureMissing, is_at_hand, read_picture, read_thumbnail, why_away
from .timeline import timeline_of
from .wording import exif_of, facts_of, fault_of, freshness_words


@login_required
@require_GET
def show(request: HttpRequest, id: UUID) -> HttpResponse:
    """Show one picture and its timeline."""
    capture = get_capture(request.user, id)
    exif, missing, away = [], False, None
    try:
        exif = exif_of(read_picture(capture))
    except PictureAway as error:
        away = error.said
    except PictureMissing:
        missing = True
    context = _common(request, capture) | {"missing": missing, "away": away, "exif": exif}
    return render(request, "media_pipeline/captures/capture.html", context)


@login_required
@require_GET
def panel(request: HttpRequest, id: UUID) -> HttpResponse:
    """Return what the lightbox tells about a picture."""
    capture = get_capture(request.user, id)
    return render(request, "media_pipeline/captures/_panel.html", _common(request, capture))


def _common(request: HttpRequest, capture: Capture) -> dict:
    stages, beside = timeline_of(capture), look_beside(capture, timezone_of(request))
    return {
        "capture": capture,
        "picture": picture_of(capture),
        "stages": stages,
        "stopped": [
            s for s in stages if s.state == "stopped" or (s.key == "mirrored" and s.state == "waiting")
        ],
        "is_here": is_at_hand(capture),
        "away": why_away(capture),
        "facts": facts_of(capture),
        "link": link_of(capture),
        "link_works": has_lasting_link(capture),
        "older": beside.older,
        "newer": beside.newer,
        "days": beside.days,
        "tags": capture.tags.all(),
        "tag_line": labels.tag_line(capture),
        "fault": fault_of(capture),
        "freshness": freshness_words(capture),
        "may_change": can(request.user, Action.COMMAND, capture.device),
        "may_delete": can(request.user, Action.MANAGE, capture.device),
        "may_show": has_screens(request.user),
        "may_capture": can(request.user, Action.COMMAND, capture.device)
        and presence.why_deaf(capture.device) is None,
    }


@login_required
@require_POST
def retry_mirror(request: HttpRequest, id: UUID) -> HttpResponse:
    """Copy the picture to the mirror now."""
    capture = get_capture(request.user, id, Action.COMMAND)
    if waking.retry_now(capture.pk):
        queues.send_home("media_pipeline.tasks.mirror_captures", [(capture.pk, capture.node)])
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
    if wants_json(request):
        capture.refresh_from_db(fields=["note"])
        return JsonResponse({"note": capture.note, "tags": labels.tag_line(capture)})
    messages.success(request, _("Saved."))
    return redirect("capture", id=id)


@login_required
@require_POST
def keep(request: HttpRequest, id: UUID) -> HttpResponse:
    """Keep the picture, or let it go (kept=no)."""
    capture = get_capture(request.user, id, Action.COMMAND)
    kept = request.POST.get("kept") != "no"
    labels.set_kept([capture], kept)
    if wants_json(request):
        return JsonResponse({"kept": kept})
    return redirect("capture", id=id)


FOR_EVER = "private, max-age=31536000, immutable"
SOON_AGAIN = "private, max-age=30"


@login_or_token
@require_safe
def original(request: HttpRequest, id: UUID) -> HttpResponse:
    """Serve a picture exactly as it was sent."""
    capture = get_capture(request.user, id)
    return unchanged(request, capture.sha256) or _serve_original(capture, FOR_EVER)


@login_or_token
@require_safe
def thumb(request: HttpRequest, id: UUID) -> HttpResponse:
    """Serve a small preview, else the picture itself, and where that is gone a drawing that says so."""
    capture = get_capture(request.user, id)
    tag = f"{capture.sha256}-thumb"
    if not_modified := unchanged(request, tag):
        return not_modified
    if data := read_thumbnail(capture):
        return picture_response(data, "image/webp", f"{capture.code}.webp", FOR_EVER, tag)
    try:
        return picture_response(read_picture(capture), capture.content_type, _file_name(capture), SOON_AGAIN)
    except PictureAway:
        drawing = render_to_string("media_pipeline/captures/away.svg").encode()
        response = picture_response(drawing, "image/svg+xml", "away.svg", "no-store")
        return note_away(response)
    except PictureMissing:
        drawing = render_to_string("media_pipeline/captures/missing.svg").encode()
        response = picture_response(drawing, "image/svg+xml", "missing.svg", "no-store")
        response.status_code = 404
        return response


@login_or_basic
@require_safe
def latest(request: HttpRequest, code: str) -> HttpResponse:
    """Serve the newest picture of a device."""
    device = get_device(request.user, code)
    capture = with_parts(Capture.objects.filter(device=device)).order_by("-received_at", "-id").first()
    if capture is None:
        raise Http404
    return _serve_original(capture, "no-store")


def _serve_original(capture: Capture, cache_control: str) -> HttpResponse:
    try:
        data = read_picture(capture)
    except PictureAway as error:
        return away_response(error.said)
    except PictureMissing as error:
        raise Http404 from error
    tag = "" if cache_control == "no-store" else capture.sha256
    return picture_response(data, capture.content_type, _file_name(capture), cache_control, tag)


def away_response(sentence: Said) -> HttpResponse:
    """Say that a file is on a machine that does not answer: it is not lost, and comes back."""
    return note_away(HttpResponse(str(sentence), content_type="text/plain; charset=utf-8"))


def note_away(response: HttpResponse) -> HttpResponse:
    """Make it an answer that nobody keeps, and that says when to ask again."""
    response.status_code = 503
    response["Cache-Control"], response["Retry-After"] = "no-store", "10"
    return response


def _file_name(capture: Capture) -> str:
    return f"{capture.code}.{capture.path.rpartition('.')[2]}"


def unchanged(request: HttpRequest, tag: str) -> HttpResponse | None:
    """Return 304 when the browser already has these bytes; they can never change."""
    quoted = f'"{tag}"'
    answer = get_conditional_response(request, etag=quoted, response=None)
    if answer is not None and answer.status_code == 304:
        answer["ETag"] = quoted
    return answer
