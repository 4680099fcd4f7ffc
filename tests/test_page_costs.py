"""No page and no read of the API costs more on a hub with many pictures than on one with few."""

import pytest

from tests.page_costs import FEW, MANY, NOT_ASKED, costs
from tests.rights.operations import API
from tests.rights.table import PAGES, rows

pytestmark = [pytest.mark.django_db, pytest.mark.thorough]
# Trees of indexes are deeper in large tables, and what is counted goes further.
_DEEPER = 1.3
_MORE = 5_500


def test_no_page_walks_or_sorts_more_of_a_larger_history():
    few_rows, many_rows = costs(FEW), costs(MANY)
    grown = {what: (few_rows[what], cost) for what, cost in many_rows.items()}
    assert {w: c for w, c in grown.items() if c[1] > c[0] * _DEEPER + _MORE} == {}


def test_what_is_not_asked_is_there():
    known = {route for table in (PAGES, API) for _method, route in rows(table)}
    assert set(NOT_ASKED) - known == set()
