"""What goes by age or size, and what never goes."""

import shutil
from datetime import timedelta

import pytest
from django.conf import settings as configured
from django.db import connection
from django.utils import timezone

from devices.events import heartbeats
from devices.events.models import Event
from media_pipeline import tasks
from media_pipeline.captures.models import Capture
from media_pipeline.captures.reading import read_picture
from media_pipeline.maintenance import deleting, retention
from media_pipeline.maintenance.models import Removal
from media_pipeline.maintenance.retention_wording import HEARTBEAT
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, make_jpeg, mirror_one
from tests.fakes.oss_server import FakeOSS

pytestmark = pytest.mark.django_db


def make_old(device, days: float, name: str = "old", **values) -> Capture:
    return make_capture(device, name=name, received_at=timezone.now() - timedelta(days=days), **values)


def names() -> set[str]:
    return set(Capture.objects.values_list("name", flat=True))


def is_here(capture: Capture) -> bool:
    return store.full_path(capture.path).is_file()


def mirrored(capture: Capture, days: float = 30) -> Capture:
    assert mirror_one(capture) == MirrorState.MIRRORED
    OSSObject.objects.filter(pk=capture.pk).update(mirrored_at=timezone.now() - timedelta(days=days))
    return capture


def use_folder(settings, tmp_path):
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path / "mirror")
    (tmp_path / "mirror").mkdir()
    return tmp_path / "mirror"


@pytest.fixture
def oss(settings):
    with FakeOSS() as server:
        for name, value in server.settings().items():
            setattr(settings, name, value)
        yield server


def test_without_a_setting_everything_stays():
    make_old(make_device(), 10_000)
    tasks.retain()
    assert names() == {"old"} and heartbeats.read(HEARTBEAT) is None


def test_old_pictures_go_with_their_files_and_kept_ones_stay(settings):
    settings.KEEP_DAYS = 7
    device = make_device()
    old, kept = make_old(device, 8), make_old(device, 8, "kept", kept=True)
    make_old(device, 6, "new")
    assert retention.retain() == (1, 0)
    deleting.remove_all(Removal.objects.values_list("pk", flat=True))
    assert names() == {"kept", "new"} and not is_here(old) and is_here(kept)


def test_more_than_a_batch_goes_in_one_run(settings, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 2)
    settings.KEEP_DAYS = 1
    device = make_device()
    make_capture(device, name="new")
    for number in range(5):
        make_old(device, 2, str(number))
    assert retention.retain() == (5, 0) and names() == {"new"}


def test_kept_pictures_in_front_are_walked_past_once(settings, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 2)
    settings.KEEP_DAYS = 1
    device = make_device()
    make_capture(device, name="new")
    for number in range(4):
        make_old(device, 30, f"kept {number}", kept=True)
        make_old(device, 20, str(number))
    asked: list[str] = []
    with connection.execute_wrapper(lambda run, sql, *rest: (asked.append(sql), run(sql, *rest))[1]):
        assert retention.retain() == (4, 0)
    looks = [sql for sql in asked if sql.endswith("LIMIT 2") and '"trashed_at" IS NULL' in sql]
    assert len(looks) == 3 and all(sql.count('"received_at" >=') == 1 for sql in looks[1:])


def test_a_mirror_that_is_away_keeps_no_file_from_going(settings, oss):
    settings.KEEP_DAYS = 1
    device = make_device()
    make_capture(device, name="new")
    old = make_old(device, 20)
    assert mirror_one(old)
    oss.fail(status=503, times=None)
    asked = dict(oss.counts)
    assert retention.retain() == (1, 0) and not is_here(old)
    assert dict(oss.counts) == asked and Removal.objects.get().mirror_key
    oss.heal()
    assert deleting.remove_all(deleting.due()) == 1 and not oss.objects


@pytest.mark.parametrize("loss", ["missing", "empty"])
def test_an_unmounted_disk_deletes_nothing_and_says_so_once(settings, loss):
    settings.KEEP_DAYS, settings.KEEP_BYTES = 7, 1
    make_old(make_device(), 8)
    shutil.rmtree(configured.PICTURES_DIR)
    if loss == "empty":
        configured.PICTURES_DIR.mkdir()
    assert retention.retain() == retention.retain() == (0, 0)
    assert names() == {"old"} and not Removal.objects.exists()
    assert not heartbeats.read(HEARTBEAT).ok
    assert Event.objects.filter(type="notice", problem=True, sentence__contains="mounted").count() == 1


def test_beyond_the_bytes_the_oldest_go(settings):
    device = make_device()
    captures = [make_old(device, days, f"{days}") for days in (4, 3, 2, 1)]
    Capture.objects.filter(name="4").update(kept=True)
    settings.KEEP_BYTES = sum(c.size_bytes for c in captures) - captures[1].size_bytes
    assert retention.retain() == (1, 0) and names() == {"4", "2", "1"}


def test_beyond_the_bytes_a_mirrored_picture_is_freed_and_a_waiting_one_stays(settings, tmp_path):
    use_folder(settings, tmp_path)
    device = make_device()
    waiting, done = make_old(device, 4, "waiting"), mirrored(make_old(device, 3, "done"))
    make_old(device, 1, "new")
    settings.KEEP_BYTES = 1
    assert retention.retain() == (0, 1)
    assert is_here(waiting) and not is_here(done) and len(names()) == 3


def test_a_mirrored_picture_is_freed_and_then_read_from_the_mirror(settings, oss):
    settings.FREE_LOCAL_AFTER_DAYS = 10
    device, data = make_device(), make_jpeg(text="old")
    capture = mirrored(make_capture(device, data, name="old"))
    make_capture(device, name="new")
    assert retention.retain() == (0, 1)
    assert not is_here(capture) and read_picture(capture) == data
    assert retention.retain() == (0, 0)


def test_a_young_copy_or_a_kept_picture_is_not_freed(settings, tmp_path):
    use_folder(settings, tmp_path)
    settings.FREE_LOCAL_AFTER_DAYS = 10
    device = make_device()
    young, kept = mirrored(make_capture(device, name="young"), 9), mirrored(make_capture(device, name="kept"))
    Capture.objects.filter(pk=kept.pk).update(kept=True)
    assert retention.retain() == (0, 0) and is_here(young) and is_here(kept)


@pytest.mark.parametrize("damage", [None, b"short", "flip"])
def test_a_copy_that_is_not_proved_frees_nothing(settings, tmp_path, damage):
    folder = use_folder(settings, tmp_path)
    settings.FREE_LOCAL_AFTER_DAYS = 10
    capture = mirrored(make_capture(make_device()))
    copy = folder / capture.path
    data = copy.read_bytes()
    copy.unlink()
    if damage:
        copy.write_bytes(bytes([data[0] ^ 1]) + data[1:] if damage == "flip" else damage)
    assert retention.retain() == (0, 0) and is_here(capture)


def test_another_crc_in_the_bucket_frees_nothing(settings, oss):
    settings.FREE_LOCAL_AFTER_DAYS = 10
    capture = mirrored(make_capture(make_device()))
    OSSObject.objects.update(crc64="1")
    assert retention.retain() == (0, 0) and is_here(capture)


def test_a_mirror_that_is_away_frees_nothing_and_is_said(settings, oss):
    settings.FREE_LOCAL_AFTER_DAYS = 10
    capture = mirrored(make_capture(make_device()))
    oss.fail(status=503, times=None)
    assert retention.retain() == (0, 0) and is_here(capture)
    assert not heartbeats.read(HEARTBEAT).ok
