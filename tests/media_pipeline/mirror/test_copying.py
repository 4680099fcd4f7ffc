import errno
import os
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.utils import timezone

from devices.events import heartbeats, troubles
from devices.events.models import Event, Trouble
from media_pipeline import tasks
from media_pipeline.mirror import copying, stores
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.mirror.oss import OSSStorage
from media_pipeline.mirror.stores import MirrorError
from media_pipeline.picture_files import store
from photohub.lib.pages.sentences import say
from tests.builders import make_capture, make_device, make_jpeg, mirror_one
from tests.fakes.oss_server import FakeOSS

pytestmark = pytest.mark.django_db


@pytest.fixture
def oss(settings):
    troubles.forget()
    copying._breakers.clear()
    with FakeOSS() as server:
        for name, value in server.settings().items():
            setattr(settings, name, value)
        yield server


def row_of(capture) -> OSSObject:
    return OSSObject.objects.get(pk=capture.pk)


def make_due(capture) -> None:
    OSSObject.objects.filter(pk=capture.pk).update(next_try_at=timezone.now() - timedelta(seconds=1))


def test_a_picture_is_copied_and_its_row_says_so(oss):
    data = make_jpeg(text="mirror me")
    capture = make_capture(make_device(), data)
    assert mirror_one(capture) == MirrorState.MIRRORED
    row = row_of(capture)
    assert row.state == MirrorState.MIRRORED and row.mirrored_at and row.attempts == 1 and row.crc64
    assert data in [stored.body for stored in oss.objects.values()]
    assert Event.objects.filter(type="capture.mirrored", subject=capture.pk).exists()


def test_a_second_run_does_nothing(oss):
    capture = make_capture(make_device())
    mirror_one(capture)
    assert mirror_one(capture) is None


def test_an_outage_is_tried_again_later(oss):
    oss.fail(status=503, times=None)
    capture = make_capture(make_device())
    assert mirror_one(capture) == MirrorState.PENDING
    row = row_of(capture)
    assert row.error and row.next_try_at > timezone.now() and copying.due() == []
    oss.heal()
    make_due(capture)
    assert copying.mirror_all(copying.due()) == 1


def test_a_wrong_key_blocks_all_with_one_alarm_and_resumes_by_itself(oss):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(4)]
    heartbeats.note(copying.HEARTBEAT, True)
    oss.fail(status=403, code="InvalidAccessKeyId", times=None)
    assert copying.mirror_all([c.pk for c in captures]) == 0
    assert {row_of(c).state for c in captures} == {MirrorState.BLOCKED}
    assert Event.objects.filter(type="notice", problem=True).count() == 1
    assert oss.counts["PUT"] <= copying.AT_ONCE
    oss.heal()
    make_due(captures[0])
    copying._breakers.clear()
    copying.mirror_all(copying.due())
    copying.mirror_all(copying.due())
    assert {row_of(c).state for c in captures} == {MirrorState.MIRRORED}


def test_when_the_mirror_answers_again_all_that_waited_is_enqueued_at_once(oss, monkeypatch):
    sent = []
    monkeypatch.setattr(tasks.enqueue, "send_task", lambda task, ids: sent.append((task, sorted(ids))))
    device = make_device()
    first, *others = [make_capture(device, name=str(i)) for i in range(4)]
    oss.fail(status=503, times=1)
    assert tasks.mirror_captures([first.pk]) == 0 and not sent
    OSSObject.objects.exclude(pk=first.pk).update(next_try_at=timezone.now() + timedelta(seconds=30))
    make_due(first)
    copying._breakers[copying.open_mirror(copying.settings)]._closed_until_s = 0.0
    assert tasks.mirror_captures([first.pk]) == 1
    assert sent == [(tasks.MIRROR, sorted(c.pk for c in others))]
    assert tasks.mirror_captures(sent[0][1]) == 3 and len(sent) == 1


def test_a_changed_local_file_is_never_copied(oss):
    capture = make_capture(make_device())
    store.full_path(capture.path).write_bytes(b"other bytes")
    assert mirror_one(capture) == MirrorState.FAILED
    assert row_of(capture).error_word == "changed_local" and not oss.objects


def test_a_missing_local_file_is_said(oss):
    capture = make_capture(make_device())
    store.full_path(capture.path).unlink()
    assert mirror_one(capture) == MirrorState.FAILED
    assert row_of(capture).error_word == "missing_local"


def test_a_missing_picture_folder_fails_no_picture_for_good(oss, settings):
    capture = make_capture(make_device())
    settings.PICTURES_DIR.rename(settings.PICTURES_DIR.with_name("unmounted"))
    assert mirror_one(capture) == MirrorState.BLOCKED


