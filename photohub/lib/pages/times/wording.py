"""Dates and times in words, in the reader's language and zone.

The year is said where it is not the present one, and the day where it is not today. `static/js/times.js` puts the same
words together in the browser, from the patterns that `patterns()` hands it.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache, wraps

from asgiref.local import Local
from django.utils import timezone
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _

from photohub.lib.pages.timezones import reader_timezone

# Older than this, the day says more than how long ago it was.
AGO_AT_MOST = timedelta(days=7)
_JUST_NOW_S = 1.5
_full = Local()


def local(at: datetime, zone: tzinfo | None = None) -> datetime:
    """Return the instant in the reader's zone, or in this one."""
    try:
        return at.astimezone(zone or reader_timezone())
    except OverflowError:
        # At an end of the calendar there is no other zone.
        return at.astimezone(UTC)


def _day_of(at: date) -> date:
    return local(at).date() if isinstance(at, datetime) else at


def _today() -> date:
    return local(timezone.now()).date()


def _made_once(table: Callable[[], list[str]]) -> Callable[[], list[str]]:
    """Look the words of a table up once for each language: a page tells hundreds of times."""
    made: dict[str | None, list[str]] = {}

    @wraps(table)
    def found() -> list[str]:
        language = get_language()
        if language not in made:
            made[language] = table()
        return made[language]

    return found


@_made_once
def months() -> list[str]:
    """Return the names of the months."""
    return [
        pgettext("month", "January"),
        pgettext("month", "February"),
        pgettext("month", "March"),
        pgettext("month", "April"),
        pgettext("month", "May"),
        pgettext("month", "June"),
        pgettext("month", "July"),
        pgettext("month", "August"),
        pgettext("month", "September"),
        pgettext("month", "October"),
        pgettext("month", "November"),
        pgettext("month", "December"),
    ]


@_made_once
def months_short() -> list[str]:
    """Return the names of the months as they stand in dates."""
    return [
        pgettext("month in a date", "Jan"),
        pgettext("month in a date", "Feb"),
        pgettext("month in a date", "Mar"),
        pgettext("month in a date", "Apr"),
        pgettext("month in a date", "May"),
        pgettext("month in a date", "Jun"),
        pgettext("month in a date", "Jul"),
        pgettext("month in a date", "Aug"),
        pgettext("month in a date", "Sep"),
        pgettext("month in a date", "Oct"),
        pgettext("month in a date", "Nov"),
        pgettext("month in a date", "Dec"),
    ]


@_made_once
def weekdays() -> list[str]:
    """Return the names of the days, Monday first."""
    return [
        _("Monday"),
        _("Tuesday"),
        _("Wednesday"),
        _("Thursday"),
        _("Friday"),
        _("Saturday"),
        _("Sunday"),
    ]


@_made_once
def weekdays_short() -> list[str]:
    """Return the names of the days as a calendar heads its columns, Monday first."""
    return [
        pgettext("weekday", "Mon"),
        pgettext("weekday", "Tue"),
        pgettext("weekday", "Wed"),
        pgettext("weekday", "Thu"),
        pgettext("weekday", "Fri"),
        pgettext("weekday", "Sat"),
        pgettext("weekday", "Sun"),
    ]


def patterns() -> dict:
    """Return what the forms are made of, as static/js/times.js reads it."""
    return {
        "months": months_short(),
        "weekdays": weekdays_short(),
        "weekday_and_day": _("%(weekday)s, %(day)s"),
        "day": _("%(month)s %(day)s"),
        "day_of_year": _("%(month)s %(day)s, %(year)s"),
        "day_and_time": _("%(day)s, %(time)s"),
        "now": _("now"),
        "ago": {unit: [_ago(unit, 1, "%(n)s"), _ago(unit, 2, "%(n)s")] for unit in _AGO},
        "ago_short": {unit: _ago_short(unit, "%(n)s") for unit in _AGO},
    }


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads what is made now: the words of his language and his zone, looked up once for many times."""

    zone: tzinfo
    months: list[str]
    day: str
    day_of_year: str
    day_and_time: str

    def exact(self, at: datetime) -> str:
        """Nov 29, 2026, 21:13:05"""
        there = local(at, self.zone)
        return self._at(there.date(), with_year=True, time=f"{there:%H:%M:%S}")

    def moment(self, at: datetime) -> str:
        """21:13 of today; Nov 29, 21:13; Nov 29, 2025, 21:13"""
        there, today, in_full = local(at, self.zone), local(timezone.now(), self.zone).date(), _is_in_full()
        which, time = there.date(), f"{there:%H:%M}"
        if which == today and not in_full:
            return time
        return self._at(which, with_year=in_full or which.year != today.year, time=time)

    def _at(self, which: date, with_year: bool, time: str) -> str:
        values = {"month": self.months[which.month - 1], "day": which.day, "year": which.year}
        told = (self.day_of_year if with_year else self.day) % values
        return self.day_and_time % {"day": told, "time": time}


def reader() -> Reader:
    """Return whoever reads what is made now."""
    return _reader(get_language(), reader_timezone())


@lru_cache(maxsize=200)
def _reader(_language: str | None, zone: tzinfo) -> Reader:
    return Reader(
        zone, months_short(), _("%(month)s %(day)s"), _("%(month)s %(day)s, %(year)s"), _("%(day)s, %(time)s")
    )


# --- one point in time


def time_of_day(at: datetime, zone: tzinfo | None = None) -> str:
    """21:13"""
    return f"{local(at, zone):%H:%M}"


def time_with_seconds(at: datetime) -> str:
    """21:13:05"""
    return f"{local(at):%H:%M:%S}"


def day(at: date) -> str:
    """Nov 29; Nov 29, 2025"""
    which = _day_of(at)
    return _day(which, with_year=_is_in_full() or which.year != _today().year)


def _day(which: date, with_year: bool) -> str:
    values = {"month": months_short()[which.month - 1], "day": which.day, "year": which.year}
    return (_("%(month)s %(day)s, %(year)s") if with_year else _("%(month)s %(day)s")) % values


def day_heading(at: date) -> str:
    """Today; Yesterday; Sunday, Nov 22; Saturday, Nov 22, 2025"""
    which, today = _day_of(at), _today()
    if which == today:
        return _("Today")
    if which == today - timedelta(days=1):
        return _("Yesterday")
    return _("%(weekday)s, %(day)s") % {"weekday": weekday(which), "day": day(which)}


def weekday(at: date) -> str:
    """Sunday"""
    return weekdays()[_day_of(at).weekday()]


def weekday_short(at: date) -> str:
    """Sun"""
    return weekdays_short()[_day_of(at).weekday()]


def month(at: date) -> str:
    """November 2026"""
    which = _day_of(at)
    return _("%(month)s %(year)s") % {"month": months()[which.month - 1], "year": which.year}


def month_short(at: date) -> str:
    """Nov"""
    return months_short()[_day_of(at).month - 1]


def moment(at: datetime) -> str:
    """21:13 of today; Nov 29, 21:13; Nov 29, 2025, 21:13"""
    return reader().moment(at)


def exact(at: datetime) -> str:
    """Nov 29, 2026, 21:13:05"""
    return reader().exact(at)


def stamp(at: datetime, zone: tzinfo, *, seconds: bool = False) -> str:
    """2026-11-29 21:13, in pictures and in names that are kept: nobody's language is known there"""
    return f"{local(at, zone):%Y-%m-%d %H:%M:%S}" if seconds else f"{local(at, zone):%Y-%m-%d %H:%M}"


