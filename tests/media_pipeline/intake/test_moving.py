"""Pictures that two gateways may have heard; that two processes wait for each other is in `tests/production/test_locks.py`."""

from datetime import timedelta

import pytest
from django.utils import timezone

from media_pipeline.captures.models import Capture
from media_pipeline.intake import moving
from media_pipeline.intake.ingest import Receipt, ingest
from tests.builders import make_device, make_jpeg, make_upload

pytestmark = pytest.mark.django_db


def test_a_picture_that_another_process_may_have_heard_is_stored_once(settings):
    device, picture = make_device(), make_jpeg()
    first = ingest(make_upload(device, picture, name="heard here"))
    moves = make_upload(device, picture, name="heard there", moves=lambda: True)
    assert ingest(moves) == Receipt(first.id, first.code, False)
    assert Capture.objects.count() == len([p for p in settings.PICTURES_DIR.rglob("*") if p.is_file()]) == 1


def test_the_same_bytes_are_two_pictures_where_nothing_moves_or_time_has_passed():
    device, picture = make_device(), make_jpeg()
    ingest(make_upload(device, picture, name="a"))
    assert ingest(make_upload(device, picture, name="b", moves=lambda: False)).new
    Capture.objects.update(received_at=timezone.now() - moving.WITHIN - timedelta(seconds=1))
    assert ingest(make_upload(device, picture, name="c", moves=lambda: True)).new
    assert ingest(make_upload(make_device("barn"), picture, name="c", moves=lambda: True)).new
