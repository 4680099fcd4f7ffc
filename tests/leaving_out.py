"""A plugin of pytest: what is left out and why, and which tests may have a second try.

A test is left out when a program that it needs is not installed (`tests/programs.py`); with `CI=true` that fails the run,
and so does any other skipped test. What is marked `@pytest.mark.long` runs in the long form only (`manage.py test long`): it
repeats what a shorter test of the suite shows once. A test that measures time on a machine that others use too is marked
`@pytest.mark.measures_time("reason")`: it may fail once. All others pass at the first try.
"""

import os
from collections import Counter

import pytest

from tests import programs
from tests.faults.rounds import is_long

MAY_MEASURE_TIME = 20


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: runs in the long form of the suite only")
    config.addinivalue_line(
        "markers", "measures_time(reason): may fail once, because others use the machine too"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not is_long():
        put_off = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=put_off)
        items[:] = [item for item in items if item not in set(put_off)]
    gone = set(programs.missing(programs.PROGRAMS))
    for item in items:
        if lacking := [name for name in programs.needed_by(item.nodeid) if name in gone]:
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(lacking)}"))
        if marker := item.get_closest_marker("measures_time"):
            assert marker.args and marker.args[0], f"{item.nodeid} says no reason for measuring time"
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter) -> None:
    reasons = Counter(_reason_of(report) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"left out: {count} tests, {reason}")
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.write_line(f"needed a second try: {report.nodeid}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _reason_of(report: pytest.TestReport) -> str:
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr).removeprefix(
        "Skipped: "
    )
