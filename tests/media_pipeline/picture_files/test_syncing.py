import os

import pytest

from media_pipeline.picture_files import syncing


@pytest.fixture
def written(tmp_path):
    source, target = tmp_path / "in" / "a", tmp_path / "out" / "a"
    source.parent.mkdir()
    target.parent.mkdir()
    source.write_bytes(b"picture")
    descriptor = os.open(source, os.O_RDWR)
    yield [(descriptor, source, target)]
    os.close(descriptor)


@pytest.fixture
def calls(monkeypatch):
    seen = []
    real_rename = os.rename
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append("fsync"))
    monkeypatch.setattr(os, "rename", lambda a, b: (seen.append("rename"), real_rename(a, b)))
    monkeypatch.setattr(syncing, "_sync_file_system", lambda descriptor: seen.append("syncfs"))
    return seen


def move(written, monkeypatch, at_once, begun_before=()) -> list:
    monkeypatch.setattr(syncing, "_can_sync_at_once", lambda folder: at_once)
    moved = []
    with syncing.watch(written[0][2].parent) as watching:
        syncing.move_all(written, moved.append, watching, begun_before)
    return moved


def test_each_file_and_folder_is_synced_where_one_sync_cannot_be_trusted(written, calls, monkeypatch):
    assert move(written, monkeypatch, at_once=False) == [written[0][2]]
    assert calls == ["fsync", "rename", "fsync"]
    assert written[0][2].read_bytes() == b"picture"


def test_one_sync_after_the_renames_makes_all_durable_where_it_can(written, calls, monkeypatch):
    move(written, monkeypatch, at_once=True)
    assert calls == ["rename", "syncfs"]


def test_a_file_that_was_begun_before_is_synced_by_its_own_descriptor(written, calls, monkeypatch):
    move(written, monkeypatch, at_once=True, begun_before=[written[0][0]])
    assert calls == ["fsync", "rename", "syncfs"]


def test_the_descriptor_of_the_one_sync_stands_open_until_the_sync(tmp_path, monkeypatch):
    monkeypatch.setattr(syncing, "_can_sync_at_once", lambda folder: True)
    with syncing.watch(tmp_path) as watching:
        assert os.path.samestat(os.fstat(watching), tmp_path.stat())
    with pytest.raises(OSError):
        os.fstat(watching)


def test_a_slow_disk_is_synced_file_by_file_for_a_while(monkeypatch, tmp_path):
    monkeypatch.setattr(syncing, "_avoid_until", 0.0)
    monkeypatch.setattr(syncing, "_SLOW_S", -1.0)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    syncing._sync_file_system(descriptor)
    os.close(descriptor)
    assert syncing._can_sync_at_once(tmp_path) is False


@pytest.mark.parametrize(
    ("release", "good"), [("5.7.0", False), ("5.8.0-rc1", True), ("6.1.0-18", True), ("odd", False)]
)
def test_old_kernels_do_not_report_errors_of_syncfs(monkeypatch, release, good):
    monkeypatch.setattr(syncing.platform, "system", lambda: "Linux")
    monkeypatch.setattr(syncing.platform, "release", lambda: release)
    assert syncing._kernel_reports_errors() is good


def test_a_failed_sync_is_an_error(monkeypatch):
    class Broken:
        def syncfs(self, descriptor):
            return -1

    monkeypatch.setattr(syncing, "_libc", Broken())
    with pytest.raises(OSError):
        syncing._sync_file_system(0)
