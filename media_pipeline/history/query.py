"""Finding pictures among many: filters, pages, days and months, each at a bounded cost.

Pages are cut by keyset: a cursor names the last picture shown, and the next page begins after it. So page
1,000 costs what page 1 costs, and a picture that arrives meanwhile moves nothing.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from uuid import UUID

from django.utils.translation import gettext as _

from media_pipeline.captures.cards import SHOT, Tile, read_shots
from media_pipeline.captures.filters import Filters
from media_pipeline.captures.models import Capture
from media_pipeline.formats.likeness import Shot
from media_pipeline.search.matching import Matching
from media_pipeline.search.sources import Span
from photohub.lib.pages.instants import BadFilter, start_of_day

from .matching import matching

PAGE_SIZE = 60
COUNT_AT_MOST = 9_999
MONTHS_AT_MOST = 60


def after(cursor: str) -> Span:
    """Return what comes after the cursor, newest first. Raises BadFilter."""
    return Span(decode_cursor(cursor) if cursor else None)


def page_of(
    found: Matching, span: Span, limit: int = PAGE_SIZE, dressed: Callable = lambda rows: rows
) -> tuple[list[Capture], str | None]:
    """Return up to `limit` pictures within, and the next cursor or None; `dressed` fetches along what is shown of them."""
    items = found.captures(span, limit + 1, dressed)
    return items[:limit], encode_cursor(items[limit - 1]) if len(items) > limit else None


def shots_of(found: Matching, span: Span) -> Iterator[Shot]:
    """Yield what tells whether pictures are alike, for `cards.fold`."""
    return read_shots(found.values(span, *SHOT))


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


def count_day(day: date, found: Matching, zone: tzinfo) -> tuple[int, bool]:
    """Return how many of the pictures are of this day, and whether there are more."""
    start, end = start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone)
    return found.count_up_to(COUNT_AT_MOST, Span(since=start, before=end))


def months_of(user, filters: Filters, zone: tzinfo) -> list[date]:
    """Return the first days of the months with pictures, newest first: one step along the index for each.

    Only device and group narrow them: a rare label would make every step walk far.
    """
    found = matching(user, Filters(devices=filters.devices, group=filters.group))
    months: list[date] = []
    newest = found.first()
    while newest and len(months) < MONTHS_AT_MOST:
        months.append(newest[0].astimezone(zone).date().replace(day=1))
        newest = found.first(Span(before=start_of_day(months[-1], zone)))
    return months
