import errno
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


def move(written, monkeypatch, at_once, begun_before=(), way="whole") -> list:
    monkeypatch.setattr(syncing, "_can_sync_at_once", lambda folder: at_once)
    monkeypatch.setattr(syncing._paces, "choose", lambda files: way)
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


def test_each_file_and_its_folder_is_synced_after_the_renames_where_that_is_quicker(
    written, calls, monkeypatch
):
    move(written, monkeypatch, at_once=True, way="each")
    assert calls == ["rename", "fsync", "fsync"]


def test_a_failed_sync_of_one_file_is_an_error(written, monkeypatch):
    def fail(descriptor):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError):
        move(written, monkeypatch, at_once=True, way="each")


def test_a_file_that_was_begun_before_is_synced_by_its_own_descriptor(written, calls, monkeypatch):
    move(written, monkeypatch, at_once=True, begun_before=[written[0][0]])
    assert calls == ["fsync", "rename", "syncfs"]


def test_the_descriptor_of_the_one_sync_stands_open_until_the_sync(tmp_path, monkeypatch):
    monkeypatch.setattr(syncing, "_can_sync_at_once", lambda folder: True)
    with syncing.watch(tmp_path) as watching:
        assert watching[0] == tmp_path and os.path.samestat(os.fstat(watching[1]), tmp_path.stat())
    with pytest.raises(OSError):
        os.fstat(watching[1])


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still; add to its only item."""
    now = [1000.0]
    monkeypatch.setattr(syncing.time, "monotonic", lambda: now[0])
    return now


def test_both_ways_are_timed_and_the_quicker_is_taken(clock):
    paces = syncing._Paces()
    assert paces.choose(8) == "whole"
    paces.note("whole", 8, 0.004)
    assert paces.choose(8) == "each"
    paces.note("each", 8, 0.002)
    assert paces.choose(8) == paces.choose(9) == "each"
    for _ in range(20):
        paces.note("each", 8, 0.008)
    assert paces.choose(8) == "whole"


def test_what_was_learned_of_many_files_is_not_believed_of_few(clock):
    paces = syncing._Paces()
    for way, took_s in (("whole", 0.002), ("each", 0.03)):
        paces.note(way, 64, took_s)
    assert paces.choose(64) == "whole"
    paces.note("whole", 2, 0.002)
    assert paces.choose(2) == "each"


def test_the_slower_way_is_tried_again_and_the_rarer_the_slower_it_was(clock):
    paces = syncing._Paces()
    paces.note("whole", 8, 1.0)
    for _ in range(11):
        paces.note("each", 8, 0.002)
        assert paces.choose(8) == "each"
        clock[0] += 5
    clock[0] += 6
    paces.note("each", 8, 0.002)
    assert paces.choose(8) == "whole"


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
