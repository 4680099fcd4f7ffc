import time
from datetime import timedelta

import pytest
from django.utils import timezone

from devices import beats
from devices.models import Event
from media_pipeline import mirror, store
from media_pipeline.models import MirrorState, OSSObject
from media_pipeline.stores import MirrorError
from tests.builders import make_capture, make_device, make_jpeg
from tests.fakes.oss_server import FakeOSS

pytestmark = pytest.mark.django_db


@pytest.fixture
def oss(settings):
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
    assert mirror.mirror_one(capture.pk) == MirrorState.MIRRORED
    row = row_of(capture)
    assert row.state == MirrorState.MIRRORED and row.mirrored_at and row.attempts == 1 and row.crc64
    assert data in [stored.body for stored in oss.objects.values()]
    assert Event.objects.filter(type="capture.mirrored", subject=capture.pk).exists()


def test_a_second_run_does_nothing(oss):
    capture = make_capture(make_device())
    mirror.mirror_one(capture.pk)
    assert mirror.mirror_one(capture.pk) is None


def test_an_outage_is_tried_again_later(oss):
    oss.fail(status=503, times=None)
    capture = make_capture(make_device())
    assert mirror.mirror_one(capture.pk) == MirrorState.PENDING
    row = row_of(capture)
    assert row.error and row.next_try_at > timezone.now() and mirror.due() == []
    oss.heal()
    make_due(capture)
    assert mirror.mirror_all(mirror.due()) == 1


def test_a_wrong_key_blocks_all_with_one_alarm_and_resumes_by_itself(oss):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(4)]
    beats.beat(mirror.BEAT, True)
    oss.fail(status=403, code="InvalidAccessKeyId", times=None)
    assert mirror.mirror_all([c.pk for c in captures]) == 0
    assert {row_of(c).state for c in captures} == {MirrorState.BLOCKED}
    assert Event.objects.filter(type="notice", problem=True).count() == 1
    assert oss.counts["PUT"] <= mirror.AT_ONCE
    oss.heal()
    make_due(captures[0])
    mirror._breakers.clear()
    mirror.mirror_all(mirror.due())
    mirror.mirror_all(mirror.due())
    assert {row_of(c).state for c in captures} == {MirrorState.MIRRORED}


def test_a_changed_local_file_is_never_copied(oss):
    capture = make_capture(make_device())
    store.full_path(capture.path).write_bytes(b"other bytes")
    assert mirror.mirror_one(capture.pk) == MirrorState.FAILED
    assert row_of(capture).error_word == "changed_local" and not oss.objects


def test_a_missing_local_file_is_said(oss):
    capture = make_capture(make_device())
    store.full_path(capture.path).unlink()
    assert mirror.mirror_one(capture.pk) == MirrorState.FAILED
    assert row_of(capture).error_word == "missing_local"


def test_a_missing_picture_folder_fails_no_picture_for_good(oss, settings):
    capture = make_capture(make_device())
    settings.PICTURES_DIR.rename(settings.PICTURES_DIR.with_name("unmounted"))
    assert mirror.mirror_one(capture.pk) == MirrorState.BLOCKED


def test_a_dead_workers_lease_runs_out(oss):
    capture = make_capture(make_device())
    past = timezone.now() - timedelta(seconds=1)
    OSSObject.objects.filter(pk=capture.pk).update(
        state=MirrorState.UPLOADING, lease_until=past, next_try_at=past
    )
    assert mirror.due() == [capture.pk]
    assert mirror.mirror_one(capture.pk) == MirrorState.MIRRORED


def test_a_living_lease_is_respected(oss):
    capture = make_capture(make_device())
    later = timezone.now() + timedelta(seconds=30)
    OSSObject.objects.filter(pk=capture.pk).update(state=MirrorState.UPLOADING, lease_until=later)
    assert mirror.due() == [] and mirror.mirror_one(capture.pk) is None


def test_pictures_from_before_the_mirror_are_adopted_on_wish(oss, settings):
    settings.PHOTOHUB_MIRROR = "none"
    capture = make_capture(make_device())
    settings.PHOTOHUB_MIRROR = "oss"
    assert row_of(capture).state == MirrorState.OFF and mirror.due() == []
    assert mirror.adopt_unmirrored() == 1
    assert mirror.mirror_all(mirror.due()) == 1


