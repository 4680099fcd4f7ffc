"""What the gap map says of a month."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.schedules.models import RunDay
from media_pipeline.gaps import days
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db
FIRST = date(2026, 11, 1)


@pytest.fixture(autouse=True)
def _december(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 12, 1, 12, tzinfo=UTC))


def count(device, day: int, **counts) -> RunDay:
    return RunDay.objects.create(device=device, day=FIRST + timedelta(days=day - 1), **counts)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("2026-11", "2026-11-01"),
        ("0001-01", "1970-02-01"),
        *((wrong, "2026-12-01") for wrong in ("", "2027-01", "no", "2026-11-03")),
    ],
)
def test_a_month_is_one_that_was(text, first):
    assert days.month_of(text).first.isoformat() == first


@pytest.mark.parametrize(
    ("counts", "level", "words"),
    [
        ({"expected": 4, "arrived": 4}, "all", "Nov 3: 4 of 4 pictures"),
        (
            {"expected": 4, "arrived": 1, "offline": 2, "hub_away": 1},
            "some",
            "Nov 3: 1 of 4 pictures, offline: 2, hub away: 1",
        ),
        (
            {"expected": 2, "silent": 1, "refused": 1},
            "none",
            "Nov 3: 0 of 2 pictures, no answer: 1, refused: 1",
        ),
    ],
)
def test_a_day_says_what_is_missing_and_why(counts, level, words):
    porch = make_device()
    count(porch, 3, **counts)
    [line] = days.lines_of([porch], days.month_of("2026-11"))
    cell = line.cells[2]
    assert (len(line.cells), cell.level, cell.words) == (30, level, words)
    assert (line.expected, line.arrived) == (counts["expected"], counts.get("arrived", 0))
    assert line.cells[0].words == "Nov 1: nothing was scheduled" and line.cells[0].level == ""


def test_gaps_are_told_newest_first():
    porch = make_device()
    count(porch, 3, expected=1, offline=1)
    count(porch, 5, expected=1, arrived=1)
    count(porch, 9, expected=1, silent=1)
    lines = days.lines_of([porch], days.month_of("2026-11"))
    assert [cell.day.day for _device, cell in days.gaps_of(lines)] == [9, 3]


def test_everybody_sees_his_own_cameras():
    yard, house = (DeviceGroup.objects.create(name=name) for name in ("yard", "house"))
    for number, group in enumerate((yard, house)):
        count(make_device(f"cam-{number}", group=group), 3, expected=1)
    month, bob = days.month_of("2026-11"), make_user("bob", "viewer", yard)
    assert [d.code for d in days.cameras_of(bob, month)] == ["cam-0"]
    assert [row.device.code for row in days.rows_of(bob, FIRST, date(2026, 12, 1))] == ["cam-0"]
    alice = make_user("alice", "owner")
    assert days.cameras_of(alice, month).count() == 2
    assert [d.code for d in days.cameras_of(alice, month, house.pk)] == ["cam-1"]
