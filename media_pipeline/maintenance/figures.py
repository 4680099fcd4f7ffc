"""Figures of large tables that pages show: counted by the sweep, so that nobody who looks waits for a walk.

Few rows are counted at once and are exact. Beyond that the figure is the sweep's: it counts again after some seconds, or
after a hundred times as long as it took to count, whichever is longer. So it costs a hundredth of a core at most.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from media_pipeline.captures.models import Capture
from media_pipeline.mirror.models import OSSObject

from . import deleting
from .models import KeptFigure, Removal

EXACT_UP_TO = 1000
_AGAIN_AFTER_S = 10
_REST = 100


@dataclass(frozen=True)
class Figure:
    """How many rows, and the bytes of their pictures where these are counted."""

    count: int
    size_bytes: int = 0


def _stuck_removals() -> list[QuerySet]:
    """Return what cannot be removed now, beside copies in a former mirror, in two ranges of the index of errors."""
    failed, former = Removal.objects.failed(), deleting.FORMER_MIRROR.text
    parts = failed.filter(error__lt=former), failed.filter(error__gt=former)
    return [part.order_by("error") for part in parts]


# The tables' parts that are counted, in the order of the index that holds nothing but them: a database that is free to
# choose walks past all others as long as it takes these to be many.
_PARTS: dict[str, Callable[[], list[QuerySet]]] = {
    "stored": lambda: [Capture.everything.order_by()],
    "trash": lambda: [Capture.everything.in_trash().order_by("-trashed_at", "-id")],
    "waiting": lambda: [OSSObject.objects.waiting().order_by("next_try_at")],
    "refused": lambda: [OSSObject.objects.refused().order_by("next_try_at")],
    "failed": lambda: [OSSObject.objects.failed().order_by("next_try_at")],
    "never copied": lambda: [OSSObject.objects.never_copied().order_by("next_try_at")],
    "stuck removals": _stuck_removals,
    "removals": lambda: [Removal.objects.order_by("next_try_at")],
    "previews": lambda: [Capture.everything.without_thumbnail().order_by("received_at")],
    "links": lambda: [Capture.everything.to_publish().order_by("received_at")],
}
_WITH_BYTES = ("trash",)


def read(name: str) -> Figure:
    """Return a figure: exact up to a thousand rows, else as the sweep last counted it."""
    column, found = "size_bytes" if name in _WITH_BYTES else "pk", []
    for rows in _PARTS[name]():
        found += rows.values_list(column, flat=True)[: EXACT_UP_TO + 1 - len(found)]
    if len(found) <= EXACT_UP_TO:
        return Figure(len(found), sum(found) if name in _WITH_BYTES else 0)
    kept = KeptFigure.objects.filter(pk=name).first() or _count(name)
    return Figure(max(kept.count, len(found)), kept.size_bytes)


def keep() -> None:
    """Count again what is due, of that which is too much to be counted for each look."""
    for name, parts in _PARTS.items():
        if _is_due(name) and sum(_first_of(rows).count() for rows in parts()) > EXACT_UP_TO:
            _count(name)


def _first_of(rows: QuerySet) -> QuerySet:
    return rows.values("pk")[: EXACT_UP_TO + 1]


# When this process counted, and how long that took: a hub at rest writes nothing.
_counted: dict[str, tuple[float, float]] = {}


def _is_due(name: str) -> bool:
    at_s, took_s = _counted.get(name, (float("-inf"), 0.0))
    return time.monotonic() - at_s >= max(_AGAIN_AFTER_S, _REST * took_s)


def _count(name: str) -> KeptFigure:
    begun_s = time.monotonic()
    wanted = {"n": Count("pk")} | ({"size": Sum("size_bytes")} if name in _WITH_BYTES else {})
    found = [rows.order_by().aggregate(**wanted) for rows in _PARTS[name]()]
    now_s = time.monotonic()
    _counted[name] = now_s, now_s - begun_s
    values = {"count": sum(f["n"] for f in found), "size_bytes": sum(f.get("size") or 0 for f in found)}
    row = KeptFigure.objects.filter(pk=name).first()
    if row is None or (row.count, row.size_bytes) != (values["count"], values["size_bytes"]):
        row, _made = KeptFigure.objects.update_or_create(
            pk=name, defaults=values | {"at": timezone.now(), "took_ms": round(1000 * _counted[name][1])}
        )
    return row
