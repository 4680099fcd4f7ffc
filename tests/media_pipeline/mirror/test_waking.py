from datetime import timedelta

import pytest
from django.utils import timezone

from devices.events import troubles
from media_pipeline import tasks
from media_pipeline.mirror import copying, gate, waking
from media_pipeline.mirror.models import MirrorState, OSSObject
from tests.builders import make_capture, make_device, mirror_one
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


def test_what_a_wrong_key_holds_back_is_told_to_whoever_mends_it(oss):
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(3)]
    oss.fail(status=403, code="InvalidAccessKeyId", times=None)
    copying.mirror_all([captures[0].pk])
    assert waking.unblock_all() == 3
    assert {row_of(c).state for c in captures} == {MirrorState.PENDING} and not gate.is_shut()


def test_many_pauses_end_a_few_at_a_time(oss, monkeypatch):
    monkeypatch.setattr(waking, "_TOGETHER", 2)
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(5)]
    OSSObject.objects.update(next_try_at=timezone.now() + timedelta(seconds=30))
    waking.wake_all()
    assert set(copying.due()) == {c.pk for c in captures}


def test_pictures_from_before_the_mirror_are_adopted_on_wish(oss, settings):
    settings.PHOTOHUB_MIRROR = "none"
    capture = make_capture(make_device())
    settings.PHOTOHUB_MIRROR = "oss"
    assert row_of(capture).state == MirrorState.OFF and copying.due() == []
    assert waking.adopt_unmirrored() == 1
    assert copying.mirror_all(copying.due()) == 1


def test_retry_now_makes_a_failed_copy_due(oss):
    capture = make_capture(make_device())
    OSSObject.objects.filter(pk=capture.pk).update(state=MirrorState.FAILED, error="x")
    assert waking.retry_now(capture.pk)
    assert mirror_one(capture) == MirrorState.MIRRORED


def test_many_pictures_from_before_the_mirror_are_adopted_in_steps_that_go_on(oss, settings, monkeypatch):
    settings.PHOTOHUB_MIRROR = "none"
    device = make_device()
    for number in range(5):
        make_capture(device, name=str(number))
    settings.PHOTOHUB_MIRROR = "oss"
    monkeypatch.setattr(waking, "_TOGETHER", 2)
    monkeypatch.setattr(waking, "_ADOPT_S", 0)
    assert waking.adopt_unmirrored() == 5 and copying.due() == []
    monkeypatch.setattr(waking, "_ADOPT_S", 60)
    tasks.sweep()
    assert len(copying.due()) == 5
    waking.adopt_some()
    assert not OSSObject.objects.never_copied().exists()
