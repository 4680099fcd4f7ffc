"""Panels that sleep and fetch: the picture that a panel should show now, whole, with its length, for old clients too."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from devices.panels.deliveries import queue as deliveries
from devices.panels.sources import outbox
from devices.registry.models import Device
from photohub.lib.database.db import in_thread

from . import choosing
from . import links as panel_links
from .choosing import Shown
from .requests import Refused, find_panel, hashes_of, hear, panel_for, unknown


@csrf_exempt
async def next_picture(request: HttpRequest, key: str = "") -> HttpResponse:
    """Answer the bytes to show now, or 304; HEAD tells about them without handing them out."""
    return await in_thread(_answer, _next_picture, request, key)


@csrf_exempt
async def picture_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Answer the picture of an address that the hub itself made for one panel."""
    return await in_thread(_answer, _picture_by_link, request, token)


def _answer(view, request: HttpRequest, word: str) -> HttpResponse:
    try:
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, "method", _("This address takes GET and HEAD."))
        return view(request, word)
    except Refused as refused:
        answer = refused.answer()
        answer["Cache-Control"] = "no-store"
        return answer


def _next_picture(request: HttpRequest, key: str) -> HttpResponse:
    panel, seen = find_panel(request, key), hashes_of(request)
    hear(panel.device, request)
    if request.method == "HEAD":
        shown = choosing.choose(panel, seen or frozenset())
    else:
        shown = choosing.poll(panel, seen)
    return _picture(shown)


def _picture(shown: Shown) -> HttpResponse:
    if shown.unchanged:
        answer = HttpResponse(status=304)
        answer["Retry-After"] = str(shown.wait_s)
    else:
        answer = HttpResponse(_read(shown.sha256), content_type=shown.content_type)
    answer["ETag"] = f'"{shown.sha256}"'
    answer["X-Next-Poll"] = str(shown.wait_s)
    answer["Cache-Control"] = "private, no-cache"
    return answer


def _read(sha256: str) -> bytes:
    try:
        return outbox.read(sha256)
    except outbox.BlobMissing:
        raise Refused(503, "gone", _("The picture is missing from the outbox. Try again later.")) from None


def _picture_by_link(request: HttpRequest, name: str) -> HttpResponse:
    link = panel_links.read_link(name.partition(".")[0])
    device = Device.objects.filter(pk=link.device_id).first() if link else None
    if link is None or device is None:
        sentence = _("There is no such picture, or its address has expired.")
        raise unknown(request, 404, "not_found", sentence)
    panel_for(device)
    data = _read(link.sha256)
    if request.method == "GET":
        deliveries.note_fetched(device, link.sha256)
    answer = HttpResponse(data, content_type=choosing.kind_of(data)[0])
    answer["Cache-Control"] = "private, no-store"
    return answer
