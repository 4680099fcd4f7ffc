import pytest

from devices.telemetry.models import SummedUp, TelemetryHour, TelemetrySample
from devices.telemetry.reading import Step, read
from tests.builders import make_device

pytestmark = pytest.mark.django_db
HOUR = 486_300


def make_sample(device, minute: int, **values) -> None:
    TelemetrySample.objects.create(device=device, minute=60 * HOUR + minute, **values)


def test_samples_are_read_in_steps_of_minutes():
    porch, barn = make_device("porch"), make_device("barn")
    for minute, battery_mv in ((0, 3800), (4, 3900), (10, 4000)):
        make_sample(porch, minute, battery_mv=battery_mv)
    make_sample(porch, 11, rssi_dbm=-60)
    make_sample(barn, 0, battery_mv=1)
    start_s = 3600 * HOUR
    assert read(porch.pk, start_s, start_s + 3600, 600) == [
        Step(start_s, {"battery_mv": (3800, 3850, 3900)}),
        Step(start_s + 600, {"battery_mv": (4000, 4000, 4000), "rssi_dbm": (-60, -60, -60)}),
    ]
    assert len(read(porch.pk, start_s, start_s + 3600, 60)) == 4


def test_long_steps_are_read_from_hours_and_what_is_not_summed_up_yet_from_samples():
    porch = make_device()
    SummedUp.objects.create(pk=1, until=HOUR)
    for hour, mean in ((HOUR - 2, 3700), (HOUR - 1, 3900)):
        three = {"battery_mv_low": mean - 10, "battery_mv_mean": mean, "battery_mv_high": mean + 10}
        TelemetryHour.objects.create(device=porch, hour=hour, **three)
    make_sample(porch, 5, battery_mv=4000)
    found = read(porch.pk, 3600 * (HOUR - 12), 3600 * (HOUR + 12), 12 * 3600)
    assert [step.figures["battery_mv"] for step in found] in (
        [(3690, 3900, 4000)],
        [(3690, 3800, 3910), (4000, 4000, 4000)],
    )
    hours = read(porch.pk, 3600 * (HOUR - 12), 3600 * (HOUR + 12), 3600)
    assert [step.figures["battery_mv"][1] for step in hours] == [3700, 3900, 4000]


def test_an_answer_has_no_more_steps_than_its_span():
    porch = make_device()
    rows = [TelemetrySample(device=porch, minute=60 * HOUR + n, battery_mv=n) for n in range(3000)]
    TelemetrySample.objects.bulk_create(rows)
    assert len(read(porch.pk, 3600 * HOUR, 3600 * HOUR + 86_400, 60)) == 1440
