"""A plugin of pytest: which tests run together in one process, and the long ones begin first.

Those that share the stack of the production form are one unit, and so are those that share a browser: two browsers at once
would take both processors from the stack. Each other file is a unit of its own.
"""

from collections.abc import Iterable, Set

import pytest

PRODUCTION, BROWSER = "tests/production/", "tests/browser/"
# The fixture that starts the stack's eleven processes.
STACK = "stack"
LONG = (
    PRODUCTION,
    BROWSER,
    "tests/faults/",
    "tests/flows/",
    "tests/test_benchmarks.py",
    "tests/rights/",
)


def units_of(units: Iterable[str]) -> list[list[int]]:
    """Return the places of tests by the units that they belong to, in the order in which these begin."""
    places: dict[str, list[int]] = {}
    for place, unit in enumerate(units):
        places.setdefault(unit, []).append(place)
    return list(places.values())


def unit_of(nodeid: str, fixtures: Iterable[str] = ()) -> str:
    """Return the unit that `nodeid` ("tests/a/test_b.py::test_c[d]") belongs to; `fixtures` are all that it uses."""
    path = nodeid.split("::", 1)[0]
    if path.startswith(PRODUCTION) and STACK in fixtures:
        return PRODUCTION
    return BROWSER if path.startswith(BROWSER) else path


def rank(nodeid: str, slow: Set[str] = frozenset()) -> int:
    """Return the place of `nodeid` in the order of beginning, 0 for the first; `slow` are files that start processes."""
    places = (place for place, start in enumerate(LONG) if nodeid.startswith(start))
    return next(places, len(LONG) + (nodeid.split("::", 1)[0] not in slow))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Within one rank the order of collection stays.
    if config.option.processes:
        slow = {item.nodeid.split("::", 1)[0] for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: rank(item.nodeid, slow))
