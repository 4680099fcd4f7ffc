"""What retention does with the trash: by age, when space is short, and by a clock that jumps."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.events import clock_watch, heartbeats
from media_pipeline import tasks
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import deleting, retention
from media_pipeline.maintenance.retention_wording import HEARTBEAT
from media_pipeline.mirror.models import OSSObject
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, mirror_one

pytestmark = pytest.mark.django_db


def trash(capture: Capture, days: float) -> Capture:
    Capture.everything.filter(pk=capture.pk).update(trashed_at=timezone.now() - timedelta(days=days))
    return capture


def names() -> set[str]:
    return set(Capture.everything.values_list("name", flat=True))


def make_trash(**days: float) -> None:
    device = make_device()
    for name, since in days.items():
        trash(make_capture(device, name=name), since)
    make_capture(device, name="shown")


def test_it_goes_after_thirty_days_without_any_other_limit():
    make_trash(long=31, lately=29)
    tasks.retain()
    assert names() == {"lately", "shown"}


def test_it_goes_in_steps(monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 2)
    make_trash(**{f"p{n}": 31 for n in range(5)})
    assert retention.retain() == (5, 0)
    assert names() == {"shown"}


def test_days_and_zero_are_settings(settings):
    make_trash(long=8, lately=6)
    settings.TRASH_DAYS = 7
    assert retention.retain() == (1, 0)
    settings.TRASH_DAYS = 0
    assert retention.retain() == (1, 0)
    assert names() == {"shown"}


def test_a_clock_that_jumped_empties_nothing(monkeypatch):
    make_trash(lately=31)
    doubt = clock_watch.Doubt("ahead", {"days": 40, "date": "2027-01-09"})
    monkeypatch.setattr(clock_watch, "look", lambda: doubt)
    tasks.retain()
    assert names() == {"lately", "shown"} and not heartbeats.read(HEARTBEAT).ok


def test_what_stood_in_the_way_is_forgotten_with_the_trash(monkeypatch):
    make_trash(lately=31)
    doubt = clock_watch.Doubt("ahead", {"days": 40, "date": "2027-01-09"})
    monkeypatch.setattr(clock_watch, "look", lambda: doubt)
    retention.retain()
    Capture.everything.update(trashed_at=None)
    retention.retain()
    assert heartbeats.read(HEARTBEAT).ok


def test_never_more_than_a_share_goes_in_one_run(monkeypatch):
    monkeypatch.setattr(retention, "SHARE_AT_LEAST", 1)
    make_trash(**{f"p{n}": 31 for n in range(7)})
    assert retention.retain() == (2, 0)


def test_an_unmounted_disk_empties_nothing(settings, tmp_path):
    trash(make_capture(make_device()), 31)
    settings.PICTURES_DIR = tmp_path / "nothing"
    tasks.retain()
    assert Capture.everything.exists()


def test_old_pictures_go_from_the_trash_as_well(settings):
    settings.KEEP_DAYS, device = 7, make_device()
    trash(make_capture(device, name="old", received_at=timezone.now() - timedelta(days=8)), 1)
    make_capture(device, name="new")
    retention.retain()
    assert names() == {"new"}


def test_the_trash_goes_first_when_space_is_short(settings):
    device, before = make_device(), timezone.now() - timedelta(days=3)
    old = make_capture(device, name="old", received_at=before)
    trash(make_capture(device, name="trashed"), 2)
    trash(make_capture(device, name="just now"), 0)
    new = make_capture(device, name="new")
    settings.KEEP_BYTES = sum(c.size_bytes for c in Capture.everything.exclude(name="trashed"))
    retention.retain()
    assert names() == {"old", "just now", "new"}
    settings.KEEP_BYTES -= old.size_bytes
    retention.retain()
    assert names() == {"just now", "new"}
    settings.KEEP_BYTES = new.size_bytes - 1
    retention.retain()
    assert names() == set()


def test_the_mirrors_copy_stays_in_the_trash_and_goes_with_it(settings, tmp_path):
    (tmp_path / "mirror").mkdir()
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path / "mirror")
    capture = trash(make_capture(make_device()), 1)
    make_capture(capture.device, name="shown")
    mirror_one(capture)
    copy = tmp_path / "mirror" / OSSObject.objects.get(pk=capture.pk).key
    retention.retain()
    assert copy.is_file() and store.full_path(capture.path).is_file()
    trash(capture, 31)
    retention.retain()
    assert not store.full_path(capture.path).exists()
    deleting.remove_all(deleting.due())
    assert not copy.exists()
