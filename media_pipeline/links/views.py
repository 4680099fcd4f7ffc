"""The short lasting links `/p/<code>`, for cameras, mini programs and people without an account.

Links that people share are in `shared_views`; those made before they had a page of their own still answer here.
"""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from devices.access.rights import Action
from media_pipeline.captures.finding import get_capture, has_lasting_link
from media_pipeline.captures.models import Capture
from media_pipeline.captures.reading import PictureAway, PictureMissing, read_picture
from media_pipeline.captures.views import away_response, unchanged
from media_pipeline.mirror.models import MirrorState
from media_pipeline.mirror.stores import MirrorError, open_mirror
from photohub.lib.http.guessing import FailedTries
from photohub.lib.http.scope import address_of
from photohub.lib.pages.picture_response import picture_response

from . import sharing
from .models import ShareLink

_SIGNED_FOR_S = 600
_failed_tries = FailedTries()
_CACHE = "public, max-age=300"


@require_safe
def follow(request: HttpRequest, code: str) -> HttpResponse:
    """Serve the picture that a link names, or send on to its mirror copy."""
    address = address_of(request)
    if wait_s := _failed_tries.wait_s(address, code):
        return _too_many(wait_s)
    capture, refusal = _find(request, code)
    if capture is None:
        if refusal is _unknown and (wait_s := _failed_tries.missed(address)):
            return _too_many(wait_s)
        return refusal(request)
    _failed_tries.found(code)
    response = unchanged(request, capture.sha256) or _to_mirror(capture) or _from_here(request, capture)
    if request.method == "GET" and response.status_code in (200, 302) and code != capture.code:
        ShareLink.objects.filter(code=code).update(opened=F("opened") + 1)
        # A browser that goes there is sent to the link's page.
        patch_vary_headers(response, ["Accept"])
    # Pages of other hosts may load it: a mini program does. It is public already.
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _too_many(wait_s: int) -> HttpResponse:
    answer = HttpResponse(
        _("Too many failed attempts. Wait %(seconds)d s.") % {"seconds": wait_s},
        status=429,
        content_type="text/plain; charset=utf-8",
    )
    answer["Retry-After"] = str(wait_s)
    return answer


def _find(request: HttpRequest, code: str):
    """Return the picture, or None and the answer that says why not."""
    capture = Capture.everything.select_related("mirror", "device").filter(code=code).first()
    if capture is not None and capture.trashed_at:
        return None, _deleted
    if capture is not None:
        if capture.link_revoked_at:
            return None, _revoked
        return (capture, None) if has_lasting_link(capture) else (None, _switched_off)
    share = sharing.find(code)
    if share is None:
        return None, _unknown
    has_page = share.password or share.capture is None
    if has_page or "text/html" in request.headers.get("Accept", ""):
        # Its page says what there is to say, and asks for the password.
        return None, lambda request: redirect("share_open", code)
    if not share.live:
        return None, _revoked if share.revoked_at else _expired
    capture = sharing.pictures_of(share).first()
    return (capture, None) if capture else (None, _deleted)


def _to_mirror(capture: Capture) -> HttpResponse | None:
    mirror = getattr(capture, "mirror", None)
    if settings.PHOTOHUB_LINKS == "hub" or mirror is None or mirror.state != MirrorState.MIRRORED:
        return None
    try:
        url = _mirror_url(mirror.key)
    except MirrorError:
        return None
    if not url:
        return None
    response = HttpResponseRedirect(url)
    response["Cache-Control"] = _CACHE
    return response


def _mirror_url(key: str) -> str | None:
    mirror = open_mirror(settings)
    if mirror is None:
        return None
    return (
        mirror.public_url(key)
        if settings.PHOTOHUB_LINKS == "public"
        else mirror.signed_url(key, _SIGNED_FOR_S)
    )


def _from_here(request: HttpRequest, capture: Capture) -> HttpResponse:
    try:
        data = read_picture(capture)
    except PictureAway as error:
        return away_response(error.said)
    except PictureMissing:
        return _say(
            request,
            404,
            _("The picture's file is missing on this PhotoHub. Its owner can see why on the status page."),
        )
    name = f"{capture.code}.{capture.path.rpartition('.')[2]}"
    response = picture_response(data, capture.content_type, name, _CACHE, capture.sha256)
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _unknown(request: HttpRequest) -> HttpResponse:
    return _say(request, 404, _("No picture has this link. Check that the whole address was copied."))


def _expired(request: HttpRequest) -> HttpResponse:
    return _say(request, 404, _("This link has expired. Ask whoever sent it for a new one."))


def _revoked(request: HttpRequest) -> HttpResponse:
    return _say(request, 410, _("This link was withdrawn by the owner of the picture."))


def _switched_off(request: HttpRequest) -> HttpResponse:
    sentence = _("Pictures of this camera have no lasting links. Ask its owner for a shared link.")
    return _say(request, 404, sentence)


def _deleted(request: HttpRequest) -> HttpResponse:
    return _say(request, 410, _("This picture was deleted."))


def _say(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    response = render(
        request, "media_pipeline/links/gone.html", {"sentence": sentence, "status": status}, status=status
    )
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def change_link(request: HttpRequest, id: UUID) -> HttpResponse:
    """Withdraw the lasting link, or let it work again (revoked=no)."""
    capture = get_capture(request.user, id, Action.COMMAND)
    revoked = request.POST.get("revoked") != "no"
    sharing.set_link_revoked(capture, revoked)
    messages.success(request, _("The link no longer works.") if revoked else _("The link works again."))
    return redirect("capture", id=id)
