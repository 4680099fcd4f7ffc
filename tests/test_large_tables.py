"""What runs every few seconds costs no more on large tables than on small ones."""

import pytest

from tests.large_tables import FEW, MANY, SWEEPS, cost_of, tables_of

pytestmark = pytest.mark.django_db
# Trees of indexes are deeper in large tables.
_DEEPER = 1.3


def costs(rows: int) -> dict[str, int]:
    with tables_of(rows):
        return {what: cost_of(what) for what in SWEEPS}


@pytest.mark.parametrize("many", [MANY, pytest.param(100_000, marks=pytest.mark.long)])
def test_no_sweep_walks_or_sorts_more_of_a_larger_table(many):
    few_rows, many_rows = costs(FEW), costs(many)
    grown = {what: (few_rows[what], cost) for what, cost in many_rows.items()}
    assert {w: c for w, c in grown.items() if c[1] > c[0] * _DEEPER + 2000} == {}
