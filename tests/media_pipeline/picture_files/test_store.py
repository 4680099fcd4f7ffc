import hashlib
import mmap
import os
import time
import tracemalloc
from types import SimpleNamespace

import pytest

from media_pipeline.captures import thumbnails
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import orphans
from media_pipeline.picture_files import store
from media_pipeline.picture_files.refusals import Refused
from tests.builders import make_capture, make_device, make_jpeg, make_spool

LARGE = os.urandom(store.IN_MEMORY_BYTES + 100_000)


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["memory", "file"])
def test_a_body_keeps_its_bytes_and_hash(data, settings):
    spool = store.Spool()
    for start in range(0, len(data), 70_000):
        spool.write(data[start : start + 70_000])
    assert bytes(spool.view()) == data and spool.size_bytes == len(data)
    assert spool.sha256 == hashlib.sha256(data).hexdigest() and spool.md5() == hashlib.md5(data).digest()
    spool.discard()
    assert list(settings.INCOMING_DIR.iterdir()) == []


def test_a_large_body_is_not_kept_in_memory():
    spool = make_spool(LARGE)
    assert isinstance(spool.view(), mmap.mmap)
    spool.discard()


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["memory", "file"])
def test_a_body_can_be_placed_again_after_it_was_taken_back(data):
    spool = make_spool(data)
    store.place({"cam/2026-01-01/a.jpg": spool})
    store.remove([store.full_path("cam/2026-01-01/a.jpg")])
    store.place({"cam/2026-01-01/b.jpg": spool})
    spool.discard()
    assert store.full_path("cam/2026-01-01/b.jpg").read_bytes() == data


def test_what_will_be_synced_is_watched_before_its_first_byte(monkeypatch):
    # An error between the write and the opening would never be reported to the sync.
    opened, real_open = [], os.open
    monkeypatch.setattr(store.syncing, "_can_sync_at_once", lambda folder: True)
    spool = make_spool(b"x")
    store.place({"cam/2026-01-01/first.jpg": spool})
    monkeypatch.setattr(
        os, "open", lambda path, *a, **k: (opened.append(str(path)), real_open(path, *a, **k))[1]
    )
    store.place({"cam/2026-01-01/a.jpg": make_spool(b"y")})
    assert [path.rsplit("/", 2)[-2] for path in opened] == ["cam", "incoming"]


def test_a_body_that_was_spilled_before_is_synced_by_its_own_descriptor(monkeypatch):
    synced = []
    monkeypatch.setattr(store.syncing, "_can_sync_at_once", lambda folder: True)
    spool = make_spool(LARGE)
    monkeypatch.setattr(os, "fsync", synced.append)
    store.place({"cam/2026-01-01/a.jpg": spool})
    assert spool._file in synced
    spool.discard()


def test_a_missing_picture_folder_is_not_made_again(settings):
    settings.PICTURES_DIR.rmdir()
    spool = make_spool(b"x")
    with pytest.raises(Refused) as refused:
        store.place({"cam/2026-01-01/a.jpg": spool})
    assert refused.value.word == "busy" and not settings.PICTURES_DIR.exists()
    spool.discard()


def test_only_old_unfinished_files_are_dropped(settings):
    old, new = settings.INCOMING_DIR / "in-old", settings.INCOMING_DIR / "in-new"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    assert store.drop_stale_incoming() == 1 and new.exists() and not old.exists()


def test_the_free_space_is_asked_at_most_once_a_second(settings, data_folder, monkeypatch):
    settings.PHOTOHUB_DATA, asked = data_folder, []
    monkeypatch.setattr(store, "_free", (-10.0, 0))
    monkeypatch.setattr(
        store.shutil, "disk_usage", lambda path: asked.append(path) or SimpleNamespace(free=7)
    )
    assert [store.free_bytes(), store.free_bytes()] == [7, 7] and len(asked) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("apart", ["INCOMING_DIR", "PICTURES_DIR", "THUMBNAILS_DIR"])
def test_folders_on_different_disks_store_show_mirror_and_set_aside_pictures(settings, another_disk, apart):
    setattr(settings, apart, another_disk / "folder")
    store.make_folders()
    small, large = make_jpeg(), make_jpeg(900, 900, text="large") + bytes(store.IN_MEMORY_BYTES)
    device = make_device()
    captures = [make_capture(device, data, name=data[:9].hex()) for data in (small, large)]
    assert [store.full_path(c.path).read_bytes() for c in captures] == [small, large]
    assert thumbnails.make_all([c.pk for c in captures]) == 2
    assert not list(settings.INCOMING_DIR.iterdir())
    Capture.objects.all().delete()
    assert orphans.set_orphans_aside(older_than_s=-60) == 2
    assert len(list(orphans.lost_folder().iterdir())) == 2


def test_the_fullest_of_the_disks_counts(settings, data_folder, another_disk, monkeypatch):
    settings.PHOTOHUB_DATA, settings.INCOMING_DIR = data_folder, another_disk
    free = {settings.PHOTOHUB_DATA: 9, settings.INCOMING_DIR: 5}
    monkeypatch.setattr(store.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free[folder]))
    monkeypatch.setattr(store, "_free", (-10.0, 0))
    assert store.free_bytes() == 5


def test_small_bodies_that_arrive_together_have_a_bound_and_all_stay_whole(monkeypatch):
    monkeypatch.setattr(store, "ALL_IN_MEMORY_BYTES", store.held.bytes + 2500)
    spools = [store.Spool() for _ in range(5)]
    for number, spool in enumerate(spools):
        for _ in range(2):
            spool.write(bytes([number]) * 500)
    assert [spool.spilled for spool in spools] == [False, False, True, True, True]
    assert [bytes(spool.view()) for spool in spools] == [bytes([number]) * 1000 for number in range(5)]
    before = store.held.bytes
    for spool in spools[:2]:
        spool.discard()
    assert store.held.bytes == before - 2000


def test_a_body_that_comes_byte_by_byte_takes_little_more_than_its_bytes():
    tracemalloc.start()
    spool = store.Spool()
    for _ in range(50_000):
        spool.write(b"x")
    assert tracemalloc.get_traced_memory()[0] < 100_000 and bytes(spool.view()) == b"x" * 50_000
    tracemalloc.stop()


def test_a_body_that_nobody_discarded_keeps_no_file_open_when_it_is_gone():
    spool = store.Spool()
    spool.write(b"abc")
    descriptor, _path = spool.to_file()
    os.fstat(descriptor)
    del spool
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_body_that_nobody_discarded_counts_no_more_when_it_is_gone():
    before, spool = store.held.bytes, store.Spool()
    spool.write(b"x" * 100)
    del spool
    assert store.held.bytes == before
