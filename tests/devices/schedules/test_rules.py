"""Pausing, deleting and getting back; what may be seen is with the pages."""

import pytest

from devices.schedules.models import RunState
from devices.schedules.rules import delete_schedule, restore_schedule, switch
from tests.devices.schedules.builders import go, make_schedule, runs

pytestmark = pytest.mark.django_db


def test_a_pause_and_a_deletion_run_nothing_and_are_not_made_up_for(clock):
    schedule = make_schedule(times=["12:00", "18:00"])
    switch(schedule, False)
    go(clock, minutes=10)
    switch(schedule, True)
    delete_schedule(schedule)
    go(clock, days=1)
    restore_schedule(schedule)
    go(clock, hours=1)
    assert runs() == []
    go(clock, hours=4, minutes=52)
    assert runs() == [("02 18:00", RunState.ORDERED)]
