import os
import time
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone

from devices.events import heartbeats
from devices.events.models import Event
from media_pipeline import tasks
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import orphans
from media_pipeline.maintenance.models import Removal
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db
HOUR_S = 3600


def make_orphan(age_s: float = 2 * HOUR_S, id_=None):
    path = store.full_path(store.picture_path(id_ or uuid4(), "porch", timezone.now(), "jpg"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a picture that nobody was told is safe")
    return age(path, age_s)


def age(path, age_s: float):
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def test_a_file_without_a_row_is_set_aside():
    path = make_orphan()
    assert orphans.set_orphans_aside() == 1
    assert not path.exists()
    assert (orphans.lost_folder() / path.name).read_bytes() == b"a picture that nobody was told is safe"
    told = Event.objects.get()
    assert told.problem and str(orphans.lost_folder()) in told.text
    assert heartbeats.read(orphans.HEARTBEAT).text == told.text


def test_a_picture_with_a_row_stays_where_it_is():
    path = age(store.full_path(make_capture(make_device()).path), 2 * HOUR_S)
    assert orphans.set_orphans_aside() == 0
    assert path.exists()


def test_a_file_younger_than_an_hour_may_still_get_its_row():
    path = make_orphan(age_s=HOUR_S / 2)
    assert orphans.set_orphans_aside() == 0
    assert path.exists()


def test_a_deleted_picture_is_left_to_its_removal():
    capture = make_capture(make_device())
    path = age(store.full_path(capture.path), 2 * HOUR_S)
    Removal.objects.create(capture_id=capture.pk, path=capture.path)
    Capture.objects.all().delete()
    assert orphans.set_orphans_aside() == 0
    assert path.exists()


def test_what_is_not_named_like_a_picture_is_left_alone():
    path = make_orphan()
    path = age(path.rename(path.with_name("notes.txt")), 2 * HOUR_S)
    assert orphans.set_orphans_aside() == 0
    assert path.exists()


def test_more_orphans_than_one_batch_are_all_found(monkeypatch):
    monkeypatch.setattr(orphans, "_BATCH", 2)
    for _ in range(5):
        make_orphan()
    assert orphans.set_orphans_aside() == 5


def test_what_was_set_aside_is_deleted_after_a_month():
    make_orphan()
    orphans.set_orphans_aside()
    assert orphans.drop_long_lost() == 0
    age(next(orphans.lost_folder().iterdir()), 31 * 24 * HOUR_S)
    assert orphans.drop_long_lost() == 1


def test_tidying_up_sets_orphans_aside():
    path = make_orphan()
    tasks.tidy_up()
    assert not path.exists()


def test_a_missing_picture_folder_is_no_reason_to_stop(settings):
    settings.PICTURES_DIR = settings.PICTURES_DIR / "unmounted"
    assert orphans.set_orphans_aside() == 0


def test_a_folder_that_cannot_be_read_keeps_nobody_from_his_turn(monkeypatch, caplog):
    paths = [store.full_path(make_capture(make_device(code)).path) for code in ("aa", "bb", "cc")]
    Capture.objects.all().delete()
    scan = os.scandir

    def refuses(folder):
        if Path(folder).parent.name == "aa":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuses)
    assert orphans.set_orphans_aside(older_than_s=-60) == 2
    assert [path.exists() for path in paths] == [True, False, False] and "passed over" in caplog.text
