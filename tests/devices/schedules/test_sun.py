"""Schedules that follow the sun: at home, far from the hub's zone, and where it stays up or down for months."""

import subprocess
import sys
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from devices.schedules.sun import sun_of
from devices.schedules.times import Plan, count_by_day, next_after, stretches_between
from tests.devices.schedules.test_times import at, following, moments


def sun_plan(latitude: float, longitude: float, zone: str, **values) -> Plan:
    place = ZoneInfo(zone)
    return Plan(place, sun=lambda day: sun_of(day, latitude, longitude, place), **values)


def test_it_runs_from_sunrise_to_sunset():
    since, until = moments("sunrise", "sunset")
    plan = sun_plan(52.5, 13.4, "Europe/Berlin", every_min=120, since=since, until=until)
    # By the almanac the sun rises at 07:55 in Berlin, and sets at 15:56.
    assert following(plan, "2026-12-01T00:00", 6) == [
        *(f"12-01 {hour}:55" for hour in ("07", "09", "11", "13", "15")),
        "12-02 07:56",
    ]


def test_it_runs_so_many_minutes_before_the_sun_sets():
    plan = sun_plan(52.5, 13.4, "Europe/Berlin", times=moments("sunset-30"))
    assert following(plan, "2026-12-01T00:00", 1) == ["12-01 15:26"]


def test_a_place_far_from_the_hubs_zone_has_its_own_day():
    since, until = moments("sunrise", "sunset")
    plan = sun_plan(52.5, 13.4, "America/Los_Angeles", every_min=60, since=since, until=until)
    # In Berlin it is day while it is night in Los Angeles.
    found = stretches_between(plan, at("2026-12-01T00:00"), at("2026-12-02T00:00"))
    assert sum(s.count for s in found) == 9


@pytest.mark.parametrize(
    ("month", "first", "last", "count"),
    [
        (6, "sunrise", "sunset", 24),
        (12, "sunrise", "sunset", 0),
        (6, "sunset", "sunrise", 0),
        (12, "sunset", "sunrise", 24),
    ],
)
def test_where_the_sun_stays_up_it_is_day_all_day(month, first, last, count):
    since, until = moments(first, last)
    plan = sun_plan(69.6, 18.9, "Europe/Oslo", every_min=60, since=since, until=until)
    day = date(2026, month, 21)
    start = at(f"2026-{month:02}-21T00:00", plan.zone)
    assert count_by_day(plan, start, start + 86400).get(day, 0) == count


def test_in_the_polar_night_the_next_sunrise_is_months_away():
    plan = sun_plan(69.6, 18.9, "Europe/Oslo", times=moments("sunrise"))
    found = datetime.fromtimestamp(next_after(plan, at("2026-11-30T00:00", UTC)), UTC)
    assert (found.year, found.month) == (2027, 1)


def test_who_asks_for_no_sun_loads_no_library_for_it():
    code = "import sys, devices.schedules.sun, devices.schedules.times; sys.exit('astral' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
