"""Finding pictures among many: filters, pages, days and months, each at a bounded cost.

Pages are cut by keyset: a cursor names the last picture shown, and the next page begins after it. So page
1,000 costs what page 1 costs, and a picture that arrives meanwhile moves nothing.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from devices.registry.models import Device
from media_pipeline.captures.cards import Tile
from media_pipeline.captures.filters import ANY_FAULT, STATES, Filters
from media_pipeline.captures.models import Capture, CaptureQuerySet, Tag
from media_pipeline.mirror.models import OSSObject
from photohub.lib.database.cursors import rows_after
from photohub.lib.pages.instants import BadFilter, start_of_day

PAGE_SIZE = 60
COUNT_AT_MOST = 9_999
MONTHS_AT_MOST = 60


def captures_matching(user, filters: Filters) -> CaptureQuerySet:
    """Return the pictures that the person may see and that match, newest first."""
    rows = Capture.objects.visible_to(user).order_by("-received_at", "-id")
    rows = _of_devices(rows, filters)
    if filters.since:
        rows = rows.filter(received_at__gte=filters.since)
    if filters.before:
        rows = rows.filter(received_at__lt=filters.before)
    if filters.asked is not None:
        rows = rows.filter(command__isnull=not filters.asked)
    if filters.kept:
        rows = rows.filter(kept=True)
    return _of_labels(_of_state(rows, filters.state), filters)


def _of_devices(rows: CaptureQuerySet, filters: Filters) -> CaptureQuerySet:
    # Ids are looked up first: with a join the database would walk the whole history to find one quiet camera.
    if filters.devices or filters.group:
        rows = rows.filter(
            device__in=list(devices_of(Device.objects.all(), filters).values_list("pk", flat=True))
        )
    return rows


def devices_of(devices: QuerySet[Device], filters: Filters) -> QuerySet[Device]:
    """Keep the devices that the filters name."""
    if filters.devices:
        devices = devices.filter(code__in=filters.devices)
    if filters.group:
        named = Q(group__name=filters.group)
        if filters.group.isascii() and filters.group.isdigit():
            named |= Q(group=int(filters.group[:15]))
        devices = devices.filter(named)
    return devices


def _of_state(rows: CaptureQuerySet, state: str) -> CaptureQuerySet:
    if not state:
        return rows
    if state == "mirrored":
        # Nearly all are mirrored: walk the history and look each one up, rather than sort them all.
        return rows.filter(Exists(OSSObject.objects.filter(pk=OuterRef("pk"), state__in=STATES[state])))
    # Few pictures are in trouble, so they are found from their own rows and not by walking the history.
    return rows.filter(pk__in=OSSObject.objects.filter(state__in=STATES[state]).values("pk"))


def _of_labels(rows: CaptureQuerySet, filters: Filters) -> CaptureQuerySet:
    if filters.flag:
        # SQLite cannot look into a JSON list; its text form is the same in both databases.
        word = filters.flag.replace('"', "")
        rows = rows.alias(flags_text=Cast("flags", TextField())).filter(flags_text__contains=f'"{word}"')
    if filters.fault:
        # Both by the partial index of the few pictures that have one.
        rows = rows.filter(fault__isnull=False)
        rows = rows if filters.fault == ANY_FAULT else rows.filter(fault=filters.fault)
    if filters.tag:
        rows = rows.filter(tags__name=filters.tag)
    if filters.q:
        rows = rows.filter(_is_about(filters.q))
    return rows


def _is_about(text: str) -> Q:
    """Return the condition that a picture, its camera, the camera's group or a tag has this text in its name."""
    about = Q(name__icontains=text) | Q(note__icontains=text)
    named = Q(name__icontains=text) | Q(code__icontains=text) | Q(group__name__icontains=text)
    if cameras := list(Device.objects.filter(named).values_list("pk", flat=True)):
        about |= Q(device__in=cameras)
    if tags := list(Tag.objects.filter(name__icontains=text).values_list("pk", flat=True)):
        about |= Q(pk__in=Capture.tags.through.objects.filter(tag__in=tags).values("capture"))
    return about


