"""Middleware of PhotoHub's own."""

import re
import threading

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import sync_and_async_middleware
from django_htmx.middleware import HtmxDetails
from servestatic.middleware import ServeStaticMiddleware

from photohub.lib.memory.budget import Crowded

_AGAIN_AFTER_S = 5
# As Django's manifest storage writes names.
_HASHED = re.compile(r"(?P<begin>.+)\.[0-9a-f]{12}(?P<end>\.\w+)", re.ASCII)
# In `request.META`, where the address alone does not tell: the key of the rail's room to which the page belongs.
ROOM = "photohub.room"


class PageRequest(HttpRequest):
    """A page's request as the middleware leaves it: it says whether htmx asks, for a part of the page."""

    htmx: HtmxDetails


class AnswerCrowds:
    """Answer 503 where there was no memory for a password or a picture in time."""

    sync_capable = async_capable = True

    def __init__(self, get_response) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest):
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Say in words that it is worth another try."""
        if not isinstance(error, Crowded):
            return None
        response = render(request, "photohub/pages/crowded.html", {"sentence": error.sentence}, status=503)
        response["Retry-After"] = str(_AGAIN_AFTER_S)
        return response


class _Static:
    """The static files, looked through by the first who asks for one: a start need not wait for five hundred."""

    def __init__(self, get_response) -> None:
        self._get_response = get_response
        self._lock = threading.Lock()
        self._found: ServeStaticMiddleware | None = None

    def find(self) -> ServeStaticMiddleware:
        with self._lock:
            if self._found is None:
                self._found = ServeStaticMiddleware(self._get_response)
            return self._found


@sync_and_async_middleware
def serve_static_files(get_response):
    """Answer for the static files, under servers with an event loop and without."""
    if iscoroutinefunction(get_response):
        return _serve_in_loop(get_response)

    async def never(request):
        raise AssertionError(f"{request.path_info} is no static file")

    static = _Static(never)

    def middleware(request):
        # ServeStatic alone would begin an event loop and a thread for every page.
        if request.path_info.startswith(settings.STATIC_URL) and request.path_info in static.find().files:
            return async_to_sync(static.find())(request)
        return get_response(request)

    return middleware


def _of_another_version(path: str, files: dict):
    """Return our own file of a name that ends with the hash of another version's bytes: its page may have come from there.

    While machines are upgraded one by one, a browser's page is one's and the next file another's. It is not kept for long.
    """
    if path in files or (named := _HASHED.fullmatch(path)) is None:
        return None
    return files.get(named["begin"] + named["end"])


def _serve_in_loop(get_response):
    static = _Static(get_response)

    async def middleware(request):
        if not request.path_info.startswith(settings.STATIC_URL):
            return await get_response(request)
        files = await sync_to_async(static.find)()
        if (ours := _of_another_version(request.path_info, files.files)) is not None:
            return await files.aserve(ours, request)
        return await files(request)

    return middleware


@sync_and_async_middleware
def relax_csp_for_back_office(get_response):
    """Give the back office's pages, whose library evaluates expressions, the rules they need, and only them."""

    def relax(request, response):
        if request.path.startswith("/admin/"):
            response._csp_update = settings.BACK_OFFICE_CSP
        return response

    if iscoroutinefunction(get_response):

        async def middleware(request):
            return relax(request, await get_response(request))

    else:

        def middleware(request):
            return relax(request, get_response(request))

    return middleware
