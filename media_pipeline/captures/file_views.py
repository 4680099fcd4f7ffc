"""The pictures' bytes, for people with the right to see them.

A picture is at most PHOTOHUB_MAX_UPLOAD long and is read whole, in the view's own thread: under ASGI a file
response would be collected whole in any case.
"""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from devices.access.rights import get_device
from devices.keys.tokens import login_or_basic, login_or_token
from media_pipeline.captures.reading import PictureMissing, read_picture, read_thumbnail
from media_pipeline.history.query import with_parts
from media_pipeline.models import Capture
from photohub.lib.pages.picture_response import picture_response

from .finding import get_capture

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
    except PictureMissing as error:
        raise Http404 from error
    tag = "" if cache_control == "no-store" else capture.sha256
    return picture_response(data, capture.content_type, _file_name(capture), cache_control, tag)


def _file_name(capture: Capture) -> str:
    return f"{capture.code}.{capture.path.rpartition('.')[2]}"


def unchanged(request: HttpRequest, tag: str) -> HttpResponse | None:
    """Return 304 when the browser already has these bytes; they can never change."""
    quoted = f'"{tag}"'
    answer = get_conditional_response(request, etag=quoted, response=None)
    if answer is not None and answer.status_code == 304:
        answer["ETag"] = quoted
    return answer
