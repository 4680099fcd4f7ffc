"""Pages of the hub itself: health, language, errors."""

from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language, gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from photohub.lib.http.answer import refuse
from photohub.status import parts as status

LANGUAGE_COOKIE_AGE_S = 365 * 24 * 3600
_FRAMED = (403, 404)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Say that this process serves. No database, so that a slow disk does not get a living process killed."""
    return JsonResponse({"ok": True})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Say whether pictures and commands get through: 200 or 503. No login, so only states, no sentences.

    `?parts=disk,machine` asks these alone: they are what one machine may have and another not, so a balancer that asks for
    them does not leave all machines because of something that they share.
    """
    chosen = request.GET.get("parts", "").split(",") if "parts" in request.GET else status.NEEDED
    parts = {part.key: part.state for part in status.collect_needed(chosen)}
    ok = "problem" not in parts.values()
    return JsonResponse({"ok": ok, "parts": parts}, status=200 if ok else 503)


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Answer browsers that ask for the icon where it was in the early days, as on a bare picture."""
    icon = finders.find("favicon.svg")
    if icon is None:
        raise Http404
    response = HttpResponse(Path(icon).read_bytes(), content_type="image/svg+xml")
    response["Cache-Control"] = "public, max-age=604800"
    return response


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Remember the visitor's language and go back to where he was."""
    language = request.POST.get("language", "")
    response = HttpResponseRedirect(safe_next(request) or reverse("live"))
    if check_for_language(language) and language in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=LANGUAGE_COOKIE_AGE_S,
            secure=settings.HTTPS,
            httponly=True,
            samesite="Lax",
        )
    return response


def safe_next(request: HttpRequest) -> str:
    """Return the `next` of a form when it leads to this hub, else nothing."""
    target = request.POST.get("next", "")
    hosts = {request.get_host()}
    return target if url_has_allowed_host_and_scheme(target, hosts, request.is_secure()) else ""


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer_error(
        request, 400, "bad_request", gettext("The request could not be understood. Nothing was changed.")
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer_error(request, 403, "forbidden", gettext("Your account is not allowed to do this."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer_error(request, 404, "not_found", gettext("There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer_error(
        request, 500, "internal", gettext("Something went wrong. Details are in PhotoHub's log.")
    )


def _answer_error(request: HttpRequest, status_code: int, word: str, sentence: str) -> HttpResponse:
    """Answer programs in JSON and people with a page. Neither tells what went wrong inside."""
    if request.path.startswith("/api/"):
        return refuse(status_code, word, sentence)
    # Whoever is logged in keeps his way to everywhere else; a mistake of the hub may lie in the frame itself.
    user = getattr(request, "user", None)
    framed = status_code in _FRAMED and user is not None and user.is_authenticated
    frame = "base.html" if framed else "bare.html"
    return render(request, f"{status_code}.html", {"frame": frame}, status=status_code)
