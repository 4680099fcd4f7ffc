"""A plugin of pytest: which worker runs which tests, and the long ones begin first.

Those that share a stack of the production form, or a browser, run in one process.

pytest-xdist 3.8 cannot do this with its own `xdist_group`: it writes the group into a test's private `_nodeid`, which
pytest 9.2 does not read any more.
"""

from collections.abc import Set

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Each has a stack of eleven processes, or a browser, to itself.
SHARING = ("tests/production/", "tests/browser/")
LONG = (
    *SHARING,
    "tests/faults/",
    "tests/flows/",
    "tests/test_benchmarks.py",
    "tests/rights/",
)


class FilesTogether(LoadScopeScheduling):
    """Hands out whole files; those that share a stack of the production form, or the browser, are one unit."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def unit_of(nodeid: str) -> str:
    """Return the unit that `nodeid` ("tests/a/test_b.py::test_c[d]") belongs to."""
    path = nodeid.split("::", 1)[0]
    return next((start for start in SHARING if path.startswith(start)), path)


def rank(nodeid: str, slow: Set[str] = frozenset()) -> int:
    """Return the place of `nodeid` in the order of beginning, 0 for the first; `slow` are files that start processes."""
    places = (place for place, start in enumerate(LONG) if nodeid.startswith(start))
    return next(places, len(LONG) + (nodeid.split("::", 1)[0] not in slow))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesTogether | None:
    return FilesTogether(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # The controller takes the order of its workers. Within one rank the order of collection stays.
    if hasattr(config, "workerinput"):
        slow = {item.nodeid.split("::", 1)[0] for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: rank(item.nodeid, slow))
