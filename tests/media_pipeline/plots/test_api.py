import pytest
from django.utils import timezone

from devices.telemetry.models import TelemetrySample
from tests.builders import make_device, make_program, make_user

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/devices/porch/plots"


@pytest.fixture
def program():
    return make_program(make_user("alice", "owner"), "read")


def test_programs_get_what_is_drawn(program):
    minute = int(timezone.now().timestamp()) // 60
    TelemetrySample.objects.create(device=make_device(), minute=minute, rssi_dbm=-60)
    answer = program.get(f"{ADDRESS}?range=day").json()
    found = {plot["name"]: plot for plot in answer["plots"]}
    assert found["rssi_dbm"] == {
        "name": "rssi_dbm",
        "form": "line",
        "unit": "dBm",
        "at": [60 * minute],
        "low": [-60],
        "mean": [-60],
        "high": [-60],
    }
    assert answer["range"] == "day" and len(found["pictures"]["at"]) == 24


def test_no_plot_has_more_points_than_is_said(program):
    device, minute = make_device(), int(timezone.now().timestamp()) // 60
    rows = [TelemetrySample(device=device, minute=minute - n, battery_mv=3900) for n in range(8 * 1440)]
    TelemetrySample.objects.bulk_create(rows)
    for span in ("day", "week", "month", "year"):
        plots = program.get(f"{ADDRESS}?range={span}").json()["plots"]
        assert 0 < max(len(plot["at"]) for plot in plots) <= 3000, span


def test_an_unknown_range_is_refused(program):
    make_device()
    answer = program.get(f"{ADDRESS}?range=decade")
    assert answer.status_code == 422 and "range" in answer.json()["fields"]
