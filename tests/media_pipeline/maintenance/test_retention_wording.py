"""What stands in front never stalls retention, and why a limit is not kept is said in both languages."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone, translation

from devices.events.models import Event
from media_pipeline.captures.models import Capture
from media_pipeline.intake.ingest import ingest_batch
from media_pipeline.maintenance import retention, retention_wording
from media_pipeline.maintenance.models import Removal
from media_pipeline.mirror import copying
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, make_jpeg, make_upload
from tests.fakes.oss_server import FakeOSS

pytestmark = pytest.mark.django_db


@pytest.fixture
def oss(settings):
    with FakeOSS() as server:
        for name, value in server.settings().items():
            setattr(settings, name, value)
        yield server


def make_many(count: int, days: float, **values) -> list[Capture]:
    """Return so many pictures of one device, received in turn, the first of them first."""
    device, begun = make_device(f"cam{Capture.objects.count()}"), timezone.now() - timedelta(days=days)
    data = make_jpeg(8, 8)
    for start in range(0, count, 64):
        ingest_batch([make_upload(device, data, name=str(n)) for n in range(start, min(start + 64, count))])
    captures = list(Capture.objects.filter(device=device))
    captures.sort(key=lambda c: int(c.name))
    for number, capture in enumerate(captures):
        capture.received_at = begun + timedelta(seconds=number)
    Capture.objects.bulk_update(captures, ["received_at"])
    Capture.objects.filter(device=device).update(**values)
    return captures


def said() -> list[str]:
    return [problem.word for problem in retention_wording.problems_now()]


@pytest.mark.parametrize("state", ["kept", MirrorState.PENDING, MirrorState.FAILED, MirrorState.OFF])
def test_what_must_stay_is_walked_past_and_named(settings, oss, monkeypatch, state):
    monkeypatch.setattr(retention, "_BATCH", 2)
    front, behind = make_many(60, 9), make_many(4, 8)
    copying.mirror_all([c.pk for c in behind])
    if state == "kept":
        copying.mirror_all([c.pk for c in front])
        Capture.objects.filter(pk__in=[c.pk for c in front]).update(kept=True)
    else:
        OSSObject.objects.filter(pk__in=[c.pk for c in front]).update(state=state)
    settings.KEEP_BYTES = 1
    assert retention.retain() == (0, 4)
    words = {
        "kept": "kept",
        MirrorState.PENDING: "waiting",
        MirrorState.FAILED: "failed",
        MirrorState.OFF: "never",
    }
    assert said() == ["retention_bytes", f"retention_{words[state]}"]
    assert retention_wording.problems_now()[1].values == {"count": 60}


def test_a_copy_that_the_mirror_lost_is_made_again_and_stands_in_nobodys_way(settings, oss):
    lost, fine = make_many(3, 9), make_many(2, 8)
    copying.mirror_all([c.pk for c in (*lost, *fine)])
    for key in [key for key in oss.objects if lost[0].device.code in key]:
        del oss.objects[key]
    settings.KEEP_BYTES = 1
    assert retention.retain() == (0, 2) and said() == ["retention_bytes", "retention_waiting"]
    assert copying.mirror_all(copying.due()) == 3
    assert retention.retain() == (0, 3) and said() == []


def test_the_reasons_are_told_once_and_in_the_readers_language(settings):
    make_many(3, 9, kept=True)
    settings.KEEP_BYTES = 1
    assert retention.retain() == retention.retain() == (0, 0)
    event = Event.objects.get(type="notice", problem=True)
    assert "exceed the limit of 1 bytes" in event.sentence
    with translation.override("zh-hans"):
        assert "超过" in event.text
        assert [p.sentence for p in retention_wording.problems_now()][1] == "因为有人保留而留下：3 张照片。"
    Capture.objects.update(kept=False)
    assert retention.retain() == (3, 0) and said() == []
    assert Event.objects.filter(word="retention_well", problem=False).count() == 1


def test_at_most_a_quarter_goes_by_age_in_one_run_and_the_rest_is_named(settings, monkeypatch):
    monkeypatch.setattr(retention, "SHARE_AT_LEAST", 2)
    make_many(12, 9)
    make_capture(make_device("new"))
    settings.KEEP_DAYS = 7
    assert retention.retain() == (3, 0)
    assert [(p.word, p.values) for p in retention_wording.problems_now()] == [
        ("retention_backlog", {"count": 9, "days": 7})
    ]


def test_hundreds_of_pictures_go_in_a_second(settings):
    captures = make_many(600, 9)
    make_capture(make_device("new"))
    settings.KEEP_DAYS = 7
    # The processor's time, which others on this machine do not take: here about 1,000 in a second.
    begun_s = time.process_time()
    assert retention.retain()[0] == retention.SHARE_AT_LEAST
    assert time.process_time() - begun_s < retention.SHARE_AT_LEAST / 300
    assert not Removal.objects.exists() and not store.full_path(captures[0].path).exists()
