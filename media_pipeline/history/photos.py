"""Tiles of the history as HTML."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import ngettext

from media_pipeline.captures.cards import Mark, Tile
from photohub.lib.pages.templating.skeletons import Skeleton
from photohub.lib.pages.times import wording as times
from photohub.lib.pages.times.tags import iso

from .query import Day

_PHOTO = Skeleton(
    "media_pipeline/history/_photo.html",
    *"id iso since_iso count code camera page_url seconds colour thumb_url width height at value marks".split(),
    *"left_url run_url pictures since".split(),
)
_MARK = Skeleton("media_pipeline/history/_mark.html", "words")


# As many as a phone or a narrow window shows.
FIRST = 6


@dataclass(frozen=True)
class DrawnDay(Day):
    """A day with its tiles as HTML."""

    photos: str = ""


def draw_days(days: list[Day], is_mixed: bool) -> list[DrawnDay]:
    """Return the days with their tiles; where pictures of several cameras are mixed, each names its camera.

    The pictures at the top are fetched before all others.
    """
    drawn, urgent = [], FIRST
    for day in days:
        photos = draw_photos(day.tiles, is_mixed, urgent)
        drawn.append(DrawnDay(**vars(day), photos=photos))
        urgent = max(0, urgent - len(day.tiles))
    return drawn


def draw_photos(tiles: Iterable[Tile], is_mixed: bool, urgent: int = 0) -> SafeString:
    """Return a list item for each tile; the pictures of the first `urgent` ones are fetched before others."""
    return mark_safe("\n".join([_draw(tile, is_mixed, number < urgent) for number, tile in enumerate(tiles)]))


def _draw(tile: Tile, is_mixed: bool, is_urgent: bool) -> str:
    picture, count, until = tile.picture, tile.count, tile.until
    values = {
        "id": str(picture.id),
        "iso": iso(until),
        "since_iso": iso(tile.since),
        "count": str(count),
        "page_url": picture.page_url,
        "code": picture.device.code,
        "camera": picture.device.name,
        "seconds": times.time_with_seconds(until),
        "colour": picture.colour,
        "thumb_url": picture.thumb_url,
        "width": str(picture.width or 4),
        "height": str(picture.height or 3),
        "at": times.time_of_day(until),
        "value": tile.value,
        "marks": mark_safe("\n".join([_draw_mark(mark) for mark in picture.marks])),
    }
    if count > 1:
        pictures = ngettext("%(count)s picture", "%(count)s pictures", count) % {"count": count}
        since = times.time_of_day(tile.since)
        values |= {"left_url": tile.left_url, "run_url": tile.run_url, "pictures": pictures, "since": since}
    return _PHOTO.fill(
        {
            "is_mixed": is_mixed,
            "is_urgent": is_urgent,
            "is_run": count > 1,
            "is_upright": picture.is_upright,
            "has_colour": bool(picture.colour),
            "has_marks": bool(picture.marks),
        },
        values,
    )


def _draw_mark(mark: Mark) -> str:
    return _MARK.fill({"icon": mark.icon}, {"words": mark.words})
