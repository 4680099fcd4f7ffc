"""What somebody may say about a link to be shared: what it opens, for how long, with which password."""

from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

from django.http import Http404, HttpRequest, QueryDict
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from devices.access.rights import Action, can
from devices.registry.finding import get_device
from devices.registry.models import Device
from media_pipeline.captures.finding import chosen_ids, with_parts
from media_pipeline.captures.models import Capture
from photohub.lib.pages.instants import start_of_day
from photohub.lib.pages.timezones import timezone_of

from .sharing import PICTURES_AT_MOST, Wish

LASTS = (
    ("1h", _("1 hour")),
    ("1d", _("1 day")),
    ("7d", _("7 days")),
    ("30d", _("30 days")),
    ("never", _("unlimited")),
)


def read_wish(request: HttpRequest, query: QueryDict) -> tuple[Wish, int]:
    """Return what is to be shared, and how many of the chosen pictures are not the person's to share.

    `what` narrows one picture to its camera's `day` or `live` view. Raises Http404, or PermissionDenied.
    """
    wish, left_out = _subject(request, query)
    what = query.get("what", "")
    if wish.captures and wish.of_device and what in ("day", "live"):
        return _widened(request, wish, what), 0
    return wish, left_out


def _subject(request: HttpRequest, query: QueryDict) -> tuple[Wish, int]:
    if code := query.get("device", ""):
        device = get_device(request.user, code, Action.COMMAND)
        day = query.get("day", "")
        return (day_of(request, device, parse_day(day)) if day else Wish(device=device)), 0
    chosen = _pictures(request.user, chosen_ids(request.user, query.getlist("capture"), PICTURES_AT_MOST))
    allowed = tuple(c for c in chosen if can(request.user, Action.COMMAND, c.device))
    if not allowed:
        raise Http404
    return Wish(captures=allowed), len(chosen) - len(allowed)


def _pictures(user, ids: Iterable[UUID]) -> list[Capture]:
    return list(
        with_parts(Capture.objects.visible_to(user)).filter(pk__in=list(ids)).order_by("-received_at", "-id")
    )


def _widened(request: HttpRequest, wish: Wish, what: str) -> Wish:
    device = wish.of_device
    if what == "live":
        return Wish(device=device)
    if device is None:
        raise Http404
    return day_of(request, device, wish.captures[0].received_at.astimezone(timezone_of(request)).date())


def day_of(request: HttpRequest, device: Device, day: date) -> Wish:
    """Return the wish for a camera's pictures of one day in the visitor's zone. Raises Http404."""
    zone = timezone_of(request)
    try:
        since, before = start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone)
    except OverflowError as error:
        raise Http404 from error
    return Wish(device=device, since=since, before=before)


def parse_day(text: str) -> date:
    """Return the day that is written as 2026-11-30. Raises Http404: without its day the wish would be the live view."""
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise Http404
    return day
