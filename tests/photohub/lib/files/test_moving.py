import os
import shutil
from pathlib import Path

import pytest

from photohub.lib.files import moving


def test_within_a_file_system_it_is_a_rename(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    inode = (tmp_path / "a").stat().st_ino
    assert moving.move(tmp_path / "a", tmp_path / "b") is False
    assert (tmp_path / "b").stat().st_ino == inode and not (tmp_path / "a").exists()


def test_across_file_systems_the_copy_is_synced_before_it_gets_its_name(tmp_path, another_disk, monkeypatch):
    (another_disk / "a").write_bytes(b"x" * 3_000_000)
    calls, fsync, rename = [], os.fsync, os.rename
    monkeypatch.setattr(
        os,
        "fsync",
        lambda fd: (calls.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{fd}')).name}"), fsync(fd)),
    )
    monkeypatch.setattr(os, "rename", lambda a, b: (calls.append(f"rename {Path(a).name}"), rename(a, b)))
    assert moving.move(another_disk / "a", tmp_path / "b.jpg") is True
    assert calls == ["rename a", "fsync b.part", "rename b.part", f"fsync {tmp_path.name}"]
    assert (tmp_path / "b.jpg").read_bytes() == b"x" * 3_000_000
    assert os.listdir(tmp_path) == ["b.jpg"] and os.listdir(another_disk) == []


def test_a_full_disk_leaves_the_source_and_nothing_half(tmp_path, another_disk, monkeypatch):
    (another_disk / "a").write_bytes(b"x")
    monkeypatch.setattr(shutil, "copyfileobj", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        moving.move(another_disk / "a", tmp_path / "b")
    assert os.listdir(tmp_path) == [] and os.listdir(another_disk) == ["a"]


def test_another_error_than_of_two_disks_is_not_answered_by_a_copy(tmp_path):
    with pytest.raises(FileNotFoundError):
        moving.move(tmp_path / "none", tmp_path / "b")
