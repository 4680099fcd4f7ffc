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
from django.utils.translation import gettext as _

from photohub.lib import clock

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
    """Why the clock is not believed: `word` for programs, the sentence for people."""

    word: str
    sentence: str


def look() -> Doubt | None:
    """Compare the clock with what is known, and remember it when it can be believed. None: it can."""
    now, up = timezone.now(), clock.uptime()
    if doubt := _differs_from_database(now):
        return doubt
    row = ServiceBeat.objects.filter(pk=NAME).first()
    if row is not None and (doubt := _judge(row, now, up)):
        return doubt
    _remember(now, up)
    return None


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
    if passed < timedelta():
        words = {"days": -passed.days, "date": f"{now:%Y-%m-%d}"}
        return Doubt(
            "behind", _("The clock of this machine went back by %(days)d days, to %(date)s.") % words
        )
    words = {"days": passed.days, "date": f"{now:%Y-%m-%d}"}
    return Doubt("ahead", _("The clock of this machine went ahead by %(days)d days, to %(date)s.") % words)


def _differs_from_database(now: datetime) -> Doubt | None:
    """Compare with the server of PostgreSQL, which has a clock of its own."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (there,) = cursor.fetchone()
    if abs(there - now) <= DATABASE_DIFFERS:
        return None
    words = {"minutes": abs(there - now).total_seconds() // 60}
    return Doubt(
        "database", _("The clocks of this machine and of the database differ by %(minutes)d minutes.") % words
    )
