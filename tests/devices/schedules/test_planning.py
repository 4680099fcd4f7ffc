"""The next time on a schedule's row, when the hub lives somewhere else."""

from datetime import UTC, datetime

import pytest

from devices.hub_settings import choices
from devices.schedules import planning
from devices.schedules import queue as schedules
from tests.devices.schedules.builders import make_schedule

pytestmark = pytest.mark.django_db


def test_another_time_zone_of_the_hub_moves_what_is_planned(clock):
    schedule = make_schedule()
    schedules.run_due()
    choices.choose_timezone("Asia/Shanghai")
    schedules.run_due()
    schedule.refresh_from_db()
    assert schedule.next_run_at == datetime(2026, 12, 2, 4, 0, tzinfo=UTC)
    assert planning.keep_in_step() == 0
    choices.choose_timezone("UTC")


def test_another_place_of_the_hub_moves_the_sun(clock):
    planning.choose_place((0.0, 0.0))
    schedule = make_schedule(times=["sunrise"])
    there = schedule.next_run_at
    planning.choose_place((0.0, 90.0))
    schedule.refresh_from_db()
    assert 5.9 < (there - schedule.next_run_at).total_seconds() / 3600 < 6.1
    planning.choose_place(None)
    schedule.refresh_from_db()
    assert schedule.next_run_at is None
