"""What makes the hub an app on a phone or a desktop: manifest, icons, the service worker and the page that it shows offline.

All of it is the same for everybody and holds nothing of anybody, so it needs no login.
"""

import functools
import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from photohub import __version__
from photohub.lib.memory.later import later

if TYPE_CHECKING:
    from PIL import Image, ImageDraw
else:
    Image, ImageDraw = later("PIL.Image"), later("PIL.ImageDraw")

_SIDES = (180, 192, 512)
# The sheets of the page that is shown offline.
_SHEETS = ("tokens", "base", "controls", "frame", "forms", "bare")
_GROUND, _RING, _LIGHT = "#1f2022", "#ffffff", "#ff8a4c"
_DRAWN_LARGER = 4


@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    """Say how the hub looks as an app."""
    icons = [_icon(side, purpose) for side in (192, 512) for purpose in ("any", "maskable")]
    facts = {
        "id": "/",
        "name": "PhotoHub",
        "short_name": "PhotoHub",
        "lang": get_language(),
        "start_url": reverse("live"),
        "scope": "/",
        "display": "standalone",
        "background_color": "#121314",
        "theme_color": "#121314",
        "icons": icons,
    }
    response = JsonResponse(facts, json_dumps_params={"ensure_ascii": False})
    response["Content-Type"] = "application/manifest+json"
    response["Cache-Control"] = "no-cache"
    return response


def _icon(side: int, purpose: str) -> dict[str, str]:
    address = reverse("app_icon", args=[side])
    return {"src": address, "sizes": f"{side}x{side}", "type": "image/png", "purpose": purpose}


@require_safe
def icon(request: HttpRequest, side: int) -> HttpResponse:
    """Draw the mark as a PNG, for phones that take no SVG."""
    if side not in _SIDES:
        raise Http404
    response = HttpResponse(_draw(side), content_type="image/png")
    response["Cache-Control"] = "public, max-age=604800"
    return response


@functools.cache
def _draw(side: int) -> bytes:
    """Draw the mark, with a border that a phone may cut into a circle."""
    large = side * _DRAWN_LARGER
    picture = Image.new("RGB", (large, large), _GROUND)
    pen, middle = ImageDraw.Draw(picture), large / 2
    for radius, colour in ((0.27, _RING), (0.215, _GROUND), (0.135, _LIGHT)):
        reach = large * radius
        pen.ellipse((middle - reach, middle - reach, middle + reach, middle + reach), fill=colour)
    out = io.BytesIO()
    picture.resize((side, side), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """Hand out the service worker, which works for the whole hub and so stands beside its pages.

    It begins with the version and the files of its shell: with another version it is another script, so every browser takes
    the new one and throws away what the old one kept.
    """
    found = finders.find("js/photohub/pages/worker.js")
    if found is None:
        raise Http404
    program = Path(found).read_text(encoding="utf-8")
    shell = [
        reverse("offline"),
        reverse("app_icon", args=[192]),
        static("js/zone.js"),
        *(static(f"css/{name}.css") for name in _SHEETS),
    ]
    digest = hashlib.sha256("\n".join([__version__, program, *shell]).encode()).hexdigest()[:16]
    head = f"const VERSION = {json.dumps(digest)};\nconst SHELL = {json.dumps(shell)};\n"
    response = HttpResponse(head + program, content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@require_safe
@never_cache
def offline(request: HttpRequest) -> HttpResponse:
    """Say that the hub cannot be reached: the one page that a browser keeps."""
    return render(request, "photohub/pages/offline.html")
