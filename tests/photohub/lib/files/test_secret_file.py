import threading

import pytest

from photohub.lib.files.secret_file import read_or_make_secret


def test_a_secret_is_made_once_and_readable_by_its_owner_only(tmp_path):
    path = tmp_path / "key"
    first = read_or_make_secret(path)
    assert len(first) >= 50 and read_or_make_secret(path) == first
    assert path.stat().st_mode & 0o777 == 0o600


def test_processes_that_start_together_agree(tmp_path):
    found = set()
    threads = [
        threading.Thread(target=lambda: found.add(read_or_make_secret(tmp_path / "key"))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1


def test_an_empty_file_is_no_secret(tmp_path):
    (tmp_path / "key").touch()
    with pytest.raises(RuntimeError, match=r"is empty\. Delete it"):
        read_or_make_secret(tmp_path / "key")
