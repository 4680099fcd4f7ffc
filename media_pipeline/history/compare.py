"""Two pictures over each other: what changed between them."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET

from media_pipeline.captures.cards import Picture, picture_of
from media_pipeline.captures.finding import get_capture, neighbours_of, same_hour
from media_pipeline.captures.models import Capture
from photohub.lib.ids import read_id
from photohub.lib.pages.timezones import timezone_of

PREVIOUS = "previous"


@login_required
@require_GET
def compare(request: HttpRequest, id: UUID) -> HttpResponse:
    """Show a picture with another: `with` is its id, or `previous`. A script gets the pictures alone."""
    capture = get_capture(request.user, id)
    previous, _newer = neighbours_of(capture)
    days = same_hour(capture, timezone_of(request))
    other = _other(request, previous, days)
    pictures = sorted([capture, other], key=lambda each: each.received_at) if other else [capture]
    context = {
        "capture": capture,
        "pictures": [picture_of(each) for each in pictures],
        "choices": _choices(previous, days, other),
        "other": other,
    }
    page = "_compare.html" if request.headers.get("HX-Request") else "compare.html"
    response = render(request, f"media_pipeline/captures/{page}", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _other(request: HttpRequest, previous: Capture | None, days: list[Capture]) -> Capture | None:
    """Return what the picture is compared with; where nothing is asked for, or is there, the nearest that there is."""
    wanted = request.GET.get("with", PREVIOUS)
    if key := read_id(wanted):
        return get_capture(request.user, key)
    return previous or next(iter(days), None)


def _choices(
    previous: Capture | None, days: list[Capture], other: Capture | None
) -> list[tuple[Picture, bool]]:
    """Return the pictures that one may compare with, and which of them is the one before."""
    offered = [each for each in (previous, *days, other) if each]
    unique = {each.pk: each for each in offered}.values()
    return [(picture_of(each), each is previous) for each in unique]
