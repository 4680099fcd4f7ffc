"""Where pictures are looked for that no single index of theirs gives in order: several cameras, a tag, few of many.

A source yields places of pictures, newest first (or oldest first), a part at a time: so a page costs what it shows. Who
asks looks at each part whether these pictures match everything (`media_pipeline.history.matching`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from heapq import merge
from itertools import chain, islice, pairwise, repeat
from operator import or_
from typing import Protocol, TypeVar, runtime_checkable
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery

from devices.registry.models import Device
from media_pipeline.captures.models import Capture, Tagging

from . import blocks, grams, index

# Of so few the places are all fetched at once.
FEW = 1_000
_FIRST_PART = 64
_LARGEST_PART = 1_024
# Cameras that are many have a picture among so many of all, as a rule.
_LOOKED_AT_FIRST = 1_500
_MANY_CAMERAS = 500
# A text that every tenth picture has fills a page from so many.
_NEAR = 1_024
_LOOKED_AT_FOR_TEXT, _OFTEN = 400, 16
_STRETCHES_FIRST, _STRETCHES = 4, 24
_FIRST_KEY, _LAST_KEY = UUID(int=0), UUID(int=(1 << 128) - 1)

NO_LABEL = Q()

Place = tuple[datetime, UUID]
Rows = TypeVar("Rows", bound=QuerySet)


@dataclass(frozen=True)
class Span:
    """From which place on, without it, and within which times: from `since` up to and without `before`."""

    place: Place | None = None
    since: datetime | None = None
    before: datetime | None = None
    newer: bool = False

    def narrow(self, rows: Rows, at: str = "received_at", key: str = "pk") -> Rows:
        """Keep the rows within, in order; `at` and `key` name their columns.

        With one bound at each end: of two, SQLite would begin at the one that it meets first.
        """
        since, before, place = self.since, self.before, self.place
        if place and self.newer:
            since, place = (since, None) if since and since > place[0] else (None, place)
        elif place:
            before, place = (before, None) if before and before <= place[0] else (None, place)
        if since:
            rows = rows.filter(**{f"{at}__gte": since})
        if before:
            rows = rows.filter(**{f"{at}__lt": before})
        if place:
            moment, id_ = place
            beyond, edge = ("gt", "gte") if self.newer else ("lt", "lte")
            # The last condition alone bounds the index; the others settle pictures of the same microsecond.
            rows = rows.filter(
                Q(**{f"{at}__{beyond}": moment}) | Q(**{f"{key}__{beyond}": id_}), **{f"{at}__{edge}": moment}
            )
        return rows.order_by(*((at, key) if self.newer else (f"-{at}", f"-{key}")))

    def within(self, since: datetime | None = None, before: datetime | None = None) -> "Span":
        """Return the part of it that lies within these times as well."""
        later = max((at for at in (self.since, since) if at), default=None)
        earlier = min((at for at in (self.before, before) if at), default=None)
        return replace(self, since=later, before=earlier)

    def beyond(self, place: Place) -> "Span":
        """Return what is left of it behind this place."""
        return replace(self, place=place)


class Source(Protocol):
    """What has pictures; `parts` are the places of those within a span, in order."""

    def parts(self, span: Span) -> Iterator[list[Place]]: ...


@runtime_checkable
class Index(Protocol):
    """A source that can begin anywhere: `part` is about so many places within a span, and whether these were the last."""

    def part(self, span: Span, size: int) -> tuple[list[Place], bool]: ...


def sizes() -> Iterator[int]:
    """Yield how many places each part has, so that who wants few gets few."""
    size = _FIRST_PART
    while True:
        yield size
        size = min(2 * size, _LARGEST_PART)


def places_of(rows: QuerySet, at: str = "received_at", key: str = "pk") -> QuerySet:
    """Ask for the places of these rows."""
    return rows.values_list(at, key)


@dataclass(frozen=True)
class OfRows:
    """What the rows of one index hold, in its order."""

    rows: QuerySet
    at: str = "received_at"
    key: str = "pk"

    def parts(self, span: Span) -> Iterator[list[Place]]:
        for size in sizes():
            found, is_last = self.part(span, size)
            if found:
                yield found
            if is_last:
                return
            span = span.beyond(found[-1])

    def part(self, span: Span, size: int) -> tuple[list[Place], bool]:
        found = list(places_of(span.narrow(self.rows, self.at, self.key), self.at, self.key)[:size])
        return found, len(found) < size


def of_tags(tags: list[int]) -> Source:
    """Return the pictures with one of these tags."""
    of_each: list[Source] = [
        OfRows(Tagging.objects.filter(tag=tag), "received_at", "capture_id") for tag in tags
    ]
    return of_each[0] if len(of_each) == 1 else Together(of_each) if of_each else Listed([])


@dataclass(frozen=True)
class Listed:
    """A few pictures whose places are known, newest first."""

    places: list[Place]

    def parts(self, span: Span) -> Iterator[list[Place]]:
        within = self._within(span)
        for start in range(0, len(within), _LARGEST_PART):
            yield within[start : start + _LARGEST_PART]

    def part(self, span: Span, size: int) -> tuple[list[Place], bool]:
        within = self._within(span)
        return within[:size], len(within) <= size

    def _within(self, span: Span) -> list[Place]:
        ordered = self.places[::-1]
        low = bisect_left(ordered, span.since, key=lambda p: p[0]) if span.since else 0
        high = bisect_left(ordered, span.before, key=lambda p: p[0]) if span.before else len(ordered)
        if span.place and span.newer:
            low = max(low, bisect_right(ordered, span.place))
        elif span.place:
            high = min(high, bisect_left(ordered, span.place))
        return ordered[low:high] if span.newer else ordered[low:high][::-1]


@dataclass(frozen=True)
class Together:
    """What any of these has, each picture once."""

    sources: list[Source]

    def parts(self, span: Span) -> Iterator[list[Place]]:
        flowing = [(place for part in source.parts(span) for place in part) for source in self.sources]
        merged = merge(*flowing, reverse=not span.newer)
        last: Place | None = None
        for size in sizes():
            part = list(islice(merged, size))
            if not part:
                return
            yield [
                place for before, place in pairwise([last, *part]) if place is not None and place != before
            ]
            last = part[-1]


@dataclass(frozen=True)
class OfCameras:
    """The pictures of several cameras: one step along the index of each says whose come next, and only these are read.

    `having` is a label that they have, by which there is an index of each camera; `of_all` says the same by that of all.
    """

    cameras: frozenset[int]
    having: Q = NO_LABEL
    of_all: Q = NO_LABEL

    def parts(self, span: Span) -> Iterator[list[Place]]:
        if len(self.cameras) > _MANY_CAMERAS:
            found, span_left = self._among_all(span)
            if found:
                yield found
            if span_left is None:
                return
            span = span_left
        for size in sizes():
            found, is_last = self._by_camera(span, size)
            if is_last:
                return
            # None are left where all of these were deleted meanwhile.
            if found:
                yield found
                span = span.beyond(found[-1])

    def part(self, span: Span, size: int) -> tuple[list[Place], bool]:
        if len(self.cameras) > _MANY_CAMERAS:
            found, span_left = self._among_all(span)
            if found or span_left is None:
                return found, span_left is None
            span = span_left
        return self._by_camera(span, size)

    @property
    def _rows(self) -> QuerySet[Capture]:
        return Capture.objects.filter(self.having)

    def _among_all(self, span: Span) -> tuple[list[Place], Span | None]:
        """Return those that are among the next ones of all cameras, and what is left of the span, if anything."""
        rows = span.narrow(Capture.objects.filter(self.of_all)).values_list("received_at", "pk", "device_id")
        looked = list(rows[:_LOOKED_AT_FIRST])
        found = [(at, id_) for at, id_, camera in looked if camera in self.cameras]
        return found, None if len(looked) < _LOOKED_AT_FIRST else span.beyond(looked[-1][:2])

    def _by_camera(self, span: Span, size: int) -> tuple[list[Place], bool]:
        nearest = self._nearest(span)
        return (self._read(nearest, size, span), False) if nearest else ([], True)

    def _nearest(self, span: Span) -> list[tuple[datetime, int]]:
        """Return each camera with the time of its next picture, in order."""
        own = span.narrow(self._rows.filter(device=OuterRef("pk"))).values("received_at")[:1]
        rows = Device.objects.filter(pk__in=self.cameras).order_by()
        found = rows.annotate(next_at=Subquery(own)).values_list("next_at", "pk")
        return sorted((row for row in found if row[0] is not None), reverse=not span.newer)

    def _read(self, nearest: list[tuple[datetime, int]], size: int, span: Span) -> list[Place]:
        """Return at least one place, and about `size`: all pictures up to a time that no camera reaches beyond with more."""
        edge = nearest[size - 1][0] if len(nearest) > size else None
        # With all cameras whose next picture is of the very time where it ends.
        is_within = (lambda at: at <= edge) if span.newer else (lambda at: at >= edge)
        first = nearest if edge is None else [row for row in nearest if is_within(row[0])]
        own = span.narrow(self._rows.filter(device=OuterRef("pk"))).values("received_at")
        share = max(1, 4 * size // len(first))
        rows = Device.objects.filter(pk__in=[pk for _at, pk in first]).order_by()
        ends = rows.annotate(end=Subquery(own[share : share + 1])).values_list("end", flat=True)
        known = [at for at in [edge, *ends] if at is not None]
        within = span
        if known and span.newer:
            within = span.within(before=min(known) + timedelta(microseconds=1))
        elif known:
            within = span.within(since=max(known))
        rows = self._rows.filter(device__in=[pk for _at, pk in first])
        return list(places_of(within.narrow(rows)))


@dataclass(frozen=True)
class OfTexts:
    """The pictures of `rows` whose own name or note holds a text, which is also a condition of these rows.

    What comes first is looked at as it is, so that a word of many pictures needs no index. Then the index says in which
    stretches there can be more.
    """

    rows: QuerySet
    text: str
    # The same for pictures that are named by their keys.
    checks: QuerySet

    def parts(self, span: Span) -> Iterator[list[Place]]:
        near = places_of(span.narrow(Capture.objects.all()))
        if (last := near[_NEAR - 1 : _NEAR].first()) is None:
            yield from OfRows(self.rows).parts(span)
            return
        after_last = last[0] + timedelta(microseconds=1)
        first = span.within(before=after_last) if span.newer else span.within(since=last[0])
        if found := list(places_of(first.narrow(self.rows))):
            yield found
        yield from self._beyond(span.beyond((last[0], _LAST_KEY if span.newer else _FIRST_KEY)))

    def _beyond(self, span: Span) -> Iterator[list[Place]]:
        wanted, cover = grams.wanted_of(self.text), index.cover()
        if cover is None or not wanted:
            yield from OfRows(self.rows).parts(span)
            return
        later, earlier = span.within(since=cover.until), span.within(before=cover.since)
        first, last = (earlier, later) if span.newer else (later, earlier)
        yield from OfRows(self.rows).parts(first)
        for stretches in self._stretches(wanted, cover, span):
            if found := self._within(stretches, cover, span):
                yield found
        yield from OfRows(self.rows).parts(last)

    def _within(self, stretches: list[blocks.Stretch], cover: index.Cover, span: Span) -> list[Place]:
        """Return the places within these stretches, each read along its own piece of the index."""
        ends = [
            (index.instant_of(since), min(index.instant_of(until), cover.until)) for since, until in stretches
        ]
        if connection.vendor == "postgresql":
            # It reads an OR piece by piece, and plans it once.
            either = reduce(or_, (Q(received_at__gte=since, received_at__lt=until) for since, until in ends))
            outer = span.within(min(ends)[0], max(ends)[1])
            return list(places_of(outer.narrow(self.rows.filter(either))))
        # An OR SQLite would walk from the first to the last of them.
        of_each = [places_of(span.within(*end).narrow(self.rows).order_by()) for end in ends]
        return sorted(of_each[0].union(*of_each[1:], all=True), reverse=not span.newer)

    def _stretches(self, wanted: list[int], cover: index.Cover, span: Span) -> Iterator[list[blocks.Stretch]]:
        """Yield stretches that may have the text, in order, some at a time."""
        edges = (
            [cover.since, span.since, span.place and span.place[0]]
            if span.newer
            else [cover.until, span.before, span.place and span.place[0]]
        )
        at = index.number_of((max if span.newer else min)(edge for edge in edges if edge))
        changed = {c for c in cover.changed if (c[1] > at if span.newer else c[0] <= at)}
        for size in chain([_STRETCHES_FIRST], repeat(_STRETCHES)):
            found = blocks.with_grams(wanted, at, span.newer, size)
            ended = len(found) < size
            edge = found[-1][0] if found else 0
            due = {c for c in changed if ended or (c[0] <= edge if span.newer else c[0] >= edge)}
            changed -= due
            if together := sorted({*found, *due}, reverse=not span.newer):
                yield together
            if ended or self._is_past(found[-1], span):
                return
            at = found[-1][1] if span.newer else found[-1][0] - 1

    @staticmethod
    def _is_past(stretch: blocks.Stretch, span: Span) -> bool:
        """Tell whether all that follows lies outside of the times that are asked for."""
        if span.newer:
            return span.before is not None and index.instant_of(stretch[0]) >= span.before
        return span.since is not None and index.instant_of(stretch[1]) <= span.since


@dataclass(frozen=True)
class OfTextsOfCameras:
    """The same for some cameras alone: a text that many of their pictures have is looked for among theirs."""

    cameras: frozenset[int]
    texts: OfTexts

    def parts(self, span: Span) -> Iterator[list[Place]]:
        own, looked, found = OfCameras(self.cameras).parts(span), 0, []
        for part in own:
            keys = [id_ for _at, id_ in part]
            having = set(self.texts.checks.filter(pk__in=keys).values_list("pk", flat=True))
            found += [place for place in part if place[1] in having]
            looked += len(part)
            if looked >= _LOOKED_AT_FOR_TEXT:
                break
        else:
            yield found
            return
        if len(found) * _OFTEN < looked:
            yield from self.texts.parts(span)
            return
        yield found
        yield from own


def few_or_none(rows: QuerySet) -> Listed | None:
    """Return all of these rows, if they are few; they are read from their index."""
    ordered = places_of(rows.order_by("-received_at", "-pk"))
    # Where they are many, none but this one is fetched.
    return None if list(ordered[FEW : FEW + 1]) else Listed(list(ordered[: FEW + 1]))
