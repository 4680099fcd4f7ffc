from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from devices.access.groups import DeviceGroup
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import counting
from media_pipeline.maintenance.deleting import delete_captures
from media_pipeline.storage import cameras
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    """Two cameras in two groups, with pictures of some days."""
    yard, house = DeviceGroup.objects.create(name="yard"), DeviceGroup.objects.create(name="house")
    porch, barn = make_device("porch", group=yard), make_device("barn", group=house)
    for camera, size_bytes, days in ((porch, 700, 1), (porch, 700, 2), (barn, 3000, 30), (porch, 9, 0)):
        at = timezone.now() - timedelta(days=days)
        make_capture(camera, name=f"{camera.code}{days}", received_at=at, size_bytes=size_bytes)
    counting.keep_counts()
    return yard


def told(user) -> list[tuple]:
    return [(c.device.code, c.size_bytes, c.a_day_bytes, c.share) for c in cameras.largest(user)]


def test_the_largest_come_first_with_what_comes_in_a_day(world):
    assert told(make_user("alice", "owner")) == [("barn", 3000, 0, 100), ("porch", 1400, 200, 47)]
    assert cameras.total_bytes() == 4400 and cameras.sizes_of_days() == [700, 700]


def test_somebody_who_sees_a_part_is_told_of_that_part(world):
    assert told(make_user("vera", "viewer", world)) == [("porch", 1400, 200, 100)]
    assert told(make_user("nobody")) == []


def test_what_is_deleted_takes_no_room(world):
    delete_captures(make_user("alice", "owner"), list(Capture.objects.filter(size_bytes=3000)))
    counting.keep_counts()
    assert [row[0] for row in told(get_user_model().objects.get())] == ["porch"]
    assert cameras.total_bytes() == 1400
