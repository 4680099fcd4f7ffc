"""What a backup holds beside pictures, and that it comes back."""

import json
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from media_pipeline.captures.models import Capture
from media_pipeline.nodes import here
from media_pipeline.nodes.models import Node
from media_pipeline.picture_files.store import full_path
from photohub.backup.backing_up import CannotBackUp, back_up
from photohub.backup.restoring import restore
from tests.builders import make_capture, make_device
from tests.devices.firmware.builders import IMAGE, flip_byte, store
from tests.media_pipeline.shared_files.machines import two as two
from tests.nodes import being

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.mark.parametrize("target", ["backup", "backup.tar"])
def test_firmware_is_backed_up_once_and_comes_back(tmp_path, workspace, target):
    row, _same = store(), store(product="oven")
    make_capture(make_device("porch"))
    report = back_up(tmp_path / target, workspace)
    assert (report.pictures, report.new, report.images, report.missing) == (1, 1, 1, [])
    restored = restore(tmp_path / target, tmp_path / "data")
    assert (restored.pictures, restored.damaged) == (1, [])
    assert (tmp_path / "data" / "firmware" / row.sha256).read_bytes() == IMAGE


def test_the_manifest_of_a_backup_names_an_image_with_its_hash(tmp_path, workspace):
    row = store()
    back_up(tmp_path / "backup", workspace)
    lines = (tmp_path / "backup" / "manifest.jsonl").read_text().splitlines()
    named = {"path": f"firmware/{row.sha256}", "sha256": row.sha256, "size_bytes": len(IMAGE)}
    assert json.loads(lines[-1]) == named


def test_a_damaged_image_is_left_out_of_a_restore_and_a_missing_one_named(tmp_path, workspace, settings):
    row, gone = store(), store(b"\xe9another", product="oven")
    flip_byte(row)
    (settings.FIRMWARE_DIR / gone.sha256).unlink()
    report = back_up(tmp_path / "backup", workspace)
    assert report.missing == [f"firmware/{gone.sha256}"]
    assert restore(tmp_path / "backup", tmp_path / "data").damaged == [f"firmware/{row.sha256}"]


def test_a_backup_does_not_go_into_the_firmware_folder(settings, workspace):
    with pytest.raises(CannotBackUp, match="firmware"):
        back_up(settings.FIRMWARE_DIR / "backup", workspace)


def test_each_of_several_machines_backs_up_its_own(tmp_path, workspace):
    with being(tmp_path, "a"):
        make_capture(make_device("porch"), name="ours")
    with being(tmp_path, "b"):
        make_capture(make_device("yard"), name="theirs")
        full_path(Capture.objects.get(name="theirs").path).unlink()
        report = back_up(tmp_path / "of b", workspace, here.holds)
        assert (report.pictures, report.elsewhere, len(report.missing)) == (0, 1, 1)
    with being(tmp_path, "a"):
        report = back_up(tmp_path / "of a", workspace, here.holds)
        assert (report.pictures, report.elsewhere, report.missing) == (1, 1, [])


def back_up_of_b(folder, workspace) -> bytes:
    """Back up a machine that runs, and return the bytes of its only picture."""
    with being(folder, "a"):
        here.join()
    with being(folder, "b"):
        path = full_path(make_capture(make_device("yard"), name="theirs").path)
        here.beat()
        back_up(folder / "backup", workspace, here.holds)
        return path.read_bytes()


def test_what_is_restored_of_a_machine_is_that_machine_with_its_pictures(tmp_path, workspace):
    data = back_up_of_b(tmp_path, workspace)
    (tmp_path / "new disk").mkdir()
    restore(tmp_path / "backup", tmp_path / "new disk" / "b", files_only=True)
    Node.objects.filter(name="b").update(seen_at=Now() - timedelta(minutes=1))
    with being(tmp_path / "new disk", "b"):
        assert here.mark() == Capture.objects.get(name="theirs").node == 2
        assert full_path(Capture.objects.get(name="theirs").path).read_bytes() == data


def test_what_is_restored_is_refused_while_the_machine_that_it_is_of_lives(tmp_path, workspace, monkeypatch):
    back_up_of_b(tmp_path, workspace)
    (tmp_path / "copy").mkdir()
    restore(tmp_path / "backup", tmp_path / "copy" / "b", files_only=True)
    # It goes on saying that it serves, while the other one looks.
    still = Node.objects.filter(name="b")
    monkeypatch.setattr(here.time, "sleep", lambda _s: still.update(seen_at=Now() + timedelta(seconds=1)))
    with being(tmp_path / "copy", "b"), pytest.raises(here.NodeRefused, match="is a copy of"):
        here.join()


def test_firmware_that_another_machine_has_is_not_missing(tmp_path, workspace, two):
    with two.at("a"):
        store()
    with two.at("b"):
        report = back_up(tmp_path / "of b", workspace, here.holds)
        assert (report.images, report.images_elsewhere, report.missing) == (0, 1, [])
    with two.at("a"):
        report = back_up(tmp_path / "of a", workspace, here.holds)
        assert (report.images, report.images_elsewhere, report.missing) == (1, 0, [])
