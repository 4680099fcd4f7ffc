import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from media_pipeline.mirror import folder
from media_pipeline.mirror.folder import FolderStore
from media_pipeline.mirror.stores import MirrorError


def store_and_picture(tmp_path: Path, content: bytes = b"picture") -> tuple[FolderStore, Path]:
    (tmp_path / "mirror").mkdir(exist_ok=True)
    path = tmp_path / "gate.jpg"
    path.write_bytes(content)
    return FolderStore(tmp_path / "mirror"), path


def raising(code: int):
    def act(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    return act


def test_a_copy_has_the_same_bytes_and_leaves_nothing_beside(tmp_path):
    store, path = store_and_picture(tmp_path)
    result = store.put(path, "gate/2026/a.jpg", "image/jpeg")
    assert (result.etag, result.size_bytes) == (hashlib.sha256(b"picture").hexdigest(), 7)
    assert [copy.name for copy in (tmp_path / "mirror").rglob("*") if copy.is_file()] == ["a.jpg"]
    with store.open("gate/2026/a.jpg") as copy:
        assert copy.read() == b"picture"


def test_the_same_bytes_succeed_and_other_bytes_never_overwrite(tmp_path):
    store, path = store_and_picture(tmp_path)
    assert store.put(path, "a.jpg", "image/jpeg") == store.put(path, "a.jpg", "image/jpeg")
    path.write_bytes(b"another")
    with pytest.raises(MirrorError) as caught:
        store.put(path, "a.jpg", "image/jpeg")
    assert (caught.value.word, caught.value.permanent) == ("key_taken", True)
    assert (tmp_path / "mirror/a.jpg").read_bytes() == b"picture"


def test_of_many_writers_of_one_key_one_wins(tmp_path):
    store, _ = store_and_picture(tmp_path)
    paths = [tmp_path / f"{number}.jpg" for number in range(8)]
    for path in paths:
        path.write_bytes(path.name.encode())

    def put(path: Path) -> bool:
        try:
            return store.put(path, "a.jpg", "image/jpeg").size_bytes > 0
        except MirrorError:
            return False

    with ThreadPoolExecutor(8) as threads:
        won = [path for path, ok in zip(paths, threads.map(put, paths), strict=True) if ok]
    assert [path.read_bytes() for path in won] == [(tmp_path / "mirror/a.jpg").read_bytes()]


def test_without_hard_links_a_rename_serves(tmp_path, monkeypatch):
    store, path = store_and_picture(tmp_path)
    monkeypatch.setattr(folder.os, "link", raising(errno.EPERM))
    store.put(path, "a.jpg", "image/jpeg")
    assert [copy.name for copy in (tmp_path / "mirror").iterdir()] == ["a.jpg"]


def test_a_missing_folder_is_never_created(tmp_path):
    store = FolderStore(tmp_path / "unmounted")
    path = tmp_path / "gate.jpg"
    path.write_bytes(b"x")
    for action in (lambda: store.put(path, "a", ""), lambda: store.exists("a"), lambda: store.open("a")):
        with pytest.raises(MirrorError, match=r"does not exist\. Create it or mount the disk") as caught:
            action()
        assert caught.value.configuration
    assert not (tmp_path / "unmounted").exists()


@pytest.mark.parametrize(
    ("code", "word", "configuration"),
    [(errno.ENOSPC, "disk_full", False), (errno.EROFS, "denied", True), (errno.EIO, "disk", False)],
)
def test_trouble_with_the_disk_is_named_and_leaves_no_part(tmp_path, monkeypatch, code, word, configuration):
    store, path = store_and_picture(tmp_path)
    monkeypatch.setattr(folder.os, "fsync", raising(code))
    with pytest.raises(MirrorError) as caught:
        store.put(path, "a.jpg", "image/jpeg")
    assert (caught.value.word, caught.value.configuration) == (word, configuration)
    assert not list((tmp_path / "mirror").iterdir())


def test_absent_copies(tmp_path):
    store, _ = store_and_picture(tmp_path)
    assert not store.exists("a.jpg")
    store.delete("a.jpg")
    with pytest.raises(FileNotFoundError):
        store.open("a.jpg")


def test_the_probe_tells_that_a_folder_has_no_address(tmp_path):
    store, _ = store_and_picture(tmp_path)
    steps = store.probe()
    assert [(step.name, step.ok) for step in steps] == [
        ("put", True),
        ("read back", True),
        ("public read", True),
        ("delete", True),
    ]
    assert "no public address" in steps[2].sentence
    assert not [copy for copy in (tmp_path / "mirror").rglob("*") if copy.is_file()]


def test_the_copy_is_synced_before_it_gets_its_name(tmp_path, monkeypatch):
    store, path = store_and_picture(tmp_path)
    calls = []
    for name in ("fsync", "link"):
        real = getattr(os, name)
        monkeypatch.setattr(
            folder.os, name, lambda *args, name=name, real=real: (calls.append(name), real(*args))
        )
    store.put(path, "day/a.jpg", "image/jpeg")
    assert calls == ["fsync", "link", "fsync", "fsync"]
