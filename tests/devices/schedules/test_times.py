"""When a schedule runs, to the minute: days, windows, quiet hours, the sun and daylight saving."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from devices.schedules.times import Moment, Plan, count_by_day, next_after, read_moment, stretches_between

BERLIN = ZoneInfo("Europe/Berlin")
NOON, SIX = read_moment("12:00"), read_moment("18:00")
MONDAY_TO_FRIDAY = 0b0011111


def at(text: str, zone=BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def following(plan: Plan, after: str, count: int) -> list[str]:
    found, instant = [], at(after)
    for _ in range(count):
        instant = next_after(plan, instant)
        found.append(f"{datetime.fromtimestamp(instant, plan.zone):%m-%d %H:%M%z}".removesuffix("+0100"))
    return found


def moments(*texts: str) -> tuple[Moment, ...]:
    return tuple(read_moment(text) for text in texts)


def between(first: str, last: str, **values) -> Plan:
    since, until = moments(first, last)
    return Plan(BERLIN, since=since, until=until, **values)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("08:00", "08:00"),
        (" 8:05 ", "08:05"),
        ("23：59", "23:59"),
        ("sunrise", "sunrise"),
        ("Sunset - 30", "sunset-30"),
        ("日出+15", "sunrise+15"),
        ("日落", "sunset"),
        *((wrong, "None") for wrong in ("", "24:00", "8", "noon", "sunset-181", "sunrise+", "12:60")),
    ],
)
def test_a_time_is_read_as_people_write_it(text, read):
    assert str(read_moment(text)) == read


@pytest.mark.parametrize(
    ("plan", "after", "runs"),
    [
        (Plan(BERLIN, every_min=15), "2026-12-01T12:00", ["12-01 12:15", "12-01 12:30"]),
        # What does not fit into a day begins anew at midnight.
        (Plan(BERLIN, every_min=1000), "2026-12-01T00:00", ["12-01 16:40", "12-02 00:00", "12-02 16:40"]),
        (Plan(BERLIN, times=moments("12:00", "18:00")), "2026-12-01T12:00", ["12-01 18:00", "12-02 12:00"]),
        (
            Plan(BERLIN, times=moments("12:00"), weekdays=MONDAY_TO_FRIDAY),
            "2026-12-04T11:00",
            ["12-04 12:00", "12-07 12:00"],
        ),
        # Both ends of a window belong to it.
        (
            between("08:00", "09:00", every_min=30),
            "2026-12-01T07:00",
            ["12-01 08:00", "12-01 08:30", "12-01 09:00", "12-02 08:00"],
        ),
        # A night belongs to the day on which it begins: Friday's runs on into Saturday.
        (
            between("23:00", "01:00", every_min=60, weekdays=MONDAY_TO_FRIDAY),
            "2026-12-04T22:00",
            ["12-04 23:00", "12-05 00:00", "12-05 01:00", "12-07 23:00"],
        ),
        (
            Plan(BERLIN, every_min=60, quiet=moments("22:00", "06:00")),
            "2026-12-01T20:30",
            ["12-01 21:00", "12-02 06:00"],
        ),
        (
            Plan(BERLIN, times=moments("05:00", "07:00"), quiet=moments("22:00", "06:00")),
            "2026-12-01T00:00",
            ["12-01 07:00", "12-02 07:00"],
        ),
    ],
)  # fmt: skip
def test_it_runs_when_it_says(plan, after, runs):
    assert following(plan, after, len(runs)) == runs


# In Berlin the clocks go from 02:00 to 03:00 on March 29, 2026, and from 03:00 back to 02:00 on October 25.
@pytest.mark.parametrize(
    ("plan", "after", "runs"),
    [
        # There is no 02:30, so it comes as much later as the clocks were put forward; noon is noon.
        (Plan(BERLIN, times=moments("02:30")), "2026-03-28T12:00", ["03-29 03:30+0200", "03-30 02:30+0200"]),
        (Plan(BERLIN, times=moments("02:30", "03:30")), "2026-03-28T12:00", ["03-29 03:30+0200", "03-30 02:30+0200"]),
        (Plan(BERLIN, times=moments("12:00")), "2026-03-28T11:00", ["03-28 12:00", "03-29 12:00+0200"]),
        # There are two, of which the first counts.
        (Plan(BERLIN, times=moments("02:30")), "2026-10-24T12:00", ["10-25 02:30+0200", "10-26 02:30"]),
        (Plan(BERLIN, times=moments("12:00")), "2026-10-24T13:00", ["10-25 12:00", "10-26 12:00"]),
        # Every so many minutes stay as many.
        (Plan(BERLIN, every_min=60), "2026-03-29T00:30", ["03-29 01:00", "03-29 03:00+0200", "03-29 04:00+0200"]),
        (Plan(BERLIN, every_min=60), "2026-10-25T01:30", ["10-25 02:00+0200", "10-25 02:00", "10-25 03:00"]),
    ],
)  # fmt: skip
def test_daylight_saving_neither_doubles_nor_drops_a_time_of_day(plan, after, runs):
    assert following(plan, after, len(runs)) == runs


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-12-01", 24)])
def test_a_day_has_as_many_hours_as_it_has(day, hours):
    start = date.fromisoformat(day)
    counted = count_by_day(Plan(BERLIN, every_min=60), at(f"{day}T00:00"), at(f"{day}T00:00") + 86400 * 3)
    assert counted[start] == hours


def test_what_quiet_hours_leave_nothing_of_never_runs():
    assert next_after(Plan(BERLIN, times=moments("05:00"), quiet=moments("04:00", "06:00")), 0) is None


def test_counting_costs_no_more_for_many_times():
    month = at("2026-12-01T00:00"), at("2027-01-01T00:00")
    plan = Plan(BERLIN, every_min=1, quiet=moments("22:00", "06:00"))
    counted = count_by_day(plan, *month)
    assert set(counted.values()) == {16 * 60} and len(counted) == 31
    assert len(stretches_between(plan, *month)) <= 2 * 33
