"""Keeping what devices say of themselves: at most one row for a device and minute, in the commit that notes the device.

That commit is made anyway, so a sample costs an SD card no write of its own, and a hub to which nobody speaks writes
nothing. A figure that comes later in the same minute completes the row; one that was said in it already is passed over.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from photohub.lib.database import rows

from .models import FIGURES, TelemetrySample

_REMEMBERED_AT_MOST = 20_000
_COLUMNS = ("device_id", "minute", *FIGURES)
_TOGETHER = 1_000


@dataclass(frozen=True, slots=True)
class Sample:
    """Figures that a device said in a minute."""

    device_pk: int
    minute: int
    figures: dict[str, int]

    def with_earlier(self, before: "Sample | None") -> "Sample":
        """Return this sample with what was said earlier in the same minute."""
        if before is None or before.minute != self.minute:
            return self
        return Sample(self.device_pk, self.minute, {**before.figures, **self.figures})


@dataclass
class _Kept:
    """Which figures of which minute this process has kept of each device last."""

    last: dict[int, tuple[int, frozenset[str]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_kept = _Kept()


def sample_of(device_pk: int, at: datetime, values: dict) -> Sample | None:
    """Return what is to be kept of what a device says; None where nothing is new in this minute. Asks no row."""
    said = {name: values[name] for name in FIGURES if name in values}
    if not said:
        return None
    minute = int(at.timestamp() // 60)
    before, names = _kept.last.get(device_pk, (None, frozenset()))
    return None if before == minute and names.issuperset(said) else Sample(device_pk, minute, said)


def write(samples: Sequence[Sample]) -> None:
    """Keep these samples, each of another device. Call it inside the transaction that notes their devices."""
    # Two processes that hear the same devices take the rows in one order.
    ordered = sorted(samples, key=lambda sample: (sample.device_pk, sample.minute))
    for start in range(0, len(ordered), _TOGETHER):
        part = ordered[start : start + _TOGETHER]
        rows.execute(_statement(len(part)), [value for sample in part for value in _values(sample)])
    with _kept.lock:
        if len(_kept.last) + len(ordered) > _REMEMBERED_AT_MOST:
            _kept.last.clear()
        for sample in ordered:
            minute, names = _kept.last.get(sample.device_pk, (None, frozenset()))
            said = frozenset(sample.figures)
            _kept.last[sample.device_pk] = (sample.minute, said | names if minute == sample.minute else said)


def forget() -> None:
    """Remember nothing of what was kept, as a process that has just begun."""
    with _kept.lock:
        _kept.last.clear()


def _values(sample: Sample) -> list[int | None]:
    return [sample.device_pk, sample.minute, *(sample.figures.get(name) for name in FIGURES)]


def _statement(count: int) -> str:
    table = TelemetrySample._meta.db_table
    marks = ", ".join([f"({', '.join(['%s'] * len(_COLUMNS))})"] * count)
    completed = ", ".join(f"{name} = COALESCE(excluded.{name}, {table}.{name})" for name in FIGURES)
    return (
        f"INSERT INTO {table} ({', '.join(_COLUMNS)}) VALUES {marks} "
        f"ON CONFLICT (device_id, minute) DO UPDATE SET {completed}"
    )
