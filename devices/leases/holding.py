"""Take a lease, renew it, give it back, and see which others live.

A lease is renewed by the database's time, so machines may have whatever time they like. The database's clock may jump as
well: so whoever has seen a lease for a while judges by how long he saw it renewed no more (`Watch`), and only who comes
new believes the time in the row. Whoever lost a lease hears of it when he renews it, and a statement that takes one names
the holder that it was taken from, so two never hold it.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import DateTimeField as _Time
from django.db.models import ExpressionWrapper, Q
from django.db.models.functions import Now

from photohub.lib import clock

from .models import Lease, LeaseKind


@dataclass(frozen=True)
class Process:
    """This process to others: a word that no other has, and where it runs."""

    word: str = field(default_factory=lambda: secrets.token_hex(8))
    place: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}"[:120])


@dataclass(frozen=True)
class Seen:
    """A row as it was read, and the database's time then."""

    row: Lease
    now: datetime

    def holds_by(self, ttl_s: float) -> bool:
        """Tell whether somebody holds it by the database's time."""
        return bool(self.row.holder) and clock.holds(self.row.until, ttl_s, self.now)


def read(**which: object) -> list[Seen]:
    """Return leases with the database's time."""
    rows = Lease.objects.filter(**which).order_by("number", "name").annotate(read_at=_now())
    # The annotation is of no class.
    return [Seen(row, getattr(row, "read_at")) for row in rows]  # noqa: B009


def take(seen: Seen, process: Process, ttl_s: float, **values: object) -> bool:
    """Take a lease that nobody holds, or whose holder died; False when another was faster."""
    found = Lease.objects.filter(pk=seen.row.pk, holder=seen.row.holder, until=seen.row.until)
    return bool(
        found.update(holder=process.word, place=process.place, since=Now(), until=_after(ttl_s), **values)
    )


def make(name: str, kind: LeaseKind) -> bool:
    """Make the row of a lease that nobody holds, unless it is there already. Returns whether it was made."""
    _row, made = Lease.objects.get_or_create(name=name, defaults={"kind": kind})
    return made


def renew(name: str, process: Process, ttl_s: float, **values: object) -> bool:
    """Keep a lease; False when it is another's by now."""
    return bool(Lease.objects.filter(pk=name, holder=process.word).update(until=_after(ttl_s), **values))


def give_back(name: str, process: Process, **values: object) -> None:
    """Let another take it at once."""
    Lease.objects.filter(pk=name, holder=process.word).update(holder="", until=_after(0), **values)


def drop(name: str, process: Process) -> None:
    """Leave nothing of a lease."""
    Lease.objects.filter(pk=name, holder__in=("", process.word)).delete()


def drop_old(kind: LeaseKind, after: timedelta = timedelta(hours=1)) -> None:
    """Drop leases whose holders died long ago."""
    recent = Q(until__gt=_shifted(-after), until__lt=_shifted(after))
    Lease.objects.filter(kind=kind).exclude(recent).delete()


class Watch:
    """Sees which leases live. After the first look no clock counts but the one of this process that does not jump."""

    def __init__(self, ttl_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._ttl_s = ttl_s
        self._now_s = now_s
        self._looked_s: float | None = None
        # Of each lease its holder and end as last seen, and since when.
        self._known: dict[str, tuple[str, datetime, float]] = {}

    def live(self, found: Iterable[Seen]) -> list[Lease]:
        """Return those that somebody holds. Look more often than a lease lasts."""
        now_s = self._now_s()
        # Who could not look, as while the database was away, has not seen that they were not renewed.
        blind = self._looked_s is not None and now_s - self._looked_s > self._ttl_s / 2
        self._looked_s = now_s
        known, self._known = self._known, {}
        return [seen.row for seen in found if self._lives(seen, known.get(seen.row.pk), now_s, blind)]

    def _lives(
        self, seen: Seen, known: tuple[str, datetime, float] | None, now_s: float, blind: bool
    ) -> bool:
        row = seen.row
        if known is None:
            since_s = now_s if seen.holds_by(self._ttl_s) else now_s - self._ttl_s
        elif known[:2] != (row.holder, row.until):
            since_s = now_s
        else:
            since_s = max(known[2], now_s - self._ttl_s / 2) if blind else known[2]
        self._known[row.pk] = (row.holder, row.until, since_s)
        return bool(row.holder) and now_s - since_s < self._ttl_s


def _now() -> ExpressionWrapper:
    return ExpressionWrapper(Now(), output_field=_Time())


def _after(seconds: float) -> ExpressionWrapper:
    return _shifted(timedelta(seconds=seconds))


def _shifted(by: timedelta) -> ExpressionWrapper:
    return ExpressionWrapper(Now() + by, output_field=_Time())
