"""What a shared link opens: its page, its pictures, all of them as an archive. For people without an account."""

import time
from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.contrib.auth.hashers import check_password
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from media_pipeline.captures.cards import picture_of
from media_pipeline.captures.models import Capture
from media_pipeline.captures.reading import PictureAway, PictureMissing, read_picture, read_thumbnail
from media_pipeline.captures.views import away_response
from media_pipeline.live import now as live_now
from photohub.lib.database.cursors import page_of
from photohub.lib.http.guessing import FailedTries, source_of
from photohub.lib.http.rates import Buckets
from photohub.lib.http.refusals.api_error import ApiError
from photohub.lib.http.scope import address_of
from photohub.lib.pages.picture_response import picture_response

from . import sharing
from .archive import TooMany, fits, stream_shared
from .models import ShareKind, ShareLink
from .shared_proof import is_unlocked, unlock

_PAGE = 60
_LARGE_AT_MOST = 12
_BRIEFLY = "private, max-age=300"
_NOT_KEPT = "no-store"
_failed_tries = FailedTries()
# A password may be tried a few times from one address, and some more often from all together.
_tries_of_one = Buckets(per_second=1 / 60, burst=5)
_tries_of_all = Buckets(per_second=1 / 10, burst=60)

View = Callable[..., HttpResponseBase]


def opens(view: View) -> View:
    """Hand the view the link that the address names; say why there is none, or ask for its password."""

    @wraps(view)
    def guarded(request: HttpRequest, code: str, **names) -> HttpResponseBase:
        address = address_of(request)
        if wait_s := _failed_tries.wait_s(address, code):
            return _private(_too_many(wait_s))
        link = sharing.find(code)
        if link is None:
            wait_s = _failed_tries.missed(address)
            return _private(_too_many(wait_s) if wait_s else _say(request, 404, _unknown()))
        _failed_tries.found(code)
        if ended := _why_ended(link):
            return _private(_say(request, 410, ended))
        if not is_unlocked(request.COOKIES, link):
            return _private(_ask_password(request, link))
        return _private(view(request, link, **names))

    return guarded


def _private(response: HttpResponseBase) -> HttpResponseBase:
    """Keep the page out of search engines, and its address out of what the browser tells other sites."""
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "same-origin"
    if not response.has_header("Cache-Control"):
        response["Cache-Control"] = _NOT_KEPT
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@opens
def open_link(request: HttpRequest, link: ShareLink) -> HttpResponse:
    """Show what the link opens. Who loads the page again within an hour is counted once."""
    seen = f"photohub_seen_{link.code}"
    response = _show_live(request, link) if link.kind == ShareKind.LIVE else _show_pictures(request, link)
    if request.method == "GET" and response.status_code == 200 and seen not in request.COOKIES:
        sharing.note_opened(link)
        response.set_cookie(seen, "1", max_age=3600, path=f"/s/{link.code}", httponly=True, samesite="Lax")
    return response


def _show_pictures(request: HttpRequest, link: ShareLink) -> HttpResponse:
    try:
        rows = sharing.pictures_of(link)
        items, following = page_of(rows, "received_at", request.GET.get("cursor", ""), _PAGE)
    except ApiError:
        return redirect("share_open", link.code)
    if not items:
        return _say(request, 410, _nothing_left(link))
    alone = items[0] if len(items) == 1 else None
    context = {
        "link": link,
        "pictures": [picture_of(capture) for capture in items],
        "alone": alone,
        "large": len(items) <= _LARGE_AT_MOST,
        "names": sharing.names_of(items),
        "has_archive": fits(rows),
        "next": following,
    }
    return render(request, "media_pipeline/links/shared.html", context)


def _show_live(request: HttpRequest, link: ShareLink) -> HttpResponse:
    if link.device is None or not sharing.opens_live(link):
        return _say(request, 410, _("This camera can no longer be watched by this link."))
    newest = sharing.pictures_of(link).first()
    context = {
        "link": link,
        "device": link.device,
        "streaming": link.device.code in live_now.stats_of([link.device.code]),
        "picture": picture_of(newest) if newest else None,
    }
    return render(request, "media_pipeline/links/shared_live.html", context)


@require_safe
@opens
def picture(request: HttpRequest, link: ShareLink, id: UUID) -> HttpResponse:
    """Serve one of the link's pictures exactly as it was sent."""
    return _serve(request, link, _picture_in(link, id))


