from datetime import UTC, datetime

import pytest

from media_pipeline.plots.spans import span_of
from photohub.lib.pages import timezones

NOW = datetime(2025, 6, 30, 21, 40, tzinfo=UTC)


def iso(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()[:16]


@pytest.mark.parametrize(
    ("name", "zone", "since", "until", "slots"),
    [
        ("day", "UTC", "2025-06-29T22:00", "2025-06-30T22:00", 24),
        ("day", "Asia/Kolkata", "2025-06-29T22:30", "2025-06-30T22:30", 24),
        ("week", "UTC", "2025-06-24T00:00", "2025-07-01T00:00", 168),
        ("week", "Asia/Shanghai", "2025-06-24T16:00", "2025-07-01T16:00", 168),
        ("month", "Asia/Shanghai", "2025-05-31T16:00", "2025-07-01T16:00", 31),
        ("year", "Europe/Berlin", "2024-06-29T22:00", "2025-06-30T22:00", 366),
        ("no such", "UTC", "2025-06-24T00:00", "2025-07-01T00:00", 168),
    ],
)
def test_spans_begin_and_end_by_the_clock_of_the_hub(settings, name, zone, since, until, slots):
    settings.HUB_TIME_ZONE = zone
    timezones.forget()
    span = span_of(name, NOW)
    assert (iso(span.since_s), iso(span.until_s), len(span.slots_s)) == (since, until, slots)


def test_a_day_is_as_long_as_its_clock_makes_it(settings):
    settings.HUB_TIME_ZONE = "Europe/Berlin"
    span = span_of("year", NOW)
    lengths = {after - before for before, after in zip(span.slots_s, span.slots_s[1:], strict=False)}
    assert lengths == {23 * 3600, 24 * 3600, 25 * 3600}
