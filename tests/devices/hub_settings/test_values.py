from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from devices.hub_settings import choices, values
from devices.hub_settings.models import HubSetting
from devices.hub_settings.values import KEEP_BYTES, KEEP_DAYS, LASTING_LINKS
from photohub.env import Setting

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _read_anew():
    values.forget()
    yield
    values.forget()


@pytest.fixture
def clock(monkeypatch):
    now = [NOON]
    monkeypatch.setattr("django.utils.timezone.now", lambda: now[0])
    return lambda **by: now.__setitem__(0, now[0] + timedelta(**by))


def test_what_nobody_chose_is_the_default_and_what_somebody_chose_holds():
    assert (values.keep_days(), values.keep_bytes(), values.lasting_links()) == (0, 0, True)
    values.choose(KEEP_DAYS, 30)
    values.choose(LASTING_LINKS, False)
    assert (values.keep_days(), values.lasting_links()) == (30, False)


def test_the_environment_wins(settings):
    values.choose(KEEP_DAYS, 30)
    settings.KEEP_DAYS = 90
    assert values.keep_days() == 90 and values.is_set_outside(KEEP_DAYS)
    settings.KEEP_DAYS = 0
    said = Setting("PHOTOHUB_KEEP_DAYS", "0", "environment", "0", "")
    settings.READ = {**settings.READ, "PHOTOHUB_KEEP_DAYS": said}
    assert values.keep_days() == 0


def test_a_lower_limit_holds_an_hour_later(clock):
    values.choose(KEEP_DAYS, 90)
    values.choose(KEEP_DAYS, 30, later=True)
    assert values.keep_days() == 90 and values.waiting(KEEP_DAYS).value == 30
    clock(minutes=59)
    values.choose(KEEP_BYTES, 5, later=True)
    assert (values.keep_days(), values.keep_bytes()) == (90, 0)
    clock(minutes=2)
    assert values.keep_days() == 30 and values.waiting(KEEP_DAYS) is None


def test_a_clock_that_was_ahead_does_not_put_it_off_for_ever(clock):
    values.choose(KEEP_DAYS, 30, later=True)
    clock(days=-300)
    assert values.keep_days() == 30


@pytest.mark.parametrize(
    "row", [30, {"value": "x"}, {"value": True}, {"value": -1}, {}, {"from": "soon", "value": None}]
)
def test_a_row_that_says_nonsense_is_as_if_nobody_chose(row):
    choices.write(KEEP_DAYS.name, row)
    assert values.keep_days() == 0


def test_what_cannot_be_is_not_kept():
    with pytest.raises(ValueError, match="keep_days"):
        values.choose(KEEP_DAYS, values.DAYS_AT_MOST + 1)
    assert not HubSetting.objects.exists()


def test_another_process_reads_it_within_seconds_and_a_lost_database_changes_nothing(monkeypatch):
    values.keep_days()
    choices.write(KEEP_DAYS.name, {"value": 30})
    assert values.keep_days() == 0
    later_s = values.time.monotonic() + values._READ_EVERY_S + 1
    monkeypatch.setattr(values.time, "monotonic", lambda: later_s)
    assert values.keep_days() == 30

    def fail(**_named):
        raise OperationalError("away")

    values.forget()
    monkeypatch.setattr(HubSetting.objects, "filter", fail)
    assert values.keep_days() == 30
