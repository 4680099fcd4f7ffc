"""PHOTOHUB_ACK=mirrored: whoever hears that a picture is safe hears it of two copies."""

import json
import time
from collections.abc import Iterator

import pytest

from devices.protocol.pictures.chunked_upload import Reason
from devices.protocol.topics import FileStep, FileTopic
from media_pipeline import tasks
from media_pipeline.captures.models import Capture, Source
from media_pipeline.intake import copies, ingest
from media_pipeline.intake import endpoint as upload
from media_pipeline.intake.ingest import committer
from media_pipeline.live.latest_frame import LatestFrames
from media_pipeline.mirror import copying
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.picture_files.refusals import Refused
from media_pipeline.streams.frame_intake import FrameIntake
from photohub.lib.messaging import enqueue
from tests.builders import make_device, make_jpeg
from tests.fakes.oss_server import FakeOSS
from tests.media_pipeline.intake.test_endpoint import files_in, send

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def oss(settings) -> Iterator[FakeOSS]:
    """A bucket that checks signatures, and a hub whose answers wait for it."""
    settings.PHOTOHUB_ACK = "mirrored"
    copying._breakers.clear()
    with FakeOSS() as server:
        for name, value in server.settings().items():
            setattr(settings, name, value)
        yield server
    copies._copier.stop()
    committer.stop()
    copying._breakers.clear()


def heal(oss: FakeOSS) -> None:
    """Let the bucket answer again, and the row be due."""
    oss.heal()
    copying._breakers.clear()
    OSSObject.objects.update(next_try_at="2020-01-01T00:00:00Z")


def stored(settings) -> tuple[int, int]:
    """Return how many pictures there are, as rows and as files."""
    return Capture.objects.count(), len(files_in(settings.PICTURES_DIR))


def test_code_0_comes_when_the_bucket_has_the_picture(oss, endpoint, porch):
    answer = send(endpoint, porch.key)
    assert answer.status_code == 200 and answer.json()["code"] == 0
    assert [kept.body for kept in oss.objects.values()] == [make_jpeg()]
    assert OSSObject.objects.get().state == MirrorState.MIRRORED


def test_without_a_copy_a_camera_sends_again_and_its_picture_is_stored_once(oss, endpoint, porch, settings):
    oss.fail(times=None)
    for _try in range(3):
        answer = send(endpoint, porch.key)
        assert (answer.status_code, answer.json()["err"]) == (503, "busy")
        assert answer.json()["code"] == 1 and int(answer.headers["Retry-After"]) > 0
    assert stored(settings) == (1, 1) and not oss.objects
    heal(oss)
    answer = send(endpoint, porch.key)
    assert answer.status_code == 200 and answer.json()["dup"] and len(oss.objects) == 1
    assert stored(settings) == (1, 1)


def test_a_picture_without_a_name_is_known_when_it_comes_again_though_it_was_copied_meanwhile(
    oss, endpoint, porch, settings
):
    oss.fail(times=None)
    assert send(endpoint, porch.key, name=None).status_code == 503
    heal(oss)
    tasks.mirror_captures([str(key) for key in copying.due()])
    answer = send(endpoint, porch.key, name=None)
    assert answer.status_code == 200 and answer.json()["dup"] and stored(settings) == (1, 1)
    other = send(endpoint, porch.key, name=None, data=make_jpeg(text="next"))
    assert other.status_code == 200 and stored(settings) == (2, 2)


def test_what_nobody_sends_again_is_copied_by_the_sweep(oss, endpoint, porch):
    oss.fail(times=None)
    assert send(endpoint, porch.key).status_code == 503
    heal(oss)
    tasks.mirror_captures([str(key) for key in copying.due()])
    assert OSSObject.objects.get().state == MirrorState.MIRRORED and len(oss.objects) == 1


def test_a_bucket_that_hangs_is_not_waited_for_longer_than_a_camera_waits(oss, endpoint, porch, monkeypatch):
    monkeypatch.setattr(upload, "_COPIED_WITHIN_S", 0.5)
    oss.hang()
    begun_s = time.monotonic()
    answer = send(endpoint, porch.key)
    assert time.monotonic() - begun_s < 5
    assert (answer.status_code, answer.json()["err"]) == (503, "busy")
    assert Capture.objects.count() == 1
    oss.heal()


