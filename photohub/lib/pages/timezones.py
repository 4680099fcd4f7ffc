"""Time zones: the visitor's, which his browser says in a cookie, and the hub's, where no visitor's is known."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from asgiref.local import Local
from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

COOKIE = "photohub_tz"
_NAME_CHARS = 64
# Every process learns of another choice within so many seconds.
_READ_EVERY_S = 10.0


def find_timezone(name: str) -> tzinfo | None:
    """Return the zone of this IANA name; None for one that nobody knows."""
    try:
        return ZoneInfo(name) if name and len(name) <= _NAME_CHARS else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def cookie_timezone(request: HttpRequest) -> tzinfo | None:
    """Return the zone that the visitor's browser said; None when it has said none, or one that nobody knows."""
    return find_timezone(request.COOKIES.get(COOKIE, "").replace("%2F", "/"))


def timezone_of(request: HttpRequest) -> tzinfo:
    """Return the visitor's zone, else the hub's."""
    return cookie_timezone(request) or hub_timezone()


class _HubTimezone:
    """What the owner chose, as a process read it last."""

    def __init__(self) -> None:
        self.read: Callable[[], str] = str
        self.zone: tzinfo = UTC
        self.read_at_s = float("-inf")

    def get(self) -> tzinfo:
        now_s = time.monotonic()
        if now_s - self.read_at_s >= _READ_EVERY_S:
            try:
                self.zone, self.read_at_s = find_timezone(self.read()) or UTC, now_s
            except (DatabaseError, InterfaceError, SynchronousOnlyOperation):
                # The database is away, or an event loop asks, which may not wait for it: what was known holds.
                pass
        return self.zone


_hub = _HubTimezone()
_reader = Local()


def on_read(read: Callable[[], str]) -> None:
    """Let an upper room say which zone the owner chose: `read()` returns its name, or nothing."""
    _hub.read = read
    forget()


def forget() -> None:
    """Read the owner's choice anew at the next question."""
    _hub.read_at_s = float("-inf")


def hub_timezone() -> tzinfo:
    """Return the zone of the hub: the setting, else the owner's choice, else UTC."""
    return find_timezone(settings.HUB_TIME_ZONE) or _hub.get()


def reader_timezone() -> tzinfo:
    """Return the zone of whoever reads what is made now: the visitor's where one is known, else the hub's."""
    return getattr(_reader, "zone", None) or hub_timezone()


@contextmanager
def in_timezone(zone: tzinfo) -> Generator[None]:
    """Tell times in this zone inside the block."""
    before = getattr(_reader, "zone", None)
    _reader.zone = zone
    try:
        # Django's own pages, as the back office's, go by its word.
        with timezone.override(zone):
            yield
    finally:
        _reader.zone = before


@contextmanager
def in_hubs_timezone() -> Generator[None]:
    """Tell times in the hub's zone inside the block, whoever's request this is. It is looked for when a time is told."""
    before, _reader.zone = getattr(_reader, "zone", None), None
    try:
        yield
    finally:
        _reader.zone = before


@sync_and_async_middleware
def tell_times_in_visitors_timezone(get_response):
    """Tell the times of every page in the visitor's zone, once his browser said which that is."""
    if iscoroutinefunction(get_response):

        async def middleware(request):
            if zone := cookie_timezone(request):
                with in_timezone(zone):
                    return await get_response(request)
            return await get_response(request)

    else:

        def middleware(request):
            if zone := cookie_timezone(request):
                with in_timezone(zone):
                    return get_response(request)
            return get_response(request)

    return middleware
