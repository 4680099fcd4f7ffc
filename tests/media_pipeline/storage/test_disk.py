from datetime import UTC, datetime, timedelta

import pytest

from media_pipeline.picture_files import store
from media_pipeline.storage import disk
from media_pipeline.storage.models import DiskSample

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, 10, tzinfo=UTC)
HOUR = int(NOON.timestamp()) // 3600


@pytest.fixture
def hub(monkeypatch):
    """A clock and a disk that a test sets: `hub(hours=…, free=…)`."""
    at = {"now": NOON, "free": 100_000_000}
    monkeypatch.setattr("django.utils.timezone.now", lambda: at["now"])
    monkeypatch.setattr(store, "free_bytes", lambda: at["free"])
    monkeypatch.setattr(disk._Noted, "hour", None)

    def move(hours: int, free: int) -> None:
        at["now"] += timedelta(hours=hours)
        at["free"] = free
        disk.note()

    return move


def test_a_sample_is_kept_when_it_is_another_hour_and_another_amount(hub):
    for hours, free in ((0, 100_000_000), (0, 50_000_000), (1, 99_000_000), (1, 80_000_000)):
        hub(hours, free)
    assert disk.read() == [(HOUR, 100_000_000), (HOUR + 2, 80_000_000)]


def test_within_an_hour_nothing_is_asked(hub, django_assert_num_queries):
    hub(0, 100_000_000)
    with django_assert_num_queries(0):
        disk.note()


def test_a_clock_that_was_ahead_keeps_nothing_from_being_noted(hub):
    hub(5000, 100_000_000)
    hub(-5000, 90_000_000)
    assert disk.read() == [(HOUR, 90_000_000)]


def test_old_samples_go(hub):
    hub(0, 100_000_000)
    hub(24 * 60, 10_000_000)
    assert DiskSample.objects.get().hour == HOUR + 24 * 60
