"""Finding a time: where the page begins, and the ways to another day or hour, each with its number of pictures."""

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.formats import get_format
from django.utils.translation import gettext as _

from photohub.lib.pages.instants import BadFilter, start_of_day, text_of

from .counts import Counted, Tally

HEATS = 4
BARS = 10
# Today, and as far back as the same day of the week before.
STRIP_DAYS = 8
# How an address with other parameters is made: a name with None is taken out.
Url = Callable[..., str]


@dataclass(frozen=True)
class Place:
    """Where the page begins: with the newest picture before `before`; `day` and `hour` are what was asked for."""

    before: datetime | None = None
    day: date | None = None
    hour: int | None = None

    @classmethod
    def from_query(cls, query, zone: tzinfo) -> "Place":
        """Read `at`: a day, an hour of a day (2025-06-30T12) or an instant. Raises BadFilter."""
        text = text_of(query, "at")
        if not text:
            return cls()
        try:
            place = cls._read(text, zone)
        except (ValueError, OverflowError):
            place = None
        if place and place.day and _has_days_around(place.day):
            return place
        raise BadFilter(
            _("“%(name)s” must be a date like 2025-06-30, not “%(text)s”.")
            % {"name": "at", "text": text[:40]}
        )

    @classmethod
    def _read(cls, text: str, zone: tzinfo) -> "Place | None":
        if "T" not in text and (day := parse_date(text)):
            return cls(start_of_day(day + timedelta(days=1), zone), day)
        if len(text) == len("2025-06-30T12") and (at := parse_datetime(f"{text}:00")):
            start = at.replace(tzinfo=zone)
            return cls((start.astimezone(UTC) + timedelta(hours=1)), at.date(), at.hour)
        if at := parse_datetime(text.replace(" ", "+")):
            at = at if at.tzinfo else at.replace(tzinfo=zone)
            # Pages write milliseconds; the picture itself is counted in.
            return cls(at.astimezone(UTC) + timedelta(milliseconds=1), at.astimezone(zone).date())
        return None

    @property
    def shows_hours(self) -> bool:
        """Tell whether a day was asked for, so that its hours are of interest."""
        return self.day is not None


@dataclass(frozen=True)
class DayLink:
    """A day with its pictures: `heat` from 0 (none) to HEATS, `url` begins the page with it."""

    date: date
    count: int
    heat: int
    url: str
    is_current: bool = False
    is_outside: bool = False


@dataclass(frozen=True)
class HourBar:
    """An hour of a day; `height` from 0 (none) to BARS."""

    hour: int
    count: int
    height: int
    url: str
    is_current: bool


@dataclass(frozen=True)
class Month:
    """A month in weeks, with the addresses of the months beside it; None where there are no pictures."""

    first: date
    weeks: list[list[DayLink]]
    count: int
    is_exact: bool
    before: date | None
    after: date | None

    @property
    def weekdays(self) -> list[date]:
        return [day.date for day in self.weeks[0]]


def strip_of(counted: Counted, place: Place, zone: tzinfo, url: Url) -> tuple[list[DayLink], Tally]:
    """Return the days of a week that end with today, or those around an older day that the page shows."""
    today = timezone.now().astimezone(zone).date()
    last = today
    if place.day and today - place.day >= timedelta(days=STRIP_DAYS):
        last = place.day + timedelta(days=STRIP_DAYS // 2)
    first = last - timedelta(days=STRIP_DAYS - 1)
    tally = counted.days(first, last, zone)
    days = [first + timedelta(days=n) for n in range(STRIP_DAYS)]
    return _links(days, tally, place, url), tally


def month_of(counted: Counted, first: date, place: Place, zone: tzinfo, url: Url) -> Month:
    """Return a month with the number of pictures of each day."""
    weeks = calendar.Calendar((get_format("FIRST_DAY_OF_WEEK") - 1) % 7).monthdatescalendar(
        first.year, first.month
    )
    last = _last_of(first)
    tally = counted.days(first, last, zone)
    links = [_links(week, tally, place, url, month=first.month) for week in weeks]
    oldest, today = counted.first_day(zone), timezone.now().astimezone(zone).date()
    before = first - timedelta(days=1) if oldest and oldest < first else None
    after = last + timedelta(days=1) if last < today else None
    return Month(first, links, tally.total(), tally.exact, before, after)


def read_month(query, place: Place, zone: tzinfo) -> date:
    """Return the first day of the month that is asked for, else that of the page's place. Raises BadFilter."""
    text = text_of(query, "month")
    try:
        day = (
            date.fromisoformat(f"{text}-01") if text else place.day or timezone.now().astimezone(zone).date()
        )
        if _has_days_around(day):
            return day.replace(day=1)
    except ValueError:
        pass
    raise BadFilter(
        _("“%(name)s” must be a month like 2025-06, not “%(text)s”.") % {"name": "month", "text": text[:40]}
    )


def _has_days_around(day: date) -> bool:
    """Tell whether the days, months and years beside this one are dates as well."""
    return 1970 <= day.year <= 9998


def hours_of(counted: Counted, place: Place, zone: tzinfo, url: Url) -> list[HourBar]:
    """Return the hours of the page's day."""
    if place.day is None:
        return []
    counts = counted.hours(place.day, zone).counts
    most = max(counts.values(), default=0)
    return [
        HourBar(
            hour,
            counts[hour],
            -(-BARS * counts[hour] // most) if most else 0,
            url(at=f"{place.day.isoformat()}T{hour:02}", cursor=None, month=None),
            hour == place.hour,
        )
        for hour in range(24)
    ]


def _links(days: list[date], tally: Tally, place: Place, url: Url, month: int | None = None) -> list[DayLink]:
    most = max(tally.counts.values(), default=0)
    return [
        DayLink(
            day,
            count := tally.counts[day],
            -(-HEATS * count // most) if most else 0,
            url(at=day.isoformat(), cursor=None, month=None),
            day == place.day,
            month is not None and day.month != month,
        )
        for day in days
    ]


def _last_of(first: date) -> date:
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])
