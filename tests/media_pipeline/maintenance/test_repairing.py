"""Mending what can be mended, and leaving alone what cannot."""

import json
import os
import time
from uuid import uuid4

import pytest
from django.conf import settings as configured
from django.core.management import call_command

from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import orphans
from media_pipeline.maintenance.repairing import repair
from media_pipeline.maintenance.verifying import Finding, Scope, verify
from media_pipeline.mirror import copying
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, mirror_one

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(settings, tmp_path):
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path / "mirror")
    (tmp_path / "mirror").mkdir()
    return tmp_path / "mirror"


def make_mirrored() -> Capture:
    capture = make_capture(make_device())
    assert mirror_one(capture) == MirrorState.MIRRORED
    return capture


def repair_all() -> list[bool]:
    return [repair(finding) for finding in verify(Scope(deep=True, mirror=True))]


def aged(path):
    os.utime(path, (time.time() - 7200,) * 2)
    return path


@pytest.mark.parametrize("data", [None, b"short", "flip"])
def test_a_damaged_file_comes_back_from_the_mirror(folder, data):
    path = store.full_path(make_mirrored().path)
    whole = path.read_bytes()
    path.unlink()
    if data:
        path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:] if data == "flip" else data)
    assert repair_all() == [True] and path.read_bytes() == whole and repair_all() == []


def test_a_mirror_with_other_bytes_repairs_nothing_and_nothing_is_deleted(folder):
    capture = make_mirrored()
    path = store.full_path(capture.path)
    size = path.stat().st_size
    path.write_bytes(b"x" * size)
    (folder / capture.path).write_bytes(b"y" * size)
    assert repair_all() == [False] and path.read_bytes() == b"x" * size


def test_a_copy_that_is_gone_is_asked_for_again(folder):
    capture = make_mirrored()
    (folder / capture.path).unlink()
    assert repair_all() == [True]
    assert copying.mirror_all(copying.due()) == 1 and repair_all() == []


def test_when_both_are_gone_the_row_keeps_its_word(folder):
    capture = make_mirrored()
    (folder / capture.path).unlink()
    store.full_path(capture.path).unlink()
    assert repair_all() == [False, False]
    assert OSSObject.objects.get().state == MirrorState.MIRRORED


def test_extra_files_are_set_aside_and_old_uploads_removed():
    name = store.picture_path(uuid4(), "porch", make_capture(make_device()).received_at, "jpg")
    extra, upload = store.full_path(name), configured.INCOMING_DIR / "in-old"
    extra.write_bytes(b"extra")
    upload.write_bytes(b"x")
    aged(extra), aged(upload)
    assert repair_all() == [True, True] and not upload.exists()
    assert (orphans.lost_folder() / extra.name).read_bytes() == b"extra"


def test_a_file_that_a_row_names_is_never_taken_for_extra_or_orphan():
    path = aged(store.full_path(make_capture(make_device()).path))
    relative = str(path.relative_to(configured.PICTURES_DIR))
    assert not repair(Finding("extra", relative)) and not repair(Finding("orphan", str(path)))
    assert path.is_file()


def test_the_command_says_each_damage_as_json_and_fails(capsys):
    capture = make_capture(make_device())
    store.full_path(capture.path).unlink()
    with pytest.raises(SystemExit, match="1"):
        call_command("verify", "--json")
    found, counts = map(json.loads, capsys.readouterr().out.splitlines())
    assert (found["kind"], found["path"], found["capture"]) == ("missing", capture.path, str(capture.pk))
    assert counts == {"found": 1, "repaired": 0}


def test_the_command_is_content_when_all_is_well(capsys):
    call_command("verify", "--deep", "--mirror")
    assert "All pictures are there and whole." in capsys.readouterr().out