def test_a_dead_workers_lease_runs_out(oss):
    capture = make_capture(make_device())
    past = timezone.now() - timedelta(seconds=1)
    OSSObject.objects.filter(pk=capture.pk).update(
        state=MirrorState.UPLOADING, lease_until=past, next_try_at=past
    )
    assert copying.due() == [capture.pk]
    assert mirror_one(capture) == MirrorState.MIRRORED


def test_a_living_lease_is_respected(oss):
    capture = make_capture(make_device())
    later = timezone.now() + timedelta(seconds=30)
    OSSObject.objects.filter(pk=capture.pk).update(state=MirrorState.UPLOADING, lease_until=later)
    assert copying.due() == [] and mirror_one(capture) is None


def test_due_takes_new_and_old(oss):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(6)]
    old = timezone.now() - timedelta(hours=1)
    OSSObject.objects.filter(pk=captures[0].pk).update(next_try_at=old, created_at=old)
    due = copying.due(limit=3)
    assert captures[0].pk in due and captures[-1].pk in due


def test_many_pictures_are_copied_at_once_and_recorded_together(oss, django_assert_max_num_queries):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(copying.AT_ONCE)]
    oss.latency_s = 0.2
    begun = time.monotonic()
    with django_assert_max_num_queries(30):
        assert copying.mirror_all([c.pk for c in captures]) == len(captures)
    assert time.monotonic() - begun < 0.2 * 2 * len(captures) * 0.6


def test_groups_are_larger_while_the_mirror_is_quick(oss, monkeypatch):
    groups, clock = [], SimpleNamespace(now_s=0.0, each_s=copying._QUICK_S / 2)
    together = copying.mirror_together

    def take_a_while(ids, target):
        groups.append(len(ids))
        clock.now_s += len(ids) * clock.each_s
        return together(ids, target)

    monkeypatch.setattr(copying, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    monkeypatch.setattr(copying, "mirror_together", take_a_while)
    copying._seconds_each.clear()
    device = make_device()
    captures = [make_capture(device, name=str(i)).pk for i in range(90)]
    assert copying.mirror_all(captures[:50]) == 50
    clock.each_s = copying._QUICK_S * 1.01
    assert copying.mirror_all(captures[50:]) == 40
    assert groups == [8, 32, 10, 32, 8]


def test_when_the_mirror_falls_ill_in_the_middle_the_rest_of_a_group_is_given_back_untried(oss, monkeypatch):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(20)]
    copy, tried = copying._copy, []

    def falls_ill(target, row):
        tried.append(row.pk)
        return copy(target, row) if len(tried) < 10 else MirrorError("It hangs.", "timeout")

    monkeypatch.setattr(copying, "_copy", falls_ill)
    outcomes = copying.mirror_together([c.pk for c in captures], copying.open_mirror(copying.settings))
    assert len(tried) == len(outcomes) == 16 and outcomes.count(MirrorState.MIRRORED) == 9
    left = OSSObject.objects.exclude(pk__in=tried)
    assert set(left.values_list("state", "attempts", "lease")) == {(MirrorState.PENDING, 0, None)}
    assert not OSSObject.objects.filter(state=MirrorState.UPLOADING).exists()


def test_a_group_that_takes_long_is_ended_within_its_lease(oss, monkeypatch):
    monkeypatch.setattr(copying, "_BEGIN_WITHIN_S", -1)
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(10)]
    outcomes = copying.mirror_together([c.pk for c in captures], copying.open_mirror(copying.settings))
    assert outcomes == [MirrorState.MIRRORED] * 8
    assert OSSObject.objects.filter(state=MirrorState.PENDING, attempts=0).count() == 2


def test_one_bad_picture_does_not_hold_up_its_neighbours(oss):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(4)]
    store.full_path(captures[1].path).write_bytes(b"changed")
    assert copying.mirror_all([c.pk for c in captures]) == 3
    assert row_of(captures[1]).state == MirrorState.FAILED


def test_after_a_failure_one_picture_tries_for_all(oss):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(3)]
    breaker = copying._breakers[copying.open_mirror(copying.settings)]
    breaker.leave(False)
    breaker._closed_until_s = 0.0
    assert copying.mirror_all([c.pk for c in captures]) == 3 and not breaker.failing


def test_two_workers_never_copy_the_same_picture(oss):
    capture = make_capture(make_device())
    first, second = copying._claim([capture.pk]), copying._claim([capture.pk])
    assert [len(first), len(second)] == [1, 0]


# What answers in the place of the store, and what is said then. None of it is about the picture.
STRANGERS = [
    *(
        ("stranger", status, "PUT", "endpoint")
        for status in (200, 204, 301, 302, 307, 400, 401, 403, 404, 405, 407)
    ),
    *(("stranger", status, "PUT", "server") for status in (500, 502, 503, 429)),
    *(("stranger", status, "HEAD", "endpoint") for status in (200, 302, 404)),
    ("404 NoSuchKey", 404, "PUT", "endpoint"),
    ("404", 404, "PUT", "endpoint"),
    ("307", 307, "PUT", "endpoint"),
]


