"""How full a battery is, by its voltage."""

import pytest

from devices.protocol.battery import percent_of_battery
from devices.registry.models import Device


@pytest.mark.parametrize(
    ("battery_mv", "percent"),
    [
        (4200, 100), (3900, 68), (3850, 59), (3500, 5), (3000, 0), (4350, 100),  # one cell
        (8400, 100), (7600, 50), (6200, 0),  # two
        (5000, None), (1500, None), (12_600, None), (0, None), (2**31, None),  # a plug, dry cells, nonsense
    ],
)  # fmt: skip
def test_the_percent_of_a_voltage(battery_mv, percent):
    assert percent_of_battery(battery_mv) == percent


def test_a_battery_is_low_where_that_can_be_told():
    assert Device(battery_mv=3550).battery_is_low
    assert not any(Device(battery_mv=mv).battery_is_low for mv in (3800, 1000, None))
