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


@dataclass(frozen=True)
class DrawnDay(Day):
    """A day with its tiles as HTML."""

    photos: str = ""


def draw_days(days: list[Day], is_mixed: bool) -> list[DrawnDay]:
    """Return the days with their tiles; where pictures of several cameras are mixed, each names its camera."""
    return [DrawnDay(**vars(day), photos=draw_photos(day.tiles, is_mixed)) for day in days]


def draw_photos(tiles: Iterable[Tile], is_mixed: bool) -> SafeString:
    """Return a list item for each tile."""
    return mark_safe("\n".join([_draw(tile, is_mixed) for tile in tiles]))


def _draw(tile: Tile, is_mixed: bool) -> str:
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
            "is_run": count > 1,
            "is_upright": picture.is_upright,
            "has_colour": bool(picture.colour),
            "has_marks": bool(picture.marks),
        },
        values,
    )


def _draw_mark(mark: Mark) -> str:
    return _MARK.fill({"icon": mark.icon}, {"words": mark.words})
