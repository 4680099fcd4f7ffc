from datetime import timedelta

import pytest
from django.utils import timezone

from devices.events import troubles
from media_pipeline.mirror import copying, gate
from media_pipeline.mirror.models import MirrorState, OSSObject
from tests.builders import make_capture, make_device
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


def refuse_one_of(oss, count: int) -> list:
    """Have the mirror refuse the first of so many pictures because of a wrong key."""
    device = make_device()
    captures = [make_capture(device, name=str(i)) for i in range(count)]
    oss.fail(status=403, code="InvalidAccessKeyId", times=None)
    assert copying.mirror_all([captures[0].pk]) == 0
    copying._breakers.clear()
    return captures


def test_a_wrong_key_holds_all_back_without_changing_their_rows(oss):
    _first, *others = refuse_one_of(oss, 4)
    assert {row_of(c).state for c in others} == {MirrorState.PENDING} and gate.reason()
    asked = oss.counts["PUT"]
    assert copying.due() == [] and copying.mirror_all([c.pk for c in others]) == 0
    assert oss.counts["PUT"] == asked


def test_one_probe_that_is_taken_lets_all_others_go(oss):
    first, *others = refuse_one_of(oss, 4)
    oss.heal()
    make_due(first)
    assert copying.due() == [first.pk]
    assert copying.mirror_all(copying.due()) == 1 and not gate.is_shut()
    assert set(copying.due()) == {c.pk for c in others}


def test_a_refused_picture_that_was_deleted_keeps_nobody_from_trying(oss):
    first, *others = refuse_one_of(oss, 3)
    first.delete()
    oss.heal()
    assert len(copying.due()) == 1
    assert copying.mirror_all(copying.due()) == 1 and len(copying.due()) == len(others) - 1
