"""A clock that jumps, by whatever, is noticed; one that comes back is believed again by itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.events import clock_watch
from devices.events.models import ServiceBeat
from photohub.lib import clock

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


class World:
    """The time that really passes, and a clock that may be wrong."""

    def __init__(self, monkeypatch) -> None:
        self.begun, self.passed, self.wrong_by = timezone.now(), timedelta(hours=9), timedelta()
        self.boot, self.booted = "first", timedelta()
        monkeypatch.setattr(timezone, "now", lambda: self.begun + self.passed + self.wrong_by)
        monkeypatch.setattr(clock, "uptime", self.uptime)

    def uptime(self):
        return self.boot and (self.boot, (self.passed - self.booted).total_seconds())

    def restart(self, after: timedelta) -> None:
        self.passed += after
        self.boot, self.booted = f"{self.boot}+", self.passed


@pytest.fixture
def world(monkeypatch):
    world = World(monkeypatch)
    assert clock_watch.look() is None
    return world


@pytest.mark.parametrize(
    ("wrong_by", "word"),
    [(400 * DAY, "ahead"), (2 * DAY, "ahead"), (-2 * DAY, "behind"), (-400 * DAY, "behind")],
)
def test_a_jump_is_doubted_until_the_clock_is_back(world, wrong_by, word):
    world.passed += timedelta(minutes=10)
    world.wrong_by = wrong_by
    found = clock_watch.look()
    assert (found.word, found.values["days"]) == (word, abs(wrong_by).days)
    world.passed += 3 * DAY
    assert clock_watch.look().word == word and clock_watch.doubt() == clock_watch.look()
    world.wrong_by = timedelta()
    assert clock_watch.look() is None


@pytest.mark.parametrize("wrong_by", [timedelta(hours=2), timedelta(hours=-2), timedelta(minutes=-61)])
def test_daylight_and_small_corrections_are_no_jump(world, wrong_by):
    world.passed += timedelta(minutes=10)
    world.wrong_by = wrong_by
    assert clock_watch.look() is None


def test_a_hub_that_slept_or_ran_for_a_year_is_believed(world):
    world.passed += 365 * DAY
    assert clock_watch.look() is None


def test_after_a_restart_a_week_is_a_rest_and_a_year_is_a_doubt(world):
    world.restart(after=5 * DAY)
    assert clock_watch.look() is None
    world.restart(after=365 * DAY)
    assert clock_watch.look().word == "ahead"


def test_a_board_without_a_clock_battery_is_set_right_after_its_start(world):
    # It starts with the time of its last moment, and NTP comes a minute later.
    world.wrong_by = -3 * DAY
    world.restart(after=3 * DAY)
    assert clock_watch.look() is None
    world.passed, world.wrong_by = world.passed + timedelta(minutes=1), timedelta()
    assert clock_watch.look() is None


def test_a_clock_that_is_wrong_for_good_waits_for_an_owner(world):
    world.wrong_by = 400 * DAY
    assert clock_watch.look() and clock_watch.look()
    clock_watch.believe()
    assert clock_watch.look() is None


def test_where_the_system_does_not_tell_its_uptime_a_rest_is_all_that_is_believed(world):
    world.boot = None
    world.wrong_by = 2 * DAY
    assert clock_watch.look() is None
    world.wrong_by = 40 * DAY
    assert clock_watch.look().word == "ahead"


def test_showing_it_remembers_nothing(world):
    at = ServiceBeat.objects.get(pk=clock_watch.NAME).at
    world.passed += timedelta(hours=1)
    assert clock_watch.doubt() is None and ServiceBeat.objects.get(pk=clock_watch.NAME).at == at


def test_another_clock_than_the_databases_is_doubted(world, monkeypatch):
    monkeypatch.setattr(clock_watch, "_database_time", lambda: timezone.now() - timedelta(minutes=9))
    assert (clock_watch.look().word, clock_watch.look().values) == ("database", {"minutes": 9})