@require_safe
@opens
def thumb(request: HttpRequest, link: ShareLink, id: UUID) -> HttpResponse:
    """Serve a small preview of one of the link's pictures, else the picture itself."""
    capture = _picture_in(link, id)
    if capture is not None and (data := read_thumbnail(capture)):
        return picture_response(data, "image/webp", f"{capture.code}.webp", _cache_of(link))
    return _serve(request, link, capture)


def _picture_in(link: ShareLink, id: UUID) -> Capture | None:
    """Return the picture of this id; a live view has none but its newest (`latest`)."""
    return None if link.kind == ShareKind.LIVE else sharing.pictures_of(link).filter(pk=id).first()


@require_safe
@opens
def latest(request: HttpRequest, link: ShareLink) -> HttpResponse:
    """Serve the newest of the link's pictures."""
    if link.kind == ShareKind.LIVE and not sharing.opens_live(link):
        return _say(request, 410, _nothing_left(link))
    return _serve(request, link, sharing.pictures_of(link).first(), _NOT_KEPT)


@require_safe
@opens
def archive(request: HttpRequest, link: ShareLink) -> HttpResponseBase:
    """Serve all of the link's pictures as one ZIP file."""
    if link.kind == ShareKind.LIVE:
        return _say(request, 404, _unknown())
    try:
        return stream_shared(sharing.pictures_of(link))
    except TooMany as refusal:
        answer = _say(request, refusal.status, str(refusal))
        if refusal.status == 503:
            answer["Retry-After"] = "60"
        return answer


def _serve(
    request: HttpRequest, link: ShareLink, capture: Capture | None, cache_control: str = ""
) -> HttpResponse:
    try:
        data = read_picture(capture) if capture else b""
    except PictureAway as error:
        return away_response(error.said)
    except PictureMissing:
        data = b""
    if capture is None or not data:
        return _say(request, 404, _nothing_left(link))
    name = f"{capture.device.code}-{capture.received_at:%Y%m%d-%H%M%S}.{capture.path.rpartition('.')[2]}"
    return picture_response(data, capture.content_type, name, cache_control or _cache_of(link))


def _cache_of(link: ShareLink) -> str:
    return _NOT_KEPT if link.password else _BRIEFLY


def _ask_password(request: HttpRequest, link: ShareLink) -> HttpResponse:
    """Ask for the password; with the right one the browser may look for half a day."""
    wrong = False
    if request.method == "POST":
        if wait_s := _try_once(request, link):
            return _too_many(wait_s)
        if check_password(request.POST.get("password", "")[: sharing.PASSWORD_AT_MOST], link.password):
            response = redirect("share_open", link.code)
            unlock(response, link, secure=request.is_secure())
            return response
        wrong = True
    elif request.path != reverse("share_open", args=[link.code]):
        return _say(request, 403, _("Open the link itself first: it asks for a password."))
    context = {"link": link, "wrong": wrong}
    return render(request, "media_pipeline/links/password.html", context, status=403 if wrong else 200)


def _try_once(request: HttpRequest, link: ShareLink) -> int:
    """Return 0 when a password may be tried now, else after how many seconds."""
    now_s = time.monotonic()
    wait_s = _tries_of_one.take((link.code, source_of(address_of(request))), now_s)
    return wait_s or _tries_of_all.take(link.code, now_s)


def _why_ended(link: ShareLink) -> str:
    if link.revoked_at:
        return _("This link was withdrawn. Ask whoever sent it for a new one.")
    if link.is_orphaned:
        return _("This link has ended, because the account of whoever made it was removed.")
    return "" if link.live else _("This link has expired. Ask whoever sent it for a new one.")


def _unknown() -> str:
    return _("There is no such link. Check that the whole address was copied.")


def _nothing_left(link: ShareLink) -> str:
    if link.kind == ShareKind.DAY:
        return _("There are no pictures from this time.")
    return _("The pictures behind this link were deleted.")


def _too_many(wait_s: int) -> HttpResponse:
    words = _("Too many failed attempts. Wait %(seconds)d s.") % {"seconds": wait_s}
    answer = HttpResponse(words, status=429, content_type="text/plain; charset=utf-8")
    answer["Retry-After"] = str(wait_s)
    return answer


def _say(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    context = {"sentence": sentence, "status": status}
    return render(request, "media_pipeline/links/gone.html", context, status=status)
