"""Whatever is asked for together, by whomever, from wherever: nothing is missed, and nothing comes twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_pipeline.captures.filters import Filters
from tests.filter_combinations import PEOPLE, PICTURES, disagreement, pairs, wishes, world_of

pytestmark = pytest.mark.django_db


def test_each_filter_beside_each_other_gives_what_each_picture_says():
    with world_of(3) as world:
        found = [disagreement(world, who, filters, at) for who, filters, at in pairs()]
    assert not any(found), list(filter(None, found))


def test_any_combination_of_filters_gives_what_each_picture_says():
    with world_of(7) as world:

        @given(
            st.sampled_from([*PEOPLE]),
            st.lists(st.sampled_from(wishes()), max_size=4),
            st.integers(0, PICTURES - 1),
        )
        def agree(who, chosen, at):
            assert disagreement(world, who, Filters(**dict(chosen)), at) is None

        agree()