def after(rows: CaptureQuerySet, cursor: str) -> CaptureQuerySet:
    """Keep the pictures after the cursor, newest first. Raises BadFilter."""
    if not cursor:
        return rows
    at, id = decode_cursor(cursor)
    # The last condition alone bounds the index; the others settle pictures of the same microsecond.
    return rows.filter(Q(received_at__lt=at) | Q(pk__lt=id), received_at__lte=at)


def count_up_to(rows: CaptureQuerySet) -> tuple[int, bool]:
    """Return how many pictures these are, and whether there are more than that."""
    count = rows.order_by()[: COUNT_AT_MOST + 1].count()
    return min(count, COUNT_AT_MOST), count > COUNT_AT_MOST


def page_of(
    rows: CaptureQuerySet, cursor: str = "", limit: int = PAGE_SIZE
) -> tuple[list[Capture], str | None]:
    """Return up to `limit` pictures after the cursor, and the next cursor or None. Raises BadFilter."""
    items, last = rows_after(rows, "received_at", decode_cursor(cursor) if cursor else None, limit)
    return items, last and encode_cursor(last)


def encode_cursor(capture: Capture) -> str:
    return cursor_of(capture.received_at, capture.pk)


def cursor_of(at: datetime, id: UUID) -> str:
    """Return the cursor of the page that begins after this picture."""
    text = f"{at.astimezone(UTC).isoformat()}|{id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Return the place that a cursor names. Raises BadFilter."""
    try:
        text = base64.urlsafe_b64decode(cursor[:200] + "=" * (-len(cursor[:200]) % 4)).decode()
        received_at, _bar, id_ = text.partition("|")
        at = datetime.fromisoformat(received_at)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC), UUID(id_)
    except (binascii.Error, ValueError, OverflowError) as error:
        raise BadFilter(_("This cursor is not one of PhotoHub's; begin again without it.")) from error


@dataclass(frozen=True)
class Day:
    """The tiles of one day on this page. The whole day has `count` pictures, or more when `at_least`."""

    date: date
    tiles: list[Tile]
    count: int
    at_least: bool = False


def days_of(tiles: list[Tile], count: Callable[[date], tuple[int, bool]], zone: tzinfo) -> list[Day]:
    """Group a page by day. Only its first and last can have pictures elsewhere, so only they are counted."""
    grouped: dict[date, list[Tile]] = {}
    for tile in tiles:
        grouped.setdefault(tile.until.astimezone(zone).date(), []).append(tile)
    edges = {next(iter(grouped)), next(reversed(grouped))} if grouped else set()
    days = []
    for day, found in grouped.items():
        number, more = count(day) if day in edges else (sum(tile.count for tile in found), False)
        days.append(Day(day, found, number, more))
    return days


def count_day(day: date, rows: CaptureQuerySet, zone: tzinfo) -> tuple[int, bool]:
    """Return how many of the pictures are of this day, and whether there are more."""
    start, end = start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone)
    return count_up_to(rows.filter(received_at__gte=start, received_at__lt=end))


def months_of(user, filters: Filters, zone: tzinfo) -> list[date]:
    """Return the first days of the months with pictures, newest first: one step along the index for each.

    Only device and group narrow them: a rare label would make every step walk far.
    """
    rows = captures_matching(user, Filters(devices=filters.devices, group=filters.group))
    months: list[date] = []
    newest = rows.values_list("received_at", flat=True).first()
    while newest and len(months) < MONTHS_AT_MOST:
        months.append(newest.astimezone(zone).date().replace(day=1))
        before = start_of_day(months[-1], zone)
        newest = rows.filter(received_at__lt=before).values_list("received_at", flat=True).first()
    return months
