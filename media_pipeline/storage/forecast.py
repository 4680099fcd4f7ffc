"""When a disk will be full: pure, from how full it was.

One busy afternoon, or a large file that comes and goes, must not decide. So the growth is the median of the growth between
any two of the last days (Theil and Sen), and its quartiles say how far it can be trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import quantiles
from typing import Literal

DAYS_LOOKED_AT = 14
DAYS_AT_LEAST = 3
# Beyond that nobody knows what he will store.
FAR_OFF_DAYS = 5 * 365


@dataclass(frozen=True)
class Growth:
    """Bytes a day: a quarter of what was seen lies below `low`, and a quarter above `high`."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """What becomes of the disk. `fills`: full between these days from now, `likely` the most likely."""

    kind: Literal["unknown", "fills", "stays", "held_by_bytes", "held_by_days"]
    soonest_days: float = 0.0
    likely_days: float = 0.0
    latest_days: float = 0.0


@dataclass(frozen=True)
class Held:
    """What retention lets grow at most from now on; None where there is no such limit."""

    by_bytes: float | None = None
    by_days: float | None = None


def growth_of_disk(samples: Sequence[tuple[int, int]], now_hour: int) -> Growth | None:
    """Return how much fuller the disk gets in a day, from (hour, free bytes); None where too few days are known."""
    days = _last_of_each_day(samples, now_hour)
    if len(days) <= DAYS_AT_LEAST:
        return None
    return _spread([(one - other) / (b - a) for (a, one), (b, other) in combinations(days, 2)])


def growth_by_pictures(sizes: Sequence[int]) -> Growth | None:
    """Return how much came in a day, from the sizes of whole days; None where none is known."""
    if not sizes:
        return None
    if len(sizes) == 1:
        return Growth(sizes[0] / 2, sizes[0], sizes[0] * 2)
    return _spread([float(size) for size in sizes])


def _last_of_each_day(samples: Sequence[tuple[int, int]], now_hour: int) -> list[tuple[int, int]]:
    """Return what was free at the end of each of the last days; a day without a sample ended as the one before."""
    by_day = {hour // 24: free for hour, free in samples}
    if not by_day:
        return []
    today, found, free = now_hour // 24, [], None
    for day in range(min(by_day), today + 1):
        free = by_day.get(day, free)
        if free is not None and day > today - DAYS_LOOKED_AT:
            found.append((day, free))
    return found


def _spread(values: list[float]) -> Growth:
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return Growth(low, middle, high)


def foresee(room_bytes: int, growth: Growth | None, held: Held) -> Forecast:
    """Say when so much room is used up at this growth, unless retention stops it before."""
    if growth is None:
        return Forecast("unknown")
    if held.by_bytes is not None and held.by_bytes <= room_bytes:
        return Forecast("held_by_bytes")
    if held.by_days is not None and held.by_days <= room_bytes:
        return Forecast("held_by_days")
    likely_days = _days(room_bytes, growth.middle)
    if likely_days >= FAR_OFF_DAYS:
        return Forecast("stays")
    return Forecast("fills", _days(room_bytes, growth.high), likely_days, _days(room_bytes, growth.low))


def _days(room_bytes: int, a_day: float) -> float:
    return min(max(room_bytes, 0) / a_day, FAR_OFF_DAYS) if a_day > 0 else FAR_OFF_DAYS
