"""Stretches with their pieces, as the database finds them."""

import pytest

from media_pipeline.search import blocks
from media_pipeline.search.grams import grams_of, wanted_of
from media_pipeline.search.models import TextBlock

pytestmark = pytest.mark.django_db


@pytest.fixture
def stretches():
    texts = {0: "alpha", 10: "alpha beta", 20: "gamma", 30: "alphabet"}
    made = [TextBlock(since=at, until=at + 10, grams=sorted(grams_of([t]))) for at, t in texts.items()]
    blocks.write(made)
    return made


def find(text: str, at: int, newer: bool = False, limit: int = 9) -> list[int]:
    return [since for since, _until in blocks.with_grams(wanted_of(text), at, newer, limit)]


def test_stretches_come_in_the_order_of_time_from_the_one_around_a_place_on(stretches):
    assert find("alpha", 39) == [30, 10, 0] and find("alpha", 15) == [10, 0]
    assert find("alpha", 15, newer=True) == [10, 30] and find("alpha", 20, newer=True) == [30]
    assert find("alpha", 39, limit=2) == [30, 10] and find("alpha beta", 39) == [10]
    assert find("delta", 39) == [] and find("alpha", 40, newer=True) == []


def test_one_that_is_dropped_is_found_no_more_and_may_come_anew(stretches):
    blocks.drop(list(TextBlock.objects.filter(pk=10)))
    assert find("beta", 39) == []
    blocks.write([TextBlock(since=10, until=20, grams=sorted(grams_of(["delta"])))])
    assert find("delta", 39) == [10] and find("beta", 39) == []


def test_a_database_with_the_index_says_so():
    assert blocks.is_indexed()
