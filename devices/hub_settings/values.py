"""Settings of the environment that an owner may choose in a page instead, where the environment says nothing.

The row is the truth, and every process reads it anew after some seconds; the environment wins wherever it says
something. A limit that is chosen lower holds an hour later: until then it can be taken back, and nothing was deleted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from photohub.lib import clock

from .choices import write
from .models import HubSetting

DAYS_AT_MOST = 36_500
# So long a lower limit can be taken back before anything goes by it.
HOLDS_AFTER = timedelta(hours=1)
_READ_EVERY_S = 10.0


def _is_days(value: Any) -> bool:
    return type(value) is int and 0 <= value <= DAYS_AT_MOST


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62


@dataclass(frozen=True)
class Choosable:
    """One setting: its name in the rows, in Django's settings and in the environment, and what holds where nobody chose."""

    name: str
    attribute: str
    variable: str
    default: Any
    is_valid: Callable[[Any], bool]


KEEP_DAYS = Choosable("keep_days", "KEEP_DAYS", "PHOTOHUB_KEEP_DAYS", 0, _is_days)
KEEP_BYTES = Choosable("keep_bytes", "KEEP_BYTES", "PHOTOHUB_KEEP_BYTES", 0, _is_size)
LASTING_LINKS = Choosable(
    "lasting_links", "LASTING_LINKS", "PHOTOHUB_LASTING_LINKS", True, lambda value: type(value) is bool
)
ALL = (KEEP_DAYS, KEEP_BYTES, LASTING_LINKS)


@dataclass(frozen=True)
class Waiting:
    """A choice that holds from a moment on."""

    value: Any
    holds_from: datetime


class _Rows:
    """What this process read last: name → value of the row."""

    found: dict[str, Any] = {}
    read_at_s = float("-inf")

    @classmethod
    def get(cls, name: str) -> dict:
        if time.monotonic() - cls.read_at_s >= _READ_EVERY_S:
            try:
                names = [which.name for which in ALL]
                cls.found = dict(HubSetting.objects.filter(pk__in=names).values_list("name", "value"))
                cls.read_at_s = time.monotonic()
            except (DatabaseError, InterfaceError, SynchronousOnlyOperation):
                # The database is away, or an event loop asks, which may not wait for it: what was known holds.
                pass
        row = cls.found.get(name)
        return row if isinstance(row, dict) else {}


def forget() -> None:
    """Read the choices anew at the next question."""
    _Rows.read_at_s = float("-inf")


def is_set_outside(which: Choosable) -> bool:
    """Tell whether the environment says it, so that nobody chooses it in a page."""
    read = settings.READ.get(which.variable)
    return _given(which) != which.default or (read is not None and read.source != "default")


def _given(which: Choosable) -> Any:
    return getattr(settings, which.attribute)


def value(which: Choosable) -> Any:
    """Return what holds now: the environment's word, else the owner's choice, else the default."""
    if is_set_outside(which):
        return _given(which)
    row = _Rows.get(which.name)
    chosen = row.get("before") if waiting(which) else row.get("value")
    return chosen if which.is_valid(chosen) else which.default


def waiting(which: Choosable) -> Waiting | None:
    """Return the choice that does not hold yet; None where what was chosen holds."""
    row = _Rows.get(which.name)
    holds_from = parse_datetime(row["from"]) if isinstance(row.get("from"), str) else None
    longest_s = HOLDS_AFTER.total_seconds()
    if holds_from is None or is_set_outside(which) or clock.has_come(holds_from, longest_s, timezone.now()):
        return None
    return Waiting(row.get("value"), holds_from)


def choose(which: Choosable, chosen: Any, *, later: bool = False) -> None:
    """Keep an owner's choice, which holds at once or an hour later. Raises ValueError for one that cannot be."""
    if not which.is_valid(chosen):
        raise ValueError(f"{chosen!r} is no value of {which.name}.")
    row = {"value": chosen}
    if later:
        row |= {"before": value(which), "from": (timezone.now() + HOLDS_AFTER).isoformat()}
    write(which.name, row)
    forget()


def keep_days() -> int:
    """Return after how many days pictures go; 0: never."""
    return value(KEEP_DAYS)


def keep_bytes() -> int:
    """Return how many bytes of pictures stay on a machine; 0: all."""
    return value(KEEP_BYTES)


def lasting_links() -> bool:
    """Tell whether pictures have lasting links, where their device says nothing."""
    return value(LASTING_LINKS)
