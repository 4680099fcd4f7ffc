from datetime import timedelta

import pytest
from django.utils import timezone

from media_pipeline.maintenance import counting
from media_pipeline.storage import going
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db


@pytest.fixture
def times():
    """Pictures of 1,000 bytes, some days old; the oldest is kept by hand."""
    porch, now = make_device(), timezone.now()
    found = {days: now - timedelta(days=days, hours=3) for days in (90, 60, 40, 10, 2)}
    for days, at in found.items():
        make_capture(porch, name=f"p{days}", received_at=at, size_bytes=1000, kept=days == 90)
    counting.keep_counts()
    return found


def test_what_is_too_old_is_counted_with_its_oldest_and_newest(times):
    found = going.older_than(30)
    assert (found.count, found.size_bytes, found.more) == (2, 2000, False)
    assert (found.oldest, found.newest) == (times[60], times[40])
    assert going.older_than(0) == going.older_than(1000) == going.Going()


def test_what_is_too_much_goes_oldest_first(times):
    found = going.beyond(3500)
    assert (found.count, found.oldest, found.newest) == (2, times[60], times[40])
    assert going.beyond(0) == going.beyond(5000) == going.Going()


def test_what_is_too_old_makes_room_for_the_rest(times):
    assert going.beyond(3000, days=30) == going.Going()
    found = going.beyond(2500, days=30)
    assert (found.count, found.oldest) == (1, times[10])


def test_only_so_many_are_looked_at(times, monkeypatch):
    monkeypatch.setattr(going, "LOOKED_AT", 1)
    found = going.older_than(30)
    assert (found.count, found.more, found.newest) == (1, True, times[40])
    assert going.beyond(1).more
