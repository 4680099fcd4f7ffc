"""Pictures that several indexes have, each once and in order, without a walk through what only one of them has."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from unittest import mock
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from media_pipeline.search import sources as of_sources
from media_pipeline.search.joining import AllOf
from media_pipeline.search.sources import Listed, Place, Source, Span

NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


class Counting:
    """A source that counts how many places it gave; `begins` tells whether it can begin anywhere."""

    def __init__(self, places: list[Place]) -> None:
        self.listed, self.given = Listed(sorted(places, reverse=True)), 0

    def part(self, span: Span, size: int) -> tuple[list[Place], bool]:
        part, is_last = self.listed.part(span, size)
        self.given += len(part)
        return part, is_last

    def parts(self, span: Span):
        raise AssertionError("what can begin anywhere is asked for parts of its own")


class Passing:
    """A source that can only be gone through, with parts that may be empty."""

    def __init__(self, places: list[Place]) -> None:
        self._listed = Listed(sorted(places, reverse=True))

    def parts(self, span: Span):
        within = [place for part in self._listed.parts(span) for place in part]
        for start in range(0, len(within), 3):
            yield within[start : start + 3]
            yield []


def places_at(minutes) -> list[Place]:
    return [(NOON - timedelta(minutes=n // 2), UUID(int=n + 1)) for n in minutes]


def common(sources: list[Source], every: list[list[Place]], span: Span) -> list[Place]:
    """Return what of the given places all have; each must come once, and in order."""
    with mock.patch.object(of_sources, "_FIRST_PART", 4), mock.patch.object(of_sources, "_LARGEST_PART", 16):
        given = [place for part in AllOf(sources).parts(span) for place in part]
    assert given == sorted(set(given), reverse=not span.newer)
    return [place for place in given if all(place in places for places in every)]


# So dense that they often have something in common.
NUMBERS = st.builds(
    lambda seed, count: Random(seed).sample(range(120), count),
    st.integers(0, 10**6),
    st.sampled_from([2, 20, 60, 110]),
)


@given(st.lists(NUMBERS, min_size=2, max_size=3), st.booleans(), st.booleans(), st.integers(0, 119))
def test_what_all_have_is_found_once_and_in_order(numbers, newer, passing, at):
    every = [places_at(each) for each in numbers]
    sources = [Counting(places) for places in every]
    if passing:
        sources[-1] = Passing(every[-1])
    place = places_at([at])[0]
    expected = sorted(set.intersection(*map(set, every)), reverse=not newer)
    assert common(sources, every, Span(newer=newer)) == expected
    beyond = [p for p in expected if (p > place if newer else p < place)]
    assert common(sources, every, Span(place, newer=newer)) == beyond


def test_the_rarer_one_leads():
    many, few = Counting(places_at(range(20_000))), Counting(places_at(range(7, 20_000, 200)))
    assert len(list(AllOf([many, few]).parts(Span()))) <= 3
    assert many.given < 500


def test_where_one_has_nothing_the_other_is_not_walked():
    new, old = Counting(places_at(range(5_000))), Counting(places_at(range(5_000, 10_000)))
    assert list(islice(AllOf([new, old]).parts(Span()), 100))
    assert new.given < 500 and old.given < 500
