"""Schedules in words."""

import pytest

from devices.schedules.rules import save_schedule
from devices.schedules.wording import when_of
from tests.builders import make_device

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"every_min": 1}, "Every minute"),
        ({"every_min": 15, "weekdays": 0b1100000}, "Every 15 min, weekends"),
        ({"every_min": 120, "weekdays": 0b0000101}, "Every 2 hours, Mon/Wed"),
        (
            {"every_min": 60, "from_at": "8:00", "until_at": "18:00", "quiet_from": "12:00", "quiet_until": "13:00"},
            "Every hour, 08:00 – 18:00, quiet 12:00 – 13:00",
        ),
    ],
)  # fmt: skip
def test_a_schedule_is_told_in_words(values, words):
    assert when_of(save_schedule({"name": "a", "device": make_device()} | values)) == words
