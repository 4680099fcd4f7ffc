import os

import pytest

from media_pipeline import syncing


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
    monkeypatch.setattr(syncing, "_sync_file_system", lambda folder: seen.append("syncfs"))
    return seen


def test_each_file_and_folder_is_synced_where_one_sync_cannot_be_trusted(written, calls, monkeypatch):
    monkeypatch.setattr(syncing, "_can_sync_at_once", lambda folder: False)
    moved = []
    syncing.move_all(written, moved.append)
    assert calls == ["fsync", "rename", "fsync"] and moved == [written[0][2]]
    assert written[0][2].read_bytes() == b"picture"


def test_one_sync_after_the_renames_makes_all_durable_where_it_can(written, calls, monkeypatch):
    monkeypatch.setattr(syncing, "_can_sync_at_once", lambda folder: True)
    syncing.move_all(written, lambda path: None)
    assert calls == ["rename", "syncfs"]


def test_a_slow_disk_is_synced_file_by_file_for_a_while(written, monkeypatch, tmp_path):
    monkeypatch.setattr(syncing, "_avoid_until", 0.0)
    monkeypatch.setattr(syncing, "_SLOW_S", -1.0)
    syncing._sync_file_system(tmp_path)
    assert syncing._can_sync_at_once(tmp_path) is False


@pytest.mark.parametrize(
    ("release", "good"), [("5.7.0", False), ("5.8.0-rc1", True), ("6.1.0-18", True), ("odd", False)]
)
def test_old_kernels_do_not_report_errors_of_syncfs(monkeypatch, release, good):
    monkeypatch.setattr(syncing.platform, "system", lambda: "Linux")
    monkeypatch.setattr(syncing.platform, "release", lambda: release)
    assert syncing._kernel_reports_errors() is good


def test_a_failed_sync_is_an_error(monkeypatch, tmp_path):
    class Broken:
        def syncfs(self, descriptor):
            return -1

    monkeypatch.setattr(syncing, "_libc", Broken())
    with pytest.raises(OSError):
        syncing._sync_file_system(tmp_path)
