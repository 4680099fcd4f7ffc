import hashlib
import os
import time

import pytest

from photohub.lib.files import blobs

BYTES = b"a picture"
HASH = hashlib.sha256(BYTES).hexdigest()


def test_bytes_come_back_by_their_hash(tmp_path):
    assert blobs.put(tmp_path, BYTES) == HASH
    assert blobs.read(tmp_path, HASH) == BYTES


def test_the_same_bytes_are_kept_once_and_count_as_new_again(tmp_path):
    blobs.put(tmp_path, BYTES)
    path = blobs.path_of(tmp_path, HASH)
    os.utime(path, (1, 1))
    blobs.put(tmp_path, BYTES)
    assert time.time() - path.stat().st_mtime < 60
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


def test_damaged_bytes_are_missing_ones(tmp_path):
    blobs.put(tmp_path, BYTES)
    blobs.path_of(tmp_path, HASH).write_bytes(b"a pictura")
    with pytest.raises(blobs.BlobMissing):
        blobs.read(tmp_path, HASH)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", HASH.upper(), HASH + "0", "/" + HASH[1:]])
def test_what_is_no_hash_leads_nowhere(tmp_path, name):
    with pytest.raises(blobs.BlobMissing):
        blobs.read(tmp_path, name)


def test_old_files_are_found_and_unfinished_ones_go(tmp_path):
    blobs.put(tmp_path, BYTES)
    unfinished = tmp_path / HASH[:2] / "in-0123"
    unfinished.write_bytes(b"half")
    assert list(blobs.older_than(tmp_path, 60)) == [] and unfinished.exists()
    for path in (blobs.path_of(tmp_path, HASH), unfinished):
        os.utime(path, (1, 1))
    assert list(blobs.older_than(tmp_path, 60)) == [HASH] and not unfinished.exists()


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blobs.os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        blobs.put(tmp_path, BYTES)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_removing_what_is_gone_is_no_error(tmp_path):
    blobs.remove(tmp_path, HASH)
