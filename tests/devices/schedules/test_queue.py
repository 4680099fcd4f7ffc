"""Schedules that run: orders, missed pictures, a hub that was away, clocks that jump, and two that look at once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.commands import queue as commands
from devices.commands.models import Command
from devices.events.models import Event
from devices.registry import presence
from devices.registry.models import Device, LinkState
from devices.schedules import queue as schedules
from devices.schedules.models import Gap, RunDay, RunState, Schedule, ScheduledRun
from tests.builders import make_device
from tests.devices.schedules.builders import START, go, make_group, make_schedule, runs
from tests.queries import plans_of

pytestmark = pytest.mark.django_db


def test_at_its_time_the_camera_is_asked_and_the_next_time_is_known(clock):
    schedule = make_schedule()
    go(clock)
    assert runs() == []
    go(clock, minutes=2, seconds=4)
    command = Command.objects.get()
    run = ScheduledRun.objects.get()
    assert (command.device, run.command, run.state) == (schedule.device, command, RunState.ORDERED)
    schedule.refresh_from_db()
    assert f"{schedule.next_run_at:%d %H:%M} {schedule.last_run_at:%d %H:%M}" == "02 12:00 01 12:00"
    go(clock, seconds=5)
    assert Command.objects.count() == 1


def test_a_camera_that_sleeps_gets_the_order_until_the_next_time(clock):
    make_schedule(times=["12:00", "18:00"])
    go(clock, minutes=2)
    assert Command.objects.get().expires_at == START.replace(hour=18, minute=0)


def lose(device) -> None:
    lost = {"link_state": LinkState.LOST, "link_changed_at": timezone.now(), "last_seen_at": timezone.now()}
    Device.objects.filter(pk=device.pk).update(**lost)


def test_a_camera_that_is_not_connected_is_asked_when_it_connects(clock):
    device = make_schedule().device
    lose(device)
    go(clock, minutes=2)
    go(clock, hours=1)
    assert Command.objects.count() == 0 and runs() == [("01 12:00", RunState.WAITING)]
    presence.connected(Device.objects.get(pk=device.pk), "192.0.2.7")
    assert runs() == [("01 12:00", RunState.ORDERED)]
    assert Command.objects.get().expires_at == START.replace(hour=12, minute=0) + timedelta(days=1)


def test_one_that_connected_while_its_run_was_put_aside_is_asked_soon(clock):
    device = make_schedule().device
    lose(device)
    go(clock, minutes=2)
    Device.objects.filter(pk=device.pk).update(link_state=LinkState.CONNECTED)
    go(clock, seconds=15)
    assert Command.objects.count() == 1


def test_a_camera_that_does_not_connect_in_time_was_offline(clock):
    device = make_schedule(times=["12:00", "18:00"]).device
    lose(device)
    go(clock, minutes=2)
    for _ in range(20):
        go(clock, minutes=20)
    run = ScheduledRun.objects.order_by("due_at").first()
    assert (run.state, run.gap, run.reason_word) == (RunState.MISSED, Gap.OFFLINE, "offline")
    assert "offline since" in run.reason_text and Command.objects.count() == 0
    assert RunDay.objects.get().offline == 1


def test_an_order_of_a_weekly_schedule_is_stale_after_a_day(clock):
    make_schedule(weekdays=0b0000010)
    go(clock, minutes=2)
    assert Command.objects.get().expires_at == START.replace(minute=0, hour=12) + timedelta(days=1)


def test_what_was_missed_while_the_hub_was_away_is_one_row_and_is_not_made_up_for(clock):
    schedule = make_schedule(kind="every", every_min=10)
    go(clock, days=2, minutes=6, seconds=30)
    assert Command.objects.count() == 0
    run = ScheduledRun.objects.get()
    assert (run.state, run.slots, run.gap) == (RunState.MISSED, 2 * 144 + 1, Gap.HUB_AWAY)
    assert run.reason_text == "The hub was away from Dec 1, 12:00 to 12:00."
    days = [(f"{d.day:%d}", d.expected, d.hub_away) for d in RunDay.objects.order_by("day")]
    assert days == [("01", 72, 72), ("02", 144, 144), ("03", 73, 73)]
    assert Event.objects.filter(device=schedule.device, problem=True).count() == 1
    go(clock, minutes=6)
    assert runs() == [("01 12:00", RunState.MISSED), ("03 12:10", RunState.ORDERED)]


def test_a_look_that_is_a_minute_late_keeps_the_newest_time_and_shows_the_one_before(clock):
    make_schedule(kind="every", every_min=1)
    go(clock, minutes=3, seconds=10)
    assert runs() == [("01 11:59", RunState.MISSED), ("01 12:01", RunState.ORDERED)]
    assert ScheduledRun.objects.first().slots + ScheduledRun.objects.last().slots == 3


def test_a_clock_that_jumps_ahead_a_year_and_back_stops_nothing(clock, monkeypatch):
    schedule = make_schedule()
    clock.return_value += timedelta(days=365)
    monkeypatch.setattr(schedules._pace, "is_steady", lambda: False)
    schedules.run_due()
    [run] = ScheduledRun.objects.all()
    assert "clock jumped" in run.reason_text and run.slots == 31
    assert Command.objects.count() == 0
    clock.return_value = START
    schedules.run_due()
    schedule.refresh_from_db()
    assert schedule.next_run_at == START.replace(hour=12, minute=0)
    go(clock, minutes=2)
    assert Command.objects.count() == 1


def test_a_clock_that_is_set_back_an_hour_runs_no_time_twice(clock):
    make_schedule()
    go(clock, minutes=2)
    clock.return_value -= timedelta(hours=1)
    schedules.run_due()
    go(clock, hours=1)
    assert runs() == [("01 12:00", RunState.ORDERED)]
    assert Command.objects.count() == 1


def test_a_turn_that_waits_when_the_clock_is_set_back_a_month_is_given_up(clock):
    group, _devices = make_group("aa", "bb")
    make_schedule(group=group, stagger_s=60)
    go(clock, minutes=2)
    clock.return_value -= timedelta(days=31)
    schedules.run_due()
    assert [run.state for run in ScheduledRun.objects.order_by("device__code")] == ["ordered", "skipped"]


def test_a_group_is_asked_one_after_the_other_as_it_is_then(clock):
    group, _devices = make_group("aa", "bb")
    make_schedule(group=group, stagger_s=30)
    make_device("cc", group=group)
    make_device("deaf", group=group, profile="raspberry-pi")
    make_device("off", group=group, enabled=False)
    asked = []
    for _ in range(4):
        go(clock, seconds=121 if not asked else 30)
        asked.append(
            list(
                Command.objects.order_by("created_at", "device__code").values_list("device__code", flat=True)
            )
        )
    assert asked[:3] == [["aa"], ["aa", "bb"], ["aa", "bb", "cc"]] and asked[3] == asked[2]


def test_a_camera_whose_turn_comes_after_the_next_time_is_passed_over(clock):
    group, _devices = make_group("aa", "bb", "cc")
    make_schedule(group=group, kind="every", every_min=1, stagger_s=40)
    go(clock, minutes=1)
    clock.return_value += timedelta(seconds=80)
    schedules.order_waiting()
    states = {
        r.device.code: r.state for r in ScheduledRun.objects.filter(due_at=START + timedelta(minutes=1))
    }
    assert states["cc"] == RunState.SKIPPED


@pytest.mark.parametrize(
    ("values", "word"), [({"enabled": False}, "disabled"), ({"command_topic": ""}, "no_command_topic")]
)
def test_a_camera_that_cannot_be_asked_is_passed_over_with_the_reason(clock, values, word):
    schedule = make_schedule()
    Device.objects.filter(pk=schedule.device_id).update(**values)
    go(clock, minutes=2)
    run = ScheduledRun.objects.get()
    assert (run.state, run.reason_word, Command.objects.count()) == (RunState.SKIPPED, word, 0)


def test_of_two_that_look_at_once_one_runs_it(clock):
    make_schedule()
    clock.return_value += timedelta(minutes=2)
    [seen] = Schedule.objects.all()
    turn = schedules._turn_of(seen, clock.return_value)
    assert [schedules._claim(turn, clock.return_value) for _ in range(2)] == [True, False]


def test_a_thousand_cameras_cost_few_statements(clock, django_assert_max_num_queries):
    group, _devices = make_group(*(f"cam-{n:02}" for n in range(40)))
    make_schedule(group=group)
    clock.return_value += timedelta(minutes=2)
    with django_assert_max_num_queries(45):
        schedules.run_due()
    assert Command.objects.count() == 40


def test_what_is_due_is_found_by_indexes(clock):
    make_schedule()
    plans = plans_of(
        lambda: (schedules.waits(), schedules.run_due(), schedules.order_waiting()), kinds=("SELECT",)
    )
    assert not [plan for plan in plans if "SCAN devices_schedule" in plan and "INDEX" not in plan]


def test_a_camera_that_gets_its_orders_in_answers_is_asked_like_any_other(clock):
    group, [porch] = make_group("porch")
    Device.objects.filter(pk=porch.pk).update(command_topic="", one_wake=True)
    make_schedule(group=group)
    go(clock, minutes=3)
    command = Command.objects.get()
    assert command.device == porch and commands.claim_for_answer(porch) == command
