from datetime import UTC, datetime, timedelta

import pytest

from devices.telemetry import thinning
from devices.telemetry.models import SummedUp, TelemetryHour, TelemetrySample
from tests.builders import make_device

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)
HOUR = int(NOON.timestamp()) // 3600


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(thinning._Done, "hour", None)
    now = [NOON + timedelta(minutes=5)]
    monkeypatch.setattr("django.utils.timezone.now", lambda: now[0])
    return lambda **by: now.__setitem__(0, now[0] + timedelta(**by))


def make_samples(device, hour: int, **values) -> None:
    """Make a sample for each value, in the minutes of an hour."""
    [(name, numbers)] = values.items()
    rows = [TelemetrySample(device=device, minute=60 * hour + n, **{name: v}) for n, v in enumerate(numbers)]
    TelemetrySample.objects.bulk_create(rows)


def sums() -> list[tuple]:
    names = ("hour", "battery_mv_low", "battery_mv_mean", "battery_mv_high", "rssi_dbm_mean")
    return list(TelemetryHour.objects.order_by("device_id", "hour").values_list(*names))


def test_an_hour_is_summed_up_when_it_is_over():
    porch, barn = make_device("porch"), make_device("barn")
    make_samples(porch, HOUR - 1, battery_mv=[3800, 3900, 4003])
    make_samples(barn, HOUR - 1, rssi_dbm=[-60, -71])
    make_samples(porch, HOUR, battery_mv=[4100])
    thinning.thin_out()
    assert sums() == [(HOUR - 1, 3800, 3901, 4003, None), (HOUR - 1, None, None, None, -66)]
    assert thinning.summed_until() == HOUR


def test_hours_that_come_again_are_summed_up_when_a_clock_that_was_ahead_is_set_right(clock):
    porch = make_device()
    make_samples(porch, HOUR, battery_mv=[3800])
    SummedUp.objects.create(pk=1, until=HOUR + 500)
    TelemetryHour.objects.create(device=porch, hour=HOUR, battery_mv_low=1)
    thinning.thin_out()
    clock(hours=1)
    thinning.thin_out()
    assert sums() == [(HOUR, 3800, 3800, 3800, None)]


@pytest.mark.parametrize(("may_delete", "left"), [(True, 1), (False, 2)])
def test_samples_of_more_than_a_week_are_deleted_unless_the_clock_is_in_doubt(may_delete, left):
    porch = make_device()
    make_samples(porch, HOUR - 24 * 7 - 1, battery_mv=[3800])
    make_samples(porch, HOUR - 24 * 7 + 1, battery_mv=[3900])
    thinning.thin_out(may_delete)
    assert TelemetrySample.objects.count() == left and len(sums()) == 2


def test_hours_of_more_than_a_year_are_deleted():
    porch = make_device()
    for hour in (HOUR - 24 * 366 - 1, HOUR - 24 * 366 + 1):
        TelemetryHour.objects.create(device=porch, hour=hour, battery_mv_mean=1)
    thinning.thin_out()
    assert TelemetryHour.objects.get().hour == HOUR - 24 * 366 + 1


def test_much_is_done_in_several_looks(monkeypatch):
    monkeypatch.setattr(thinning, "_LOOK_S", 0.0)
    monkeypatch.setattr(thinning, "_DELETED_TOGETHER", 2)
    porch = make_device()
    for hour in (HOUR - 300, HOUR - 299):
        make_samples(porch, hour, battery_mv=[3800, 3900])
    looks = 0
    while thinning.is_due() or not looks:
        looks += 1
        thinning.thin_out()
        assert looks < 10
    assert looks > 3 and not TelemetrySample.objects.exists() and len(sums()) == 2


def test_between_two_hours_nothing_is_looked_for(clock, django_assert_num_queries):
    thinning.thin_out()
    clock(minutes=20)
    with django_assert_num_queries(0):
        assert not thinning.is_due()
    clock(hours=1)
    assert thinning.is_due()