@contextmanager
def in_full() -> Generator[None]:
    """Tell each day with its year and each moment with its day: what is written now is read some time later."""
    before, _full.on = _is_in_full(), True
    try:
        yield
    finally:
        _full.on = before


def _is_in_full() -> bool:
    return getattr(_full, "on", False)


# --- from one to another


def span(since: datetime, until: datetime) -> str:
    """Nov 29, 03:36 – 03:40; Nov 28, 23:00 – Nov 29, 01:00"""
    end = time_of_day(until) if _day_of(since) == _day_of(until) else moment_with_day(until)
    return _("%(since)s – %(until)s") % {"since": moment_with_day(since), "until": end}


def day_span(since: date, until: date) -> str:
    """Nov 22; Nov 22 – Nov 29"""
    if _day_of(since) == _day_of(until):
        return day(since)
    return _("%(since)s – %(until)s") % {"since": day(since), "until": day(until)}


def moment_with_day(at: datetime) -> str:
    """Nov 29, 21:13, of today as well: a span speaks of its days"""
    return _("%(day)s, %(time)s") % {"day": day(at), "time": time_of_day(at)}


# --- how long


_AGO = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}


def ago(at: datetime) -> str:
    """3 minutes ago; older than a week, the day"""
    return _how_long_ago(at, lambda unit, n: _ago(unit, n, n))


def ago_short(at: datetime) -> str:
    """3m; older than a week, the day"""
    return _how_long_ago(at, lambda unit, n: _ago_short(unit, n))


def _how_long_ago(at: datetime, say) -> str:
    age_s = (timezone.now() - at).total_seconds()
    if age_s > AGO_AT_MOST.total_seconds():
        return day(at)
    if age_s < _JUST_NOW_S:
        return _("now")
    unit, size_s = next((unit, size_s) for unit, size_s in _AGO.items() if age_s >= size_s)
    return say(unit, int(age_s // size_s))


def _ago(unit: str, count: int, shown: object) -> str:
    if unit == "day":
        form = ngettext("%(n)s day ago", "%(n)s days ago", count)
    elif unit == "hour":
        form = ngettext("%(n)s hour ago", "%(n)s hours ago", count)
    elif unit == "minute":
        form = ngettext("%(n)s minute ago", "%(n)s minutes ago", count)
    else:
        form = ngettext("%(n)s second ago", "%(n)s seconds ago", count)
    return form % {"n": shown}


def _ago_short(unit: str, shown: object) -> str:
    if unit == "day":
        form = pgettext("short", "%(n)sd")
    elif unit == "hour":
        form = pgettext("short", "%(n)sh")
    elif unit == "minute":
        form = pgettext("short", "%(n)sm")
    else:
        form = pgettext("short", "%(n)ss")
    return form % {"n": shown}


def length(seconds: float) -> str:
    """1:31; 1:02:03, as a player shows it"""
    whole_s = max(round(seconds), int(seconds > 0))
    hours, minutes = whole_s // 3600, whole_s % 3600 // 60
    rest = f"{whole_s % 60:02}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


def length_in_words(seconds: float) -> str:
    """45 s; 1 min 31 s; 2 h 5 min; 3 d 4 h: the two largest parts"""
    rest_s, parts = round(seconds), []
    for size_s, text in (
        (86400, _("%(n)s d")),
        (3600, _("%(n)s h")),
        (60, _("%(n)s min")),
        (1, _("%(n)s s")),
    ):
        count, rest_s = divmod(rest_s, size_s)
        if count or (parts and rest_s):
            parts.append(text % {"n": count} if count else "")
        if len(parts) == 2:
            break
    return " ".join(filter(None, parts)) or _("%(n)s s") % {"n": 0}
