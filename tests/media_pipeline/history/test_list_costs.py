"""No list of some cameras, and none by several filters, walks what others have."""

import pytest

from tests.list_costs import FEW, MANY, costs

pytestmark = pytest.mark.django_db
# Trees of indexes are deeper in large tables.
_DEEPER, _MORE = 1.3, 2_000


def test_no_list_costs_more_where_others_have_more_of_what_is_asked_for():
    few, many = costs(FEW), costs(MANY)
    grown = {what: (few[what], cost) for what, cost in many.items()}
    assert {what: c for what, c in grown.items() if c[1] > c[0] * _DEEPER + _MORE} == {}
