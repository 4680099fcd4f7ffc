from datetime import UTC, datetime

import pytest

from media_pipeline.alerts.quiet import end_of_quiet, is_within


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 12, 1, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "until", "hour", "inside"),
    [
        (22, 7, 23, True),
        (22, 7, 3, True),
        (22, 7, 7, False),
        (22, 7, 12, False),
        (9, 17, 9, True),
        (9, 17, 17, False),
    ],
)
@pytest.mark.django_db
def test_hours_may_go_past_midnight(since, until, hour, inside):
    assert is_within(since * 60, until * 60, at(hour)) is inside


@pytest.mark.django_db
def test_quiet_hours_end_by_the_clock_on_the_wall():
    assert end_of_quiet(22 * 60, 7 * 60 + 30, at(23)) == datetime(2026, 12, 2, 7, 30, tzinfo=UTC)
    assert end_of_quiet(22 * 60, 7 * 60, at(3)) == at(7)
    assert end_of_quiet(22 * 60, 7 * 60, at(12)) is None
    assert end_of_quiet(None, None, at(12)) is None
