"""A plugin of pytest: which tests run together in one process, and the long ones begin first.

Those that share a stack of the production form, or a browser, are one unit; so is each other file.
"""

from collections.abc import Iterable, Set

import pytest

# Each has a stack of eleven processes, or a browser, to itself.
SHARING = ("tests/production/", "tests/browser/")
LONG = (
    *SHARING,
    "tests/faults/",
    "tests/flows/",
    "tests/test_benchmarks.py",
    "tests/rights/",
)


def units_of(nodeids: Iterable[str]) -> list[list[int]]:
    """Return the places of tests by the units that they belong to, in the order in which these begin."""
    units: dict[str, list[int]] = {}
    for place, nodeid in enumerate(nodeids):
        units.setdefault(unit_of(nodeid), []).append(place)
    return list(units.values())


def unit_of(nodeid: str) -> str:
    """Return the unit that `nodeid` ("tests/a/test_b.py::test_c[d]") belongs to."""
    path = nodeid.split("::", 1)[0]
    return next((start for start in SHARING if path.startswith(start)), path)


def rank(nodeid: str, slow: Set[str] = frozenset()) -> int:
    """Return the place of `nodeid` in the order of beginning, 0 for the first; `slow` are files that start processes."""
    places = (place for place, start in enumerate(LONG) if nodeid.startswith(start))
    return next(places, len(LONG) + (nodeid.split("::", 1)[0] not in slow))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Within one rank the order of collection stays.
    if config.option.processes:
        slow = {item.nodeid.split("::", 1)[0] for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: rank(item.nodeid, slow))
