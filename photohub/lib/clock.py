"""A clock that may jump: what is due by it, and what can be known without it.

A row's time of the next try lies at most one longest pause ahead, and a lease at most its length. One that lies further
ahead was written while the clock was wrong, or was written by the right clock before a wrong one; either way it binds
nobody.
"""

import asyncio
import contextlib
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import overload

from django.db.models import Q, QuerySet
from django.utils import timezone

# The machines of one hub may differ by so much.
CLOCKS_DIFFER = timedelta(minutes=5)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_UPTIME = Path("/proc/uptime")


def is_due(field: str, longest_pause_s: float, now: datetime) -> Q:
    """Return the condition that the time in this column has come, or cannot be right."""
    latest = now + timedelta(seconds=longest_pause_s)
    return Q(**{f"{field}__lte": now}) | Q(**{f"{field}__gt": latest})


def has_come(at: datetime, longest_pause_s: float, now: datetime) -> bool:
    """Say `is_due` of a time that was read."""
    return not now < at <= now + timedelta(seconds=longest_pause_s)


def first_due(
    rows: QuerySet,
    field: str,
    longest_pause_s: float,
    now: datetime,
    limit: int,
    *,
    newest: bool = False,
    columns: tuple[str, ...] = ("pk",),
) -> list:
    """Return the keys of the first rows that `is_due` finds, in the order of the column: oldest first, or `newest` first.

    Asked for several columns, it returns tuples. As two ranges of an index and not as one OR, for which a database sorts
    all that wait, or walks past all that pause.
    """
    rows = rows.order_by(f"-{field}" if newest else field).values_list(*columns, flat=len(columns) == 1)
    latest = now + timedelta(seconds=longest_pause_s)
    come, wrong = rows.filter(**{f"{field}__lte": now}), rows.filter(**{f"{field}__gt": latest})
    found: list = []
    for part in (wrong, come) if newest else (come, wrong):
        if len(found) < limit:
            found += part[: limit - len(found)]
    return found


def is_held(field: str, lease_s: float, now: datetime) -> Q:
    """Return the condition that a lease in this column holds now."""
    return Q(**{f"{field}__gt": now, f"{field}__lte": now + timedelta(seconds=lease_s)})


def holds(until: datetime | None, lease_s: float, now: datetime) -> bool:
    """Say `is_held` of a lease that was read."""
    return until is not None and now < until <= now + timedelta(seconds=lease_s)


@overload
def mend(at: datetime, now: datetime) -> datetime: ...
@overload
def mend(at: None, now: datetime) -> None: ...
@overload
def mend(at: datetime | None, now: datetime) -> datetime | None: ...
def mend(at: datetime | None, now: datetime) -> datetime | None:
    """Return the time, or `now` for one that lies ahead of every clock of this hub: another clock wrote it."""
    return now if at is not None and at > now + CLOCKS_DIFFER else at


def uptime() -> tuple[str, float] | None:
    """Return the name of this boot and the seconds since then, sleep included; None where the system does not tell.

    Read from the kernel's files: no library between us and the clock can move these.
    """
    try:
        return _BOOT_ID.read_text().strip(), float(_UPTIME.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def has_any_until(rows: QuerySet, column: str, until: datetime) -> bool:
    """Tell whether any row has its time until then. In its order: for the question alone PostgreSQL may walk the table."""
    return rows.filter(**{f"{column}__lte": until}).order_by(column).values_list("pk").first() is not None


async def wait_at_most(event: asyncio.Event, limit_s: float) -> None:
    """Wait for the event, but no longer than this."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await event.wait()


class Pace:
    """Whether the clock went as fast as time since it was last asked, in this process. For work that is done again and again."""

    _TOLERATED_S = 60.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = self._look()

    def is_steady(self) -> bool:
        """Tell whether there was no jump since the last call, or since this object was made."""
        with self._lock:
            before, self._last = self._last, self._look()
        return abs(self._last - before) <= self._TOLERATED_S

    @staticmethod
    def _look() -> float:
        return timezone.now().timestamp() - time.clock_gettime(time.CLOCK_BOOTTIME)
