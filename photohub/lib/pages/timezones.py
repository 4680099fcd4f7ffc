"""The visitor's time zone: the browser says its IANA name in a cookie, and pages tell times by it."""

from collections.abc import Callable
from datetime import UTC, tzinfo
from functools import wraps
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

COOKIE = "photohub_tz"


def timezone_of(request: HttpRequest) -> tzinfo:
    """Return the visitor's zone; UTC when he has not said one, or one that nobody knows."""
    name = request.COOKIES.get(COOKIE, "").replace("%2F", "/")
    try:
        return ZoneInfo(name) if name and len(name) <= 64 else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def in_visitors_timezone(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Render the view's times in the visitor's zone."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        with timezone.override(timezone_of(request)):
            return view(request, *args, **kwargs)

    return wrapped
