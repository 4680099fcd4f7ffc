"""Images on the disk: kept once, proved before they are served, gone with their last row."""

import errno
import io
import os
import threading

import pytest
from django.db import connection

from devices.events.models import Event
from devices.firmware import images
from devices.firmware.checking import Facts
from devices.firmware.errors import FirmwareAway, FirmwareBroken, FirmwareTaken
from devices.firmware.models import Firmware, FirmwareState
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.models import RolloutState
from tests.builders import make_user
from tests.devices.firmware.builders import (
    IMAGE,
    flip_byte,
    make_devices,
    make_firmware,
    make_rollout,
    signed,
    store,
    trust,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _cold(monkeypatch):
    monkeypatch.setattr(images, "_cache", images.ImageCache(images.CACHE_BYTES))


def files(settings) -> set[str]:
    return {path.name for path in settings.FIRMWARE_DIR.iterdir()} - {".lock"}


def test_an_image_is_kept_under_its_hash_with_all_its_figures(settings):
    row = store()
    assert images.path_of(row.sha256).read_bytes() == IMAGE
    assert files(settings) == {row.sha256}
    assert (row.size_bytes, row.signed, row.state) == (len(IMAGE), True, FirmwareState.STORED)
    assert len(row.md5) == 32 and len(row.sha1) == 40


def test_what_is_served_is_what_was_uploaded_read_from_the_disk_once(monkeypatch):
    row = make_firmware()
    first = images.verified_bytes(row)
    monkeypatch.setattr(images.hashlib, "sha256", None)
    assert images.verified_bytes(row) is first
    assert first == IMAGE


def test_a_flipped_byte_is_noticed_before_it_is_served():
    row = make_firmware()
    rollout = make_rollout(make_devices(2), row)
    assert images.verified_bytes(row) == IMAGE
    flip_byte(row)
    with pytest.raises(FirmwareBroken):
        images.verified_bytes(row)
    rollout.refresh_from_db()
    row.refresh_from_db()
    assert (rollout.state, rollout.reason_word) == (RolloutState.PAUSED, "integrity")
    assert row.state == FirmwareState.BROKEN and row.problem
    assert Event.objects.filter(problem=True, subject=row.pk).count() == 1


@pytest.mark.parametrize("restore_times", [False, True])
def test_a_flip_under_the_cache_is_noticed_even_with_the_old_times(restore_times):
    row = make_firmware()
    images.verified_bytes(row)
    before = images.path_of(row.sha256).stat()
    flip_byte(row)
    if restore_times:
        os.utime(images.path_of(row.sha256), ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(FirmwareBroken):
        images.verified_bytes(row)


def test_a_broken_image_is_alarmed_once_and_every_row_of_it_is_stopped():
    row = make_firmware()
    other = make_firmware(product="oven")
    flip_byte(row)
    for firmware in (row, row, other):
        with pytest.raises(FirmwareBroken):
            images.verified_bytes(firmware)
    assert set(Firmware.objects.values_list("state", flat=True)) == {FirmwareState.BROKEN}
    assert Event.objects.filter(problem=True).count() == 1


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b""])
def test_an_image_of_another_length_is_broken(change):
    row = make_firmware()
    images.path_of(row.sha256).write_bytes(change(IMAGE))
    with pytest.raises(FirmwareBroken):
        images.verified_bytes(row)


def test_a_missing_image_is_broken_but_a_missing_disk_is_not(settings):
    row = make_firmware()
    images.path_of(row.sha256).unlink()
    folder = settings.FIRMWARE_DIR
    settings.FIRMWARE_DIR = folder / "not mounted"
    images._cache.forget(row.sha256)
    with pytest.raises(FirmwareAway):
        images.verified_bytes(row)
    settings.FIRMWARE_DIR = folder
    with pytest.raises(FirmwareBroken):
        images.verified_bytes(row)


def test_a_damaged_image_that_came_back_can_be_published_again():
    row = make_firmware()
    flip_byte(row)
    with pytest.raises(FirmwareBroken):
        images.verified_bytes(row)
    images.path_of(row.sha256).write_bytes(IMAGE)
    images.publish(Firmware.objects.get(pk=row.pk))
    assert images.verified_bytes(Firmware.objects.get(pk=row.pk)) == IMAGE


