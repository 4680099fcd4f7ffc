"""Deleting pictures for good."""

import errno
from datetime import timedelta
from unittest import mock

import pytest
from django.utils import timezone

from devices.events.models import Event
from devices.registry import removing
from devices.registry.models import Device
from media_pipeline.captures import thumbnails
from media_pipeline.captures.models import Capture
from media_pipeline.links.models import ShareLink
from media_pipeline.maintenance import deleting
from media_pipeline.maintenance.models import Removal
from media_pipeline.mirror.models import OSSObject
from media_pipeline.picture_files import store
from media_pipeline.trash import moving
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db


def use_folder_mirror(settings, folder):
    folder.mkdir()
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(folder)


def make_mirrored(folder, **values) -> Capture:
    capture = make_capture(make_device("porch"), **values)
    OSSObject.objects.filter(pk=capture.pk).update(state="mirrored", attempts=1)
    copy = folder / capture.path
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"copy")
    return capture


def sweep() -> int:
    return deleting.remove_all(deleting.due())


def test_row_file_thumbnail_copy_and_links_go(settings, tmp_path):
    use_folder_mirror(settings, tmp_path / "mirror")
    capture = make_mirrored(tmp_path / "mirror")
    thumbnails.make_one(capture)
    ShareLink.objects.create(capture=capture)
    assert deleting.delete_captures(make_user("alice", "owner"), [capture]).gone == 1
    assert (sweep(), sweep()) == (1, 0)
    left = [
        store.full_path(capture.path),
        store.thumbnail_path(capture.pk),
        tmp_path / "mirror" / capture.path,
    ]
    assert not any(path.exists() for path in left)
    assert not (Capture.objects.exists() or ShareLink.objects.exists() or Removal.objects.exists())


@pytest.mark.parametrize("how", ["retention", "owner"])
def test_what_was_restored_in_this_moment_stays(how):
    capture = make_capture(make_device("porch"))
    alice = make_user("alice", "owner")
    moving.move_to_trash(alice, [capture])
    chosen = list(Capture.everything.in_trash())
    moving.restore(make_user("bob", "operator"), chosen)
    gone = (
        deleting.delete_unkept(chosen) if how == "retention" else deleting.delete_captures(alice, chosen).gone
    )
    assert gone == 0
    assert list(Capture.objects.all()) == [capture] and store.full_path(capture.path).exists()


def test_the_row_goes_before_the_file():
    capture = make_capture(make_device("porch"))
    deleting.delete_captures(make_user("alice", "owner"), [capture])
    assert not Capture.objects.exists()
    assert store.full_path(capture.path).exists()
    assert Removal.objects.get().path == capture.path


def test_a_mirror_that_is_away_is_asked_again(settings, tmp_path):
    use_folder_mirror(settings, tmp_path / "mirror")
    capture = make_mirrored(tmp_path / "mirror")
    (tmp_path / "mirror").rename(tmp_path / "away")
    deleting.delete_captures(make_user("alice", "owner"), [capture])
    assert sweep() == 0
    row = Removal.objects.get()
    assert row.attempts == 1 and row.next_try_at > timezone.now() and "does not exist" in row.error
    (tmp_path / "away").rename(tmp_path / "mirror")
    Removal.objects.update(next_try_at=timezone.now())
    assert sweep() == 1
    assert not (tmp_path / "mirror" / capture.path).exists()


def test_a_copy_of_a_mirror_that_was_switched_off_is_not_forgotten():
    capture = make_capture(make_device("porch"))
    OSSObject.objects.filter(pk=capture.pk).update(state="mirrored", attempts=1)
    deleting.delete_captures(make_user("alice", "owner"), [capture])
    assert sweep() == 0
    assert "previous mirror" in Removal.objects.get().error


def test_a_copy_under_way_is_deleted_after_its_lease():
    capture, lease_until = make_capture(make_device("porch")), timezone.now() + timedelta(seconds=40)
    OSSObject.objects.filter(pk=capture.pk).update(state="uploading", attempts=1, lease_until=lease_until)
    deleting.delete_captures(make_user("alice", "owner"), [capture])
    assert Removal.objects.get().next_try_at == lease_until
    assert deleting.due() == []


def test_kept_pictures_stay_even_when_the_page_was_older():
    capture = make_capture(make_device("porch"))
    Capture.objects.update(kept=True)
    done = deleting.delete_captures(make_user("alice", "owner"), [capture])
    assert (done.gone, done.kept) == (0, 1)
    assert Capture.objects.exists()


def test_only_owners_delete():
    capture = make_capture(make_device("porch"))
    for person in (make_user("bob", "operator"), make_user("mallory")):
        assert deleting.delete_captures(person, [capture]).refused == 1
    assert Capture.objects.exists()


def test_deleting_is_written_down():
    alice, porch = make_user("alice", "owner"), make_device("porch")
    captures = [make_capture(porch, name=name) for name in "ab"]
    deleting.delete_captures(alice, captures)
    event = Event.objects.get(sentence__contains="deleted")
    assert (event.sentence, event.actor, event.device) == ("Pictures deleted: 2.", alice, porch)


def test_a_device_takes_its_pictures_with_it(monkeypatch):
    monkeypatch.setattr(removing, "BATCH", 2)
    porch, trashed = make_device("porch"), timezone.now()
    paths = [store.full_path(make_capture(porch, name=name, kept=name == "a").path) for name in "abcde"]
    paths.append(store.full_path(make_capture(porch, name="f", trashed_at=trashed).path))
    assert removing.remove_device(porch, within_s=60)
    assert not any(path.exists() for path in paths) and not Removal.objects.exists()


def test_copies_of_a_removed_devices_pictures_are_deleted_by_the_worker(settings, tmp_path):
    use_folder_mirror(settings, tmp_path / "mirror")
    capture = make_mirrored(tmp_path / "mirror")
    key = OSSObject.objects.get().key
    removing.remove_device(capture.device, within_s=60)
    assert [row.mirror_key for row in Removal.objects.all()] == [key]
    assert sweep() == 1 and not (tmp_path / "mirror" / key).exists()


def test_a_file_that_cannot_be_removed_with_its_device_is_tried_again(monkeypatch):
    capture = make_capture(make_device("porch"))
    with monkeypatch.context() as patch:
        patch.setattr(store, "remove", mock.Mock(side_effect=OSError(errno.EIO, "Input/output error")))
        removing.remove_device(capture.device, within_s=60)
    assert store.full_path(capture.path).exists() and not Device.everything.exists()
    assert sweep() == 1 and not store.full_path(capture.path).exists()
