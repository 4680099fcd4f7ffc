"""Days and times as people and programs write them in a query."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _


class BadFilter(ValueError):
    """A filter that cannot be understood; the text says which and how to write it."""


def text_of(query: Mapping, name: str) -> str:
    # A NUL cannot be stored, so nothing can match it, and PostgreSQL refuses it.
    return query.get(name, "").replace("\0", "").strip()[:200]


def read_instant(query: Mapping, name: str, zone: tzinfo, whole_day: bool = False) -> datetime | None:
    """Read a day, whose last instant counts when `whole_day`, or an exact time."""
    text = text_of(query, name)
    if not text:
        return None
    try:
        if day := parse_date(text):
            return start_of_day(day + timedelta(days=1) if whole_day else day, zone)
        # In a query string an unescaped plus sign arrives as a space.
        if at := parse_datetime(text.replace(" ", "+") if "T" in text else text):
            return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadFilter(
        _("“%(name)s” must be a date like 2025-06-30, not “%(text)s”.") % {"name": name, "text": text[:40]}
    )


def start_of_day(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
