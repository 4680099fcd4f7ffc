"""Copies of shared files: put when they are missing, deleted when no machine needs them."""

import os
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from devices.firmware import images
from devices.panels.in_use import hashes_in_use
from devices.panels.playlists.models import PlaylistItem
from devices.panels.sources import outbox
from media_pipeline import tasks
from media_pipeline.node_files import leaving
from media_pipeline.shared_files import keeping, sharing
from media_pipeline.shared_files.models import SharedFile
from tests.builders import make_device
from tests.devices.firmware.builders import IMAGE, make_firmware, store
from tests.media_pipeline.shared_files.machines import Two, is_there
from tests.media_pipeline.shared_files.machines import two as two

pytestmark = pytest.mark.django_db


def make_old(*files: str) -> None:
    """Let everything have been used long ago, and these files of this machine have lain for a day."""
    SharedFile.objects.update(used_at=Now() - timedelta(hours=2))
    for sha256 in files:
        os.utime(outbox.path_of(sha256), (1, 1))


def drop() -> int:
    return keeping.drop_unused(tasks._IN_USE)


def use(sha256: str) -> None:
    PlaylistItem.objects.create(device=make_device("hall", profile="panel"), original_sha256=sha256)


def test_what_no_row_needs_goes_and_what_another_machine_needs_stays(two: Two):
    with two.at("a"):
        used, unused = outbox.keep(b"used"), outbox.keep(b"unused")
        make_old(used, unused)
        young = outbox.keep(b"young")
        use(used)
        assert outbox.drop_unused(hashes_in_use) >= 1 and not is_there(unused)
    with two.at("b"):
        assert drop() == 1
        assert two.keys() == {f"shared/panel/{used}", f"shared/panel/{young}"}
        assert outbox.read(used) == b"used"


def test_this_machine_gives_up_after_a_day_what_the_store_has(two: Two):
    with two.at("a"):
        kept, alone = outbox.keep(b"kept"), None
        two.oss.fail(times=None)
        alone = outbox.keep(b"alone")
        for sha256 in (kept, alone):
            PlaylistItem.objects.create(device=make_device(sha256[:8]), original_sha256=sha256)
        make_old(kept, alone)
        assert outbox.drop_unused(hashes_in_use) == 1
        assert not is_there(kept) and is_there(alone)
        two.heal()
        assert outbox.read(kept) == b"kept"


def test_a_copy_is_not_forgotten_while_the_store_is_away(two: Two):
    with two.at("a"):
        make_old(outbox.keep(b"unused"))
        two.oss.fail(times=None)
        assert drop() == 0 and SharedFile.objects.exists()
        two.heal()
        assert drop() == 1 and not SharedFile.objects.exists() and not two.keys()


def test_what_is_offered_while_its_copy_is_deleted_is_put_again(two: Two, monkeypatch):
    with two.at("a"):
        sha256 = outbox.keep(b"wanted again")
        make_old(sha256)
        real = sharing.asking_store

        def asking_late():
            monkeypatch.setattr(sharing, "asking_store", real)
            outbox.keep(b"wanted again")
            return real()

        monkeypatch.setattr(sharing, "asking_store", asking_late)
        assert drop() == 0 and not two.keys()
        assert keeping.store_waiting() == 1
        assert two.keys() == {f"shared/panel/{sha256}"}


def test_what_was_there_before_there_were_several_machines_is_shared(two: Two, settings):
    with two.at("a"):
        settings.NODE_URL = ""
        row, sha256 = make_firmware(), outbox.keep(b"old")
        use(sha256)
        settings.NODE_URL = "http://127.0.0.2:1"
        assert not two.keys()
        make_old(sha256)
        tasks._tidy_files()
        assert keeping.store_waiting() == 2
    two.stopped.add("a")
    with two.at("b"):
        assert images.verified_bytes(row) == IMAGE and outbox.read(sha256) == b"old"


def test_a_machine_that_is_being_emptied_offers_images_from_before_there_were_several(two: Two, settings):
    with two.at("a"):
        settings.NODE_URL = ""
        sha256 = make_firmware().sha256
        settings.NODE_URL = "http://127.0.0.2:1"
        leaving.begin_draining()
        assert leaving.what_is_left().waiting == 1
        assert keeping.store_waiting() == 1 and not leaving.what_is_left()
    assert two.keys() == {sharing.key_of("firmware", sha256)}


def test_an_image_that_was_deleted_leaves_every_machine_and_the_store(two: Two):
    with two.at("a"):
        row = store()
    with two.at("b"):
        images.verified_bytes(row)
        os.utime(images.path_of(row.sha256), (1, 1))
        make_old()
        assert drop() == 0
    with two.at("a"):
        images.delete_firmware(row)
        assert drop() == 1 and not two.keys()
    with two.at("b"):
        images.share_old()
        assert not images.path_of(row.sha256).exists()


def test_a_row_whose_file_is_still_on_its_way_stays(two: Two):
    with two.at("a"):
        SharedFile.objects.create(pk=sharing.key_of("panel", "00" * 32), used_at=Now())
        assert keeping.store_waiting() == 0 and drop() == 0
        assert SharedFile.objects.count() == 1
