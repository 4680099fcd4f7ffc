import os
from datetime import timedelta

import pytest
from django.utils import timezone

from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery, PictureOrigin
from devices.panels.in_use import hashes_in_use
from devices.panels.playlists.models import PlaylistItem
from devices.panels.sources import outbox
from devices.registry.models import Panel
from photohub.lib.files import blobs
from tests.builders import make_device

pytestmark = pytest.mark.django_db


def make_old(sha256: str, settings) -> None:
    os.utime(blobs.path_of(settings.OUTBOX_DIR, sha256), (1, 1))


def is_there(sha256: str) -> bool:
    try:
        return bool(outbox.read(sha256))
    except outbox.BlobMissing:
        return False


def test_a_forgotten_picture_goes_and_a_young_one_stays(settings):
    old, young = outbox.keep(b"old"), outbox.keep(b"young")
    make_old(old, settings)
    assert outbox.drop_unused(hashes_in_use) == 1
    assert not is_there(old) and is_there(young)


def test_a_picture_that_is_on_its_way_stays(settings):
    hall = make_device("hall", profile="panel")
    wish = deliveries.Wish(PictureOrigin.UPLOAD, "a.jpg", picture=b"on its way")
    delivery = deliveries.deliver(hall, wish)
    make_old(delivery.original_sha256, settings)
    assert outbox.drop_unused(hashes_in_use) == 0


def test_an_ended_delivery_keeps_its_picture_for_a_week(settings):
    hall = make_device("hall", profile="panel")
    delivery = deliveries.deliver(hall, deliveries.Wish(PictureOrigin.UPLOAD, "a.jpg", picture=b"ended"))
    deliveries.cancel(delivery)
    make_old(delivery.original_sha256, settings)
    assert outbox.drop_unused(hashes_in_use) == 0
    Delivery.objects.update(finished_at=timezone.now() - outbox.KEEP - timedelta(minutes=1))
    assert outbox.drop_unused(hashes_in_use) == 1


def test_what_panels_show_and_playlists_hold_stays(settings):
    hall = make_device("hall", profile="panel")
    shown, handed, listed = outbox.keep(b"shown"), outbox.keep(b"handed"), outbox.keep(b"listed")
    Panel.objects.update_or_create(device=hall, defaults={"shown_sha256": shown, "handed_sha256": handed})
    PlaylistItem.objects.create(device=hall, original_sha256=listed)
    for sha256 in (shown, handed, listed):
        make_old(sha256, settings)
    assert outbox.drop_unused(hashes_in_use) == 0