def test_publishing_reads_the_disk_even_when_the_bytes_are_in_memory():
    row = store()
    assert images.verified_bytes(row) == IMAGE
    flip_byte(row)
    with pytest.raises(FirmwareBroken):
        images.publish(row)


@pytest.mark.parametrize(("data", "words"), [(IMAGE, "same contents"), (IMAGE + b"x", "a different version")])
def test_the_same_version_twice_is_a_clear_conflict(data, words):
    store()
    with pytest.raises(FirmwareTaken, match=words):
        store(data)
    assert Firmware.objects.count() == 1


def test_too_large_an_image_is_refused_while_it_comes(settings):
    settings.FIRMWARE_MAX_BYTES = 1024
    with pytest.raises(images.FirmwareRefused, match="too_large"):
        store()
    assert files(settings) == set()


def test_a_full_disk_refuses_and_leaves_nothing(settings):
    settings.DISK_FLOOR_BYTES = 2**60
    with pytest.raises(FirmwareAway, match="disk_full"):
        store()
    assert files(settings) == set()


def test_a_disk_that_cannot_rename_leaves_nothing(settings, monkeypatch):
    def fail(source, target):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(images.os, "replace", fail)
    with pytest.raises(FirmwareAway):
        store()
    assert files(settings) == set() and not Firmware.objects.exists()


def test_a_file_goes_with_the_last_row_that_names_it(settings):
    row, other = store(), store(product="oven")
    images.delete_firmware(row)
    assert files(settings) == {row.sha256}
    images.delete_firmware(other)
    assert files(settings) == set()


def test_the_devices_of_ended_rollouts_go_in_short_transactions(monkeypatch):
    monkeypatch.setattr(rollouts, "_CLEARED_TOGETHER", 2)
    rollout = make_rollout(make_devices(5))
    rollouts.cancel(rollout)
    deleted: list[int] = []

    def watch(execute, sql, params, *rest):
        if sql.startswith("DELETE") and "rollouttarget" in sql:
            deleted.append(len(params))
        return execute(sql, params, *rest)

    with connection.execute_wrapper(watch):
        images.delete_firmware(rollout.firmware)
    assert deleted[:3] == [2, 2, 1] and not Firmware.objects.exists()


def test_an_image_in_use_is_not_deleted_until_its_rollouts_have_ended():
    rollout = make_rollout(make_devices(1))
    with pytest.raises(FirmwareTaken, match="in_use"):
        images.delete_firmware(rollout.firmware)
    rollouts.cancel(rollout)
    images.delete_firmware(rollout.firmware)
    assert not Firmware.objects.exists()


def test_what_was_done_is_told_with_who_did_it():
    alice = make_user("alice", "owner")
    trust()
    row = images.store_firmware(io.BytesIO(IMAGE), Facts(), signed(), alice)
    images.publish(row, alice)
    images.delete_firmware(row, alice)
    told = Event.objects.filter(subject=row.pk).order_by("seq").values_list("actor__username", "sentence")
    assert [name for name, _ in told] == ["alice"] * 3
    assert ["uploaded" in told[0][1], "published" in told[1][1], "deleted" in told[2][1]] == [True] * 3


def test_damage_is_found_on_the_disk_and_in_what_nobody_names(settings):
    row, gone = store(), store(b"\xe9another", product="oven")
    images.path_of(gone.sha256).unlink()
    stray = settings.FIRMWARE_DIR / "stray"
    stray.touch()
    os.utime(stray, (0, 0))
    assert set(images.find_damage(False)) == {("firmware_missing", gone.sha256), ("firmware_extra", "stray")}
    flip_byte(row)
    assert ("firmware_changed", row.sha256) in set(images.find_damage(True))


def test_unfinished_uploads_go_after_an_hour(settings):
    for name, age in ((".in-old", 0), (".in-new", None)):
        path = settings.FIRMWARE_DIR / name
        path.touch()
        os.utime(path, None if age is None else (age, age))
    assert images.drop_stale_uploads() == 1
    assert files(settings) == {".in-new"}


def test_one_process_at_a_time_changes_the_folder():
    order = []

    def other() -> None:
        with images._folder_lock():
            order.append("other")

    with images._folder_lock():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "other"]