def test_too_many_are_told_at_once(oss, endpoint, porch, monkeypatch):
    crowded = copies.Committer(copies._copy, refuse=copies._refusal)
    monkeypatch.setattr(crowded, "_has_room", lambda item: False)
    monkeypatch.setattr(copies, "_copier", crowded)
    assert send(endpoint, porch.key).json()["err"] == "busy" and not oss.objects


def test_threads_of_messages_do_not_all_wait_for_the_bucket(oss):
    taken = [copies._threads.acquire(blocking=False) for _ in range(copies._THREADS_AT_MOST)]
    try:
        assert all(taken)
        with pytest.raises(Refused):
            copies.wait_in_thread(make_device().pk, 60)
    finally:
        copies._threads.release(len(taken))


def test_by_default_nobody_waits_and_a_task_copies(oss, endpoint, porch, settings, monkeypatch):
    settings.PHOTOHUB_ACK, sent = "stored", []
    monkeypatch.setattr(enqueue, "send_task", lambda task, *rest: sent.append(task))
    assert send(endpoint, porch.key).status_code == 200
    assert not oss.objects and tasks.MIRROR in sent


@pytest.mark.parametrize(("source", "is_sent"), [(Source.TCP, True), (Source.HTTP, False)])
def test_a_task_copies_what_no_answer_waits_for(oss, source, is_sent, monkeypatch):
    sent: list[str] = []
    monkeypatch.setattr(enqueue, "send_task", lambda task, *rest: sent.append(task))
    ingest._notify([Capture(device=make_device(), source=source)])
    assert (tasks.MIRROR in sent) == is_sent


# --- MQTT ---


def test_a_frame_is_acknowledged_when_the_bucket_has_it_and_stored_once(oss, settings):
    device, intake = make_device(stream_policy="every"), FrameIntake(LatestFrames())
    oss.fail(times=None)
    for _try in range(3):
        # No broker need say that it brought it before.
        with pytest.raises(Refused) as refused:
            intake.hear(device, make_jpeg())
        assert refused.value.word == "busy"
    assert stored(settings) == (1, 1)
    heal(oss)
    intake.hear(device, make_jpeg())
    assert stored(settings) == (1, 1) and len(oss.objects) == 1
    intake.hear(device, make_jpeg(text="next"))
    assert stored(settings) == (2, 2) and len(oss.objects) == 2


def test_a_frame_in_parts_is_not_lost_while_its_copy_is_waited_for(oss, settings):
    device, intake = make_device(stream_policy="every"), FrameIntake(LatestFrames())
    half = len(make_jpeg()) // 2
    parts = [make_jpeg()[:half], make_jpeg()[half:]]
    oss.fail(times=None)
    intake.hear(device, parts[0], 1)
    for _try in range(3):
        with pytest.raises(Refused):
            intake.hear(device, parts[1], 2)
    heal(oss)
    intake.hear(device, parts[1], 2)
    assert stored(settings) == (1, 1) and len(oss.objects) == 1


def test_a_file_in_pieces_is_paused_and_then_answered(oss, settings):
    device, intake, picture = make_device(), FrameIntake(LatestFrames()), make_jpeg()
    oss.fail(times=None)
    intake.hear_file(device, FileTopic("f1", FileStep.INIT), b'{"name": "a"}')
    intake.hear_file(device, FileTopic("f1", FileStep.DATA, 0), picture)
    end = FileTopic("f1", FileStep.FIN, len(picture))
    reasons = [json.loads(intake.hear_file(device, end, b"").payload) for _try in range(2)]
    heal(oss)
    reasons.append(json.loads(intake.hear_file(device, end, b"").payload))
    assert [told["reason_code"] for told in reasons] == [Reason.PAUSE, Reason.PAUSE, Reason.OK]
    assert stored(settings) == (1, 1) and len(oss.objects) == 1
