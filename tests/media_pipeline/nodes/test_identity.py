import json
import shutil
import threading

import pytest

from media_pipeline.nodes import identity


def test_a_folder_gets_an_id_and_a_name_once(tmp_path):
    first = identity.read_or_make(tmp_path, "cellar")
    assert identity.read_or_make(tmp_path, "another name") == first
    assert first.name == "cellar"


def test_without_a_name_it_gets_the_machines(tmp_path, monkeypatch):
    monkeypatch.setattr(identity.socket, "gethostname", lambda: "barn.example.org")
    assert identity.read_or_make(tmp_path).name == "barn.example.org"


@pytest.mark.parametrize(
    "name,cleaned", [("a b\n", "a-b"), ("节点 1", "节点-1"), ("//", "node"), ("x" * 99, "x" * 40)]
)
def test_a_name_can_be_said_and_typed(name, cleaned):
    assert identity.clean_name(name) == cleaned


def test_processes_that_start_together_agree(tmp_path):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(identity.read_or_make(tmp_path))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [identity.FILE]


def test_a_copy_of_the_folder_is_told_from_it(tmp_path):
    (tmp_path / "a").mkdir()
    original = identity.read_or_make(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    copy = identity.read_or_make(tmp_path / "b")
    assert copy.uid == original.uid and copy.place != original.place


def test_the_same_file_on_a_cloned_machine_is_told_from_it(tmp_path, monkeypatch):
    original = identity.read_or_make(tmp_path)
    (tmp_path / "boot").write_text("another start of a kernel")
    monkeypatch.setattr(identity, "_BOOT", tmp_path / "boot")
    assert identity.read_or_make(tmp_path).place != original.place


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"id": "no id", "name": "a"})])
def test_a_damaged_file_is_said_and_not_replaced(tmp_path, text):
    path = tmp_path / identity.FILE
    path.write_text(text)
    with pytest.raises(identity.IdentityDamaged, match="Restore it from a backup"):
        identity.read_or_make(tmp_path)
    assert path.read_text() == text
