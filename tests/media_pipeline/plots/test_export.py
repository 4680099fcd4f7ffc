from datetime import UTC, datetime

import pytest

from devices.telemetry.models import TelemetrySample
from media_pipeline.plots.export import OF, table_of
from media_pipeline.plots.spans import span_of
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db
NOW = datetime(2025, 6, 30, 12, 40, tzinfo=UTC)


@pytest.fixture
def porch(settings):
    settings.HUB_TIME_ZONE = "Asia/Shanghai"
    device = make_device()
    TelemetrySample.objects.create(
        device=device, minute=int(NOW.timestamp()) // 60, battery_mv=3900, rssi_dbm=-60
    )
    make_capture(device, received_at=NOW)
    return device


def test_figures_have_a_line_for_each_time_in_the_hubs_zone(porch):
    head, line = table_of(porch, span_of("week", NOW), "figures").splitlines()
    assert head.startswith("time,battery_mv_low,battery_mv,battery_mv_high,rssi_dbm_low,")
    assert line == "2025-06-30T20:40:00+08:00,3900,3900,3900,-60,-60,-60,,,,68"


def test_each_table_has_its_columns_and_no_more_lines_than_its_span(porch):
    lines = {of: table_of(porch, span_of("month", NOW), of).splitlines() for of in OF}
    assert lines["pictures"][0] == "time,pictures,stored_bytes" and len(lines["pictures"]) == 32
    assert lines["pictures"][-1].startswith("2025-06-30T00:00:00+08:00,1,")
    assert lines["answers"] == ["time,answer_ms"]
