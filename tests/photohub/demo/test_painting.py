"""The month before, painted by the real painter and stored by the real ingest."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from media_pipeline.captures.models import Capture
from photohub.demo import painting, stage
from photohub.demo.cast import CAMERAS
from photohub.demo.month import Moment

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def past(monkeypatch):
    """Let the month have six pictures; one is cut short."""
    now = timezone.localtime()
    found = [
        Moment(CAMERAS[n % 2], now - timedelta(days=n + 1), n, "cut" if n == 3 else "") for n in range(6)
    ]
    monkeypatch.setattr(painting, "moments", lambda end: found)
    return found


async def test_what_is_missing_is_painted_and_stored_with_its_own_time(past):
    await sync_to_async(stage.make_devices)()
    for _twice in range(2):
        await painting.Painting().run()
    rows = [row async for row in Capture.objects.order_by("-received_at")]
    assert [row.received_at for row in rows] == [moment.at for moment in past]
    assert [bool(row.flags) for row in rows] == [n == 3 for n in range(6)]


async def test_nothing_is_painted_for_a_demo_that_is_gone(past):
    await painting.Painting().run()
    assert not await Capture.objects.aexists()


async def test_a_full_disk_ends_it(past, settings):
    settings.DISK_FLOOR_BYTES = 2**60
    await sync_to_async(stage.make_devices)()
    await painting.Painting().run()
    assert not await Capture.objects.aexists()