@pytest.mark.parametrize("mute", [False, True])
def test_whatever_stands_in_the_stores_place_the_picture_waits_and_is_copied_later(oss, mute):
    device, oss.stranger_is_mute = make_device(), mute
    for number, (what, status, method, word) in enumerate(STRANGERS):
        capture = make_capture(device, name=str(number))
        if what == "stranger":
            oss.stranger(status, method=method)
        else:
            oss.fail(status, what.removeprefix(str(status)).strip(), method=method)
        assert mirror_one(capture) in (MirrorState.BLOCKED, MirrorState.PENDING), (what, status)
        row = row_of(capture)
        assert row.error_word == word and (word == "server" or "OSS_ENDPOINT" in row.error), (what, status)
        oss.heal()
        make_due(capture)
        assert mirror_one(capture) == MirrorState.MIRRORED


def unreadable(error: int, *captures):
    """Return a `_LocalFile` under which the disk refuses these pictures."""
    names = {store.full_path(c.path).name for c in captures}
    honest = stores._LocalFile

    def broken(path: str):
        if Path(path).name in names:
            raise OSError(error, os.strerror(error))
        return honest(path)

    return broken


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES, errno.ESTALE, errno.ENOTDIR])
def test_a_file_that_cannot_be_read_costs_its_neighbours_nothing(oss, monkeypatch, error):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(4)]
    monkeypatch.setattr(stores, "_LocalFile", unreadable(error, captures[1]))
    assert copying.mirror_all([c.pk for c in captures]) == 3
    row, heartbeat = row_of(captures[1]), heartbeats.read(copying.HEARTBEAT)
    assert (row.state, row.error_word) == (MirrorState.PENDING, "unreadable_local") and heartbeat.ok
    assert not copying._breakers[copying.open_mirror(copying.settings)].failing
    trouble = Trouble.objects.get(device=device)
    assert trouble.word == "picture_not_copied" and os.strerror(error) in say(trouble.values["detail"])
    monkeypatch.undo()
    make_due(captures[1])
    assert copying.mirror_all(copying.due()) == 1


def test_a_read_that_fails_while_the_bytes_are_sent_is_the_hubs_fault(oss, monkeypatch):
    capture, reads = make_capture(make_device(), make_jpeg(900, 900, quality=100)), []
    honest = stores._LocalFile.readinto

    def dies(self, buffer):
        reads.append(len(buffer))
        # The first hash and the second have read it whole; then the disk dies under the request.
        if len(reads) > 4:
            raise stores._unreadable(self.name, OSError(errno.EIO, "Input/output error"))
        return honest(self, buffer)

    monkeypatch.setattr(stores._LocalFile, "readinto", dies)
    assert mirror_one(capture) == copying.UNREADABLE
    assert row_of(capture).error_word == "unreadable_local"


def test_a_fault_that_nobody_foresaw_costs_its_neighbours_nothing(oss, monkeypatch, caplog):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(3)]
    put = OSSStorage.put

    def stumbles(self, path, key, content_type):
        if str(captures[0].pk) in key:
            raise AttributeError("None has no lower")
        return put(self, path, key, content_type)

    monkeypatch.setattr(OSSStorage, "put", stumbles)
    assert copying.mirror_all([c.pk for c in captures]) == 2
    assert row_of(captures[0]).error_word == "fault" and "no lower" in caplog.text


def test_a_disk_that_is_not_mounted_fails_no_picture_for_good(oss, settings):
    capture = make_capture(make_device())
    settings.PICTURES_DIR.rename(settings.PICTURES_DIR.with_name("unmounted"))
    settings.PICTURES_DIR.mkdir()
    assert mirror_one(capture) == MirrorState.BLOCKED
    assert row_of(capture).error_word == "no_folder"


def test_what_fails_again_and_again_never_starves_what_waits_behind_it(oss):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(12)]
    old = timezone.now() - timedelta(hours=1)
    failing = [c.pk for c in captures[:8]]
    OSSObject.objects.filter(pk__in=failing).update(attempts=9, next_try_at=old, created_at=timezone.now())
    due = copying.due(limit=6)
    assert {captures[8].pk, captures[9].pk} <= set(due) and set(failing) & set(due)


@pytest.mark.parametrize("wrong_by", [timedelta(days=1), timedelta(days=400), timedelta(hours=1)])
def test_a_picture_received_under_a_wrong_clock_is_copied_when_it_is_right_again(oss, wrong_by):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(2)]
    ahead = timezone.now() + wrong_by
    OSSObject.objects.filter(pk=captures[0].pk).update(next_try_at=ahead)
    OSSObject.objects.filter(pk=captures[1].pk).update(
        state=MirrorState.UPLOADING, next_try_at=ahead, lease_until=ahead
    )
    assert set(copying.due()) == {c.pk for c in captures}
    assert copying.mirror_all(copying.due()) == 2
