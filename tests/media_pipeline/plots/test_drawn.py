from datetime import UTC, datetime, timedelta

import pytest

from devices.commands.models import Command
from devices.telemetry.models import TelemetrySample
from media_pipeline.maintenance.counting import keep_counts
from media_pipeline.plots import drawn
from media_pipeline.plots.drawn import plots_of
from media_pipeline.plots.spans import span_of
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db
NOW = datetime(2025, 6, 30, 12, 40, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


def plots(device, name: str) -> dict:
    return {plot.name: plot for plot in plots_of(device, span_of(name))}


def test_pictures_are_those_that_are_counted_and_those_of_the_last_hours():
    porch, barn = make_device("porch"), make_device("barn")
    for hours in (0, 1, 30, 31, 24 * 20):
        make_capture(porch, name=f"p{hours}", received_at=NOW - timedelta(hours=hours))
    make_capture(barn, name="other", received_at=NOW)
    keep_counts()
    assert {n: sum(plots(porch, n)["pictures"].mean) for n in ("day", "week", "month")} == {
        "day": 2,
        "week": 4,
        "month": 5,
    }
    [first] = [at for at, n in zip(*_bars(plots(porch, "week")), strict=True) if n][:1]
    assert datetime.fromtimestamp(first, UTC) == datetime(2025, 6, 29, 5, tzinfo=UTC)


def _bars(found: dict) -> tuple[list, list]:
    return found["pictures"].at_s, found["pictures"].mean


def test_pictures_before_the_first_count_are_looked_at(settings):
    settings.HUB_TIME_ZONE = "Asia/Kolkata"
    porch = make_device()
    make_capture(porch, received_at=NOW - timedelta(minutes=11))
    found = zip(*_bars(plots(porch, "day")), strict=True)
    assert [datetime.fromtimestamp(at, UTC).isoformat()[11:16] for at, n in found if n] == ["11:30"]


def test_a_battery_is_drawn_in_percent_where_its_voltage_is_a_batterys():
    porch, mains = make_device("porch"), make_device("mains")
    minute = int(NOW.timestamp()) // 60
    TelemetrySample.objects.create(device=porch, minute=minute, battery_mv=3900, rssi_dbm=-60)
    TelemetrySample.objects.create(device=mains, minute=minute, battery_mv=12_000)
    assert plots(porch, "week")["battery_percent"].mean == [68]
    assert plots(porch, "year")["rssi_dbm"].mean == [-60]
    assert plots(mains, "day")["battery_mv"].mean == [12_000]
    assert not plots(mains, "day")["battery_percent"].has_values


def test_answers_are_timed_from_the_order_to_the_picture(monkeypatch):
    porch = make_device()
    asked = NOW - timedelta(minutes=3)
    for place, (state, seconds) in enumerate((("uploaded", 1.4), ("failed", 2), ("uploaded", 3))):
        times = {"created_at": asked, "finished_at": asked + timedelta(seconds=seconds), "expires_at": NOW}
        Command.objects.create(device=porch, name=f"c{place}", state=state, **times)
    assert sorted(plots(porch, "day")["answer_ms"].mean) == [1400, 3000]
    monkeypatch.setattr(drawn, "ORDERS_AT_MOST", 0)
    assert not plots(porch, "day")["answer_ms"].has_values
