"""The next time on a schedule's row, when the hub lives somewhere else."""

from datetime import UTC, datetime
from unittest import mock

import pytest
from django.db import connection

from devices.hub_settings import choices
from devices.schedules import planning
from devices.schedules import queue as schedules
from tests.builders import make_device
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


@pytest.mark.django_db(transaction=True)
def test_many_are_planned_with_one_commit(clock):
    device, inside = make_device(), []
    for number in range(20):
        make_schedule(device, name=f"a{number}")
    planning.keep_in_step()
    choices.choose_timezone("Asia/Shanghai")
    with mock.patch.object(
        planning.rows, "update", side_effect=lambda *_: inside.append(connection.in_atomic_block)
    ):
        assert planning.keep_in_step() == 20
    assert inside == [True]
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
