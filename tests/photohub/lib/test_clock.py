import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Q
from django.utils import timezone

from photohub.lib import clock

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def holds(condition: Q, value: datetime) -> bool:
    """Judge a condition of comparisons of one column."""
    compare = {"lte": value.__le__, "gt": value.__gt__}
    parts = [
        holds(part, value) if isinstance(part, Q) else compare[part[0].rsplit("__", 1)[1]](part[1])
        for part in condition.children
    ]
    return any(parts) if condition.connector == Q.OR else all(parts)


@pytest.mark.parametrize(
    ("seconds", "due"), [(-1e7, True), (0, True), (1, False), (60, False), (61, True), (1e9, True)]
)
def test_what_lies_further_ahead_than_the_longest_pause_is_due(seconds, due):
    assert holds(clock.is_due("at", 60, NOW), NOW + timedelta(seconds=seconds)) is due


@pytest.mark.parametrize(
    ("seconds", "held"), [(-1, False), (0, False), (1, True), (60, True), (61, False), (1e9, False)]
)
def test_a_lease_that_is_longer_than_leases_are_binds_nobody(seconds, held):
    assert holds(clock.is_held("at", 60, NOW), NOW + timedelta(seconds=seconds)) is held


def test_the_kernel_tells_its_uptime():
    boot, seconds = clock.uptime()
    assert len(boot) == 36 and seconds > 0


def test_a_pace_notices_one_jump_once(monkeypatch):
    pace = clock.Pace()
    assert pace.is_steady()
    honest = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: honest() + timedelta(days=400))
    assert [pace.is_steady(), pace.is_steady()] == [False, True]
    monkeypatch.undo()
    assert [pace.is_steady(), pace.is_steady()] == [False, True]


async def test_an_event_is_waited_for_and_no_longer_than_the_limit():
    came, never = asyncio.Event(), asyncio.Event()
    came.set()
    await asyncio.wait_for(clock.wait_at_most(came, 60), 5)
    await asyncio.wait_for(clock.wait_at_most(never, 0.01), 5)
    assert not never.is_set()
