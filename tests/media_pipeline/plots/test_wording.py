from datetime import UTC, datetime

import pytest
from django.utils import translation

from media_pipeline.plots.plot import bars, line
from media_pipeline.plots.spans import span_of
from media_pipeline.plots.wording import say_value, tell

NOW = datetime(2025, 6, 30, 12, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("%", 84, "84 %"),
        ("dBm", -61.4, "−61 dBm"),
        ("mV", 3912, "3.91 V"),
        ("B", 181_000, "181 kB"),
        ("ms", 1430, "1.4 s"),
        ("", 12_000, "12,000"),
    ],
)
def test_values_have_their_unit(unit, value, text):
    with translation.override("en"):
        assert say_value(unit, value) == text


def test_a_table_has_a_row_for_each_day_that_has_something(settings):
    settings.HUB_TIME_ZONE = "UTC"
    week = span_of("week", NOW)
    noon_s = int(NOW.timestamp())
    plot = line("battery_percent", "%", [(noon_s - 86_400, (80, 81, 82)), (noon_s, (70, 75, 80))], 600)
    with translation.override("en"):
        told = tell(plot, week)
    assert told.sums_up == "75 % at last, between 70 % and 82 %"
    assert [(row.when[:6], row.values) for row in told.rows] == [
        ("Jun 29", ("80 %", "81 %", "82 %")),
        ("Jun 30", ("70 %", "75 %", "80 %")),
    ]


def test_bars_are_added_up(settings):
    settings.HUB_TIME_ZONE = "UTC"
    day = span_of("day", NOW)
    told = tell(bars("pictures", "", {day.slots_s[-1]: 3, day.slots_s[0]: 1}, day.slots_s), day)
    assert told.sums_up == "4" and told.adds_up
    assert [(row.when, row.values) for row in told.rows] == [("13:00", ("1",)), ("12:00", ("3",))]
