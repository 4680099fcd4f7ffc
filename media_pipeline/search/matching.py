"""Pictures in order, from any place on, at a bounded cost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.db.models.lookups import In

from devices.access.models import DeviceRemoval
from devices.access.rights import sees_all
from devices.registry.models import Device
from media_pipeline.captures.models import Capture, CaptureQuerySet
from photohub.lib.database.indexes import Unindexed
from photohub.lib.memory.asking import once_a_page

from .sources import OfCameras, Place, Source, Span, places_of

EVERYTHING = Span()


_FIRST_ROWS, _MOST_ROWS = 128, 2_048
# Where pictures have to be looked at, few of them are counted.
COUNTED_BY_LOOKING = 99


@dataclass(frozen=True)
class Matching:
    """`rows` say in SQL what matches; `source` says where to look for them, where one index does not give their order.

    `looks`: whether it takes more than an index to tell that one matches. `span`: the times that are asked for.
    `checks` say the same as `rows`, for pictures that are named by their keys; those of `cameras` are told apart here,
    because there may be thousands (None: everybody's).
    """

    rows: CaptureQuerySet
    source: Source | None = None
    looks: bool = False
    span: Span = EVERYTHING
    checks: CaptureQuerySet | None = None
    cameras: frozenset[int] | None = None

    @property
    def newest_first(self) -> CaptureQuerySet:
        """Return all of them, for whoever takes a part by his own bounds."""
        return self.span.narrow(self.rows)

    def _within(self, span: Span) -> Span:
        return span.within(self.span.since, self.span.before)

    def first(self, span: Span = EVERYTHING) -> Place | None:
        """Return the first within."""
        if self.source is None:
            return places_of(self._within(span).narrow(self.rows)).first()
        return next(self.places(span), None)

    def places(self, span: Span = EVERYTHING) -> Iterator[Place]:
        """Yield when each picture came, with its key, in the order of the span."""
        yield from self.values(span, "received_at", "pk")

    def values(self, span: Span, *columns: str) -> Iterator[tuple]:
        """Yield columns of the pictures within, in the order of the span."""
        for rows in self._parts(span, columns):
            for _at, _id, *values in rows:
                yield tuple(values)

    def _parts(self, span: Span, columns: tuple[str, ...]) -> Iterator[list[tuple]]:
        """Yield columns behind those of the place. In statements of a limit each: PostgreSQL would make all rows ready."""
        names, span = ("received_at", "pk", *columns), self._within(span)
        if self.source is not None:
            for part in self.source.parts(span):
                found = self._checked([id_ for _at, id_ in part], names)
                found.sort(key=lambda row: row[:2], reverse=not span.newer)
                yield found
            return
        size = _FIRST_ROWS
        while rows := list(span.narrow(self.rows).values_list(*names)[:size]):
            yield rows
            if len(rows) < size:
                return
            span, size = span.beyond(rows[-1][:2]), min(4 * size, _MOST_ROWS)

    def _checked(self, keys: list[UUID], names: tuple[str, ...]) -> list[tuple]:
        """Return these columns of those pictures that match, in any order."""
        checks = (self.rows if self.checks is None else self.checks).filter(pk__in=keys).order_by()
        if self.cameras is None:
            return list(checks.values_list(*names))
        return [row[1:] for row in checks.values_list("device_id", *names) if row[0] in self.cameras]

    def captures(self, span: Span, limit: int, dressed: Callable = lambda rows: rows) -> list[Capture]:
        """Return the first pictures within; `dressed` fetches along what is shown of them."""
        if self.source is None:
            return list(dressed(self._within(span).narrow(self.rows))[:limit])
        keys = [id_ for _at, id_ in islice(self.places(span), limit)]
        found = dressed(Capture.objects.all()).in_bulk(keys)
        return [found[key] for key in keys if key in found]

    def count_up_to(self, at_most: int, span: Span = EVERYTHING) -> tuple[int, bool]:
        """Return how many there are within, and whether there are more than that: fewer are counted by looking."""
        if self.looks:
            at_most = min(at_most, COUNTED_BY_LOOKING)
            count = sum(1 for _place in islice(self.places(span), at_most + 1))
        else:
            rows = self._within(span).narrow(self.rows)
            # In the order of the index, or SQLite would take another. Of several cameras each tells its own number.
            rows = rows if self.source is None else rows.order_by()
            count = rows.values("received_at")[: at_most + 1].count()
        return min(count, at_most), count > at_most

    def times(self, since: datetime, before: datetime, at_most: int) -> list[datetime]:
        """Return when those within these times came, the newest first."""
        return [at for at, _id in islice(self.places(Span(since=since, before=before)), at_most)]


def of_cameras(cameras: frozenset[int] | None) -> Matching:
    """Return the pictures of these cameras; None: of all."""
    rows = pictures_of(cameras).order_by("-received_at", "-id")
    source = OfCameras(cameras) if cameras is not None and len(cameras) != 1 else None
    return Matching(rows, source, checks=pictures_of(None) if source else None, cameras=cameras)


def pictures_of(cameras: frozenset[int] | None) -> CaptureQuerySet:
    """Return the pictures of these cameras; None: of all that are not being removed."""
    if cameras is not None:
        return Capture.objects.filter(device__in=cameras)
    # Hardly ever one, so that the rows are nearly always without a condition.
    going = _devices_that_go()
    return Capture.objects.exclude(device__in=going) if going else Capture.objects.all()


@once_a_page
def _devices_that_go() -> list[int]:
    return list(DeviceRemoval.objects.values_list("pk", flat=True))


def checked(cameras: frozenset[int] | None) -> CaptureQuerySet:
    """Return the same for pictures that are named by their keys."""
    if cameras is None:
        return pictures_of(None)
    return Capture.objects.filter(In(Unindexed("device"), list(cameras)))


def seen_by(user) -> Matching:
    """Return all pictures that the person may see."""
    return of_cameras(
        None if sees_all(user) else frozenset(Device.objects.visible_to(user).values_list("pk", flat=True))
    )
