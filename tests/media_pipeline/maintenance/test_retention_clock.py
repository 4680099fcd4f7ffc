"""By a wrong clock nothing is deleted: not for one run, not for good."""

import os
from datetime import timedelta

import pytest
from django.conf import settings as configured
from django.test import Client
from django.utils import timezone

from devices.events.models import Event
from media_pipeline import tasks
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import deleting, orphans, retention, retention_wording
from media_pipeline.maintenance.models import Removal
from media_pipeline.mirror.models import OSSObject
from media_pipeline.picture_files import store
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from photohub.status import parts as status
from tests.builders import make_capture, make_device, make_user, mirror_one

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def hub(settings, tmp_path):
    """A hub with a mirror that keeps a week of pictures and has run for a while."""
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path)
    settings.KEEP_DAYS, settings.FREE_LOCAL_AFTER_DAYS = 7, 3
    device = make_device()
    for age in (8, 2, 1, 0):
        capture = make_capture(device, name=f"{age}", received_at=timezone.now() - age * DAY)
        assert mirror_one(capture)
    assert retention.retain() == (1, 0)
    assert deleting.remove_all(deleting.due()) == 1
    return device


@pytest.fixture
def move_clock(monkeypatch):
    honest = timezone.now
    return lambda by: monkeypatch.setattr(timezone, "now", lambda: honest() + by)


def here() -> set[str]:
    return {c.name for c in Capture.objects.all() if store.full_path(c.path).is_file()}


def retention_part() -> status.Part:
    return next(part for part in status.collect().parts if part.key == "retention")


@pytest.mark.parametrize("by", [400 * DAY, -400 * DAY, 30 * DAY])
def test_for_one_run_ahead_or_behind_nothing_goes_and_then_all_is_as_before(hub, move_clock, by):
    move_clock(by)
    tasks.retain()
    tasks.tidy_up()
    assert here() == {"2", "1", "0"} and not Removal.objects.exists()
    assert retention_part().state == "warning"
    move_clock(timedelta())
    assert retention.retain() == (0, 0) and retention_part().state == "ok"


def test_for_good_it_waits_for_an_owner_who_is_told_where(hub, move_clock):
    move_clock(400 * DAY)
    for _run in range(3):
        assert retention.retain() == (0, 0)
    assert Event.objects.filter(type="notice", word="clock_ahead").count() == 1
    client = Client()
    owner = make_user("ann", "owner")
    client.force_login(owner)
    assert b"retention-go-on" in client.get("/status").content
    # Pictures came by the new clock meanwhile, so it is not a silent hub besides.
    make_capture(hub, name="new")
    assert client.post("/status/go-on").status_code == 302
    assert retention.retain()[0] == 3 and here() == {"new"} and retention_part().state == "ok"


def test_only_an_owner_says_that_the_clock_is_right(hub, move_clock):
    move_clock(400 * DAY)
    operator = make_user("olga", "operator")
    client = Client()
    client.force_login(operator)
    assert b"retention-go-on" not in client.get("/status").content
    assert client.post("/status/go-on").status_code == 403
    assert retention.retain() == (0, 0)


def test_a_hub_whose_newest_picture_is_old_asks_first_and_once(settings):
    settings.KEEP_DAYS = 7
    for age in (9, 10):
        make_capture(make_device(f"cam{age}"), received_at=timezone.now() - age * DAY)
    assert retention.retain() == (0, 0)
    assert [p.word for p in retention_wording.problems_now()] == ["retention_silent"]
    retention.go_on()
    assert retention.retain() == (2, 0) and retention_part().state == "ok"


def test_the_limit_of_bytes_needs_no_clock(hub, move_clock, settings):
    settings.KEEP_BYTES = 1
    move_clock(400 * DAY)
    assert retention.retain() == (0, 3)
    assert set(Capture.objects.values_list("name", flat=True)) == {"2", "1", "0"}


def test_films_and_lost_files_outlive_a_wrong_clock(hub, move_clock):
    TimeLapse.objects.create(
        device=hub, fps=5, width=64, frames_total=1, state=LapseState.READY, expires_at=timezone.now() + DAY
    )
    orphans.lost_folder().mkdir()
    lost = orphans.lost_folder() / "a.jpg"
    lost.write_bytes(b"x")
    os.utime(lost, (1, 1))
    move_clock(400 * DAY)
    tasks.retain()
    tasks.tidy_up()
    assert TimeLapse.objects.exists() and lost.exists()


def test_what_arrives_while_the_clock_jumps_is_not_swept_away(hub, move_clock):
    fresh = configured.INCOMING_DIR / "in-fresh"
    fresh.write_bytes(b"half a picture")
    os.utime(fresh, (1, 1))
    move_clock(2 * DAY)
    tasks.tidy_up()
    assert fresh.exists()
    tasks.tidy_up()
    assert not fresh.exists()


def test_what_a_wrong_clock_put_off_is_removed_when_it_is_right_again(hub):
    capture = Capture.objects.get(name="0")
    OSSObject.objects.filter(pk=capture.pk).update(state="uploading", lease_until=timezone.now() + 400 * DAY)
    deleting.delete_unkept([capture])
    assert deleting.remove_all(deleting.due()) == 1 and not store.full_path(capture.path).exists()
