"""Whether this machine's clock can be believed, for work that cannot be taken back.

The last moment at which it was believed stands in a row, with the time since the system's start. Both must have gone on
together. While they have not, the row stays as it is: a clock that comes back is believed again by itself, one that
stays away waits for an owner (`believe`).
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from photohub.lib import clock
from photohub.lib.pages.sentences import plain

from .models import ServiceBeat

NAME = "clock"
# A small jump does little harm, and daylight, leap seconds and NTP make some.
JUMP = timedelta(days=1)
# Nobody can tell a long rest from a wrong clock. A board without a clock battery is set right some minutes after its start.
REST = timedelta(days=7)
_SETTLING_S = 900
DATABASE_DIFFERS = timedelta(minutes=5)


@dataclass(frozen=True)
class Doubt:
    """Why the clock is not believed: `clock_<word>` stands in `trouble_words`, with these values."""

    word: str
    values: dict


def look() -> Doubt | None:
    """Compare the clock with what is known, and remember it when it can be believed. None: it can."""
    now, up = timezone.now(), clock.uptime()
    doubt = _doubt(now, up)
    if doubt is None:
        _remember(now, up)
    return doubt


def doubt() -> Doubt | None:
    """Like `look`, for those that only show it: nothing is remembered."""
    return _doubt(timezone.now(), clock.uptime())


def _doubt(now: datetime, up: tuple[str, float] | None) -> Doubt | None:
    row = ServiceBeat.objects.filter(pk=NAME).first()
    return _differs_from_database(now) or (_judge(row, now, up) if row is not None else None)


def believe() -> None:
    """Take the clock as right from now on, at an owner's wish."""
    _remember(timezone.now(), clock.uptime())


def _remember(now: datetime, up: tuple[str, float] | None) -> None:
    said = json.dumps(up) if up else ""
    ServiceBeat.objects.update_or_create(pk=NAME, defaults={"at": now, "ok": True, "sentence": said})


def _judge(row: ServiceBeat, now: datetime, up: tuple[str, float] | None) -> Doubt | None:
    passed = now - row.at
    boot, seconds = json.loads(row.sentence) if row.sentence else ("", 0.0)
    if up is not None and up[0] == boot:
        passed -= timedelta(seconds=up[1] - seconds)
        # Set right soon after the start: what went before was no witness of the rest.
        allowed = REST if seconds < _SETTLING_S else JUMP
    else:
        allowed = REST
    if -JUMP <= passed <= allowed:
        return None
    values = {"days": abs(round(passed / timedelta(days=1))), "date": plain(now)}
    return Doubt("behind" if passed < timedelta() else "ahead", values)


def _differs_from_database(now: datetime) -> Doubt | None:
    there = _database_time()
    if there is None or abs(there - now) <= DATABASE_DIFFERS:
        return None
    return Doubt("database", {"minutes": round(abs(there - now) / timedelta(minutes=1))})


def _database_time() -> datetime | None:
    """Ask the server of PostgreSQL, which has a clock of its own."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
