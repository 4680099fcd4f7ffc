from pathlib import Path

from photohub.lib.files.mounts import file_system_of, on_network

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
nas:/photos /srv/my\\040photos nfs4 rw 0 0
tmpfs /srv/my\\040photos/fast tmpfs rw 0 0
"""


def kind_of(folder: str, tmp_path: Path) -> str:
    file = tmp_path / "mounts"
    file.write_text(MOUNTS)
    return file_system_of(Path(folder), file)


def test_the_deepest_mount_decides(tmp_path):
    assert kind_of("/home/hub", tmp_path) == "ext4"
    assert kind_of("/srv/my photos/data", tmp_path) == "nfs4"
    assert kind_of("/srv/my photos/fast/data", tmp_path) == "tmpfs"


def test_a_name_that_only_begins_alike_is_another_folder(tmp_path):
    assert kind_of("/srv/my photos-2", tmp_path) == "ext4"


def test_a_system_that_does_not_tell_is_not_a_network(tmp_path):
    assert file_system_of(Path("/"), tmp_path / "none") == ""
    assert not on_network(Path("/"))