def test_due_takes_new_and_old(oss):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(6)]
    old = timezone.now() - timedelta(hours=1)
    OSSObject.objects.filter(pk=captures[0].pk).update(next_try_at=old, created_at=old)
    due = mirror.due(limit=2)
    assert captures[0].pk in due and captures[-1].pk in due


def test_retry_now_makes_a_failed_copy_due(oss):
    capture = make_capture(make_device())
    OSSObject.objects.filter(pk=capture.pk).update(state=MirrorState.FAILED, error="x")
    assert mirror.retry_now(capture.pk)
    assert mirror.mirror_one(capture.pk) == MirrorState.MIRRORED


def test_many_pictures_are_copied_at_once_and_recorded_together(oss, django_assert_max_num_queries):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(mirror.AT_ONCE)]
    oss.latency_s = 0.2
    begun = time.monotonic()
    with django_assert_max_num_queries(30):
        assert mirror.mirror_all([c.pk for c in captures]) == len(captures)
    assert time.monotonic() - begun < 0.2 * 2 * len(captures) * 0.6


def test_groups_are_larger_while_the_mirror_is_quick(oss, monkeypatch):
    groups = []
    together = mirror.mirror_together
    monkeypatch.setattr(
        mirror, "mirror_together", lambda ids, target: groups.append(len(ids)) or together(ids, target)
    )
    mirror._seconds_each.clear()
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(50)]
    assert mirror.mirror_all([c.pk for c in captures]) == 50
    oss.latency_s = mirror._QUICK_S * mirror.AT_ONCE
    more = [make_capture(device, name=f"more {i}") for i in range(40)]
    assert mirror.mirror_all([c.pk for c in more]) == 40
    assert groups == [8, 32, 10, 32, 8]


def test_when_the_mirror_falls_ill_in_the_middle_the_rest_of_a_group_is_given_back_untried(oss, monkeypatch):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(20)]
    copy, tried = mirror._copy, []

    def falls_ill(target, row):
        tried.append(row.pk)
        return copy(target, row) if len(tried) < 10 else MirrorError("It hangs.", "timeout")

    monkeypatch.setattr(mirror, "_copy", falls_ill)
    outcomes = mirror.mirror_together([c.pk for c in captures], mirror.open_mirror(mirror.settings))
    assert len(tried) == len(outcomes) == 16 and outcomes.count(MirrorState.MIRRORED) == 9
    left = OSSObject.objects.exclude(pk__in=tried)
    assert set(left.values_list("state", "attempts", "lease")) == {(MirrorState.PENDING, 0, None)}
    assert not OSSObject.objects.filter(state=MirrorState.UPLOADING).exists()


def test_a_group_that_takes_long_is_ended_within_its_lease(oss, monkeypatch):
    monkeypatch.setattr(mirror, "_BEGIN_WITHIN_S", -1)
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(10)]
    outcomes = mirror.mirror_together([c.pk for c in captures], mirror.open_mirror(mirror.settings))
    assert outcomes == [MirrorState.MIRRORED] * 8
    assert OSSObject.objects.filter(state=MirrorState.PENDING, attempts=0).count() == 2


def test_one_bad_picture_does_not_hold_up_its_neighbours(oss):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(4)]
    store.full_path(captures[1].path).write_bytes(b"changed")
    assert mirror.mirror_all([c.pk for c in captures]) == 3
    assert row_of(captures[1]).state == MirrorState.FAILED


def test_after_a_failure_one_picture_tries_for_all(oss):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(3)]
    breaker = mirror._breakers[mirror.open_mirror(mirror.settings)]
    breaker.leave(False)
    breaker._closed_until_s = 0.0
    assert mirror.mirror_all([c.pk for c in captures]) == 3 and not breaker.failing


def test_two_workers_never_copy_the_same_picture(oss):
    capture = make_capture(make_device())
    first, second = mirror._claim([capture.pk]), mirror._claim([capture.pk])
    assert [len(first), len(second)] == [1, 0]
