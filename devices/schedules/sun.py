"""Sunrise and sunset, by astral; no other file knows it. It is loaded when a schedule first asks for the sun."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING

from photohub.lib.memory.later import later

if TYPE_CHECKING:
    import astral
    import astral.sun as astral_sun
else:
    astral, astral_sun = later("astral"), later("astral.sun")


@dataclass(frozen=True, slots=True)
class SunDay:
    """When the sun rises and sets on a day, in seconds from 1970. None: it does not, for it is up all day or never."""

    rise: int | None
    set: int | None
    is_up: bool = False


@lru_cache(maxsize=4096)
def sun_of(day: date, latitude: float, longitude: float, zone: tzinfo) -> SunDay:
    """Return the sun of a day in this zone, at this place."""
    observer = astral.Observer(latitude, longitude)
    rise = _when(astral_sun.sunrise, observer, day, zone)
    sets = _when(astral_sun.sunset, observer, day, zone)
    if rise is not None and sets is not None:
        return SunDay(rise, sets)
    return SunDay(rise, sets, _is_up_at_noon(observer, day))


def _when(event, observer, day: date, zone: tzinfo) -> int | None:
    try:
        # To the minute, as people read it.
        return round(event(observer, day, tzinfo=zone).timestamp() / 60) * 60
    except ValueError:
        return None


def _is_up_at_noon(observer, day: date) -> bool:
    # By the sun's own noon at this longitude; the height of its middle, with what the air lifts it.
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() - observer.longitude * 240
    return astral_sun.elevation(observer, datetime.fromtimestamp(noon, UTC)) > -0.833
