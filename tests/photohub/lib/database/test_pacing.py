from types import SimpleNamespace

import pytest

from photohub.lib.database import pacing


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves, and the rests that were taken by it."""
    time = SimpleNamespace(now=0.0, rests=[])
    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: time.now, sleep=time.rests.append))
    return time


def test_a_step_that_takes_long_makes_the_next_ones_smaller_and_short_ones_larger_again(clock):
    pace, sizes = pacing.Pace(100), []
    for took_s in (0.01, 0.1, 0.1, 0.1, 0.06, 0.03, 0.03):
        with pace.step():
            clock.now += took_s
        sizes.append(pace.size)
    assert sizes == [100, 50, 25, 25, 25, 50, 100]


def test_after_a_step_others_have_as_long_but_nobody_waits_for_ever(clock):
    pace = pacing.Pace(100)
    for took_s in (0.03, 20.0):
        with pace.step():
            clock.now += took_s
    assert clock.rests == pytest.approx([0.03, 0.5])


def test_whoever_waits_for_the_end_gets_no_rests(clock):
    with pacing.Pace(100).step(rests=False):
        clock.now += 1
    assert clock.rests == []


def test_a_small_limit_is_kept(clock):
    pace = pacing.Pace(2)
    with pace.step():
        clock.now += 1
    assert pace.size == 2
