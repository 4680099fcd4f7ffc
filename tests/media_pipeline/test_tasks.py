"""Tasks of pictures: what keeps their sweep at its pace, and those that wait for the mirror beside all others."""

import threading
import uuid
from types import SimpleNamespace

import pytest
from django.utils import timezone

from devices.events.models import ServiceBeat
from media_pipeline import tasks
from media_pipeline.captures import thumbnails
from media_pipeline.maintenance import counting, judging
from media_pipeline.maintenance.models import Removal
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.search import index
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from media_pipeline.trash.models import EmptyingOrder
from photohub.embedded import worker
from photohub.lib.database.commits import count_commits
from photohub.lib.messaging.tasks import WAITS
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db


def waits() -> bool:
    assert WAITS["media_pipeline.tasks.sweep"] is tasks._something_waits
    return tasks._something_waits()


@pytest.fixture
def capture():
    """A picture for which everything was done."""
    made = make_capture(make_device())
    thumbnails.make_all([made.pk])
    assert waits()
    judging.catch_up()
    index.keep_texts()
    assert not waits()
    return made


@pytest.mark.django_db(transaction=True)
def test_a_sweep_that_finds_nothing_commits_nothing_or_it_would_wake_itself_for_ever(capture):
    tasks.sweep()
    before = count_commits()
    tasks.sweep()
    assert count_commits() == before


def test_a_picture_waits_for_its_preview(capture):
    make_capture(capture.device, name="b")
    assert waits()


def test_pictures_that_were_never_judged_wait(capture):
    ServiceBeat.objects.filter(pk=judging.HEARTBEAT).delete()
    assert waits()


def test_a_copy_waits_until_it_is_made(capture):
    OSSObject.objects.filter(capture=capture).update(state=MirrorState.PENDING)
    assert waits()


@pytest.mark.parametrize("state", LapseState)
def test_a_film_waits_until_it_is_made(capture, state):
    TimeLapse.objects.create(device=capture.device, fps=10, width=640, frames_total=3, state=state)
    assert waits() is (state in TimeLapse.OPEN)


@pytest.mark.parametrize(
    "ask",
    [
        lambda capture: Removal.objects.create(capture_id=uuid.uuid4(), path="a.jpg"),
        lambda capture: EmptyingOrder.objects.create(upto=timezone.now()),
        lambda capture: counting.mark_changed([capture]),
    ],
    ids=["removal", "emptying", "counting"],
)
def test_what_is_to_be_removed_or_counted_waits(capture, ask):
    ask(capture)
    assert waits()


def test_deleted_copies_are_looked_for_again_while_there_are_more(monkeypatch):
    sent, now = [], [10.0]
    monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(tasks, "_more_removals", tasks._Seldom(1.0))
    monkeypatch.setattr(tasks.deleting, "remove_all", len)
    monkeypatch.setattr(tasks.deleting, "due", lambda: ["more"])
    monkeypatch.setattr(tasks.enqueue, "send_task", lambda task, ids: sent.append(ids))
    for now[0] in (10.0, 10.5, 11.1):
        assert tasks.remove_files(["a"]) == 1
    now[0] = 20.0
    assert tasks.remove_files([]) == 0
    assert sent == [["more"], ["more"]]


WAITING_FOR_THE_MIRROR = [
    ("mirror_captures", tasks.copying, "mirror_all"),
    ("remove_files", tasks.deleting, "remove_all"),
]


@pytest.mark.parametrize("name, module, function", WAITING_FOR_THE_MIRROR)
def test_while_the_mirror_hangs_a_thread_is_left_for_thumbnails(monkeypatch, name, module, function):
    hanging, may_end, later = threading.Semaphore(0), threading.Event(), []

    def hang(ids: list[str]) -> int:
        hanging.release()
        may_end.wait(20)
        return len(ids)

    monkeypatch.setattr(module, function, hang)
    monkeypatch.setattr(
        tasks.enqueue, "send_task", lambda task, ids, after_s=0.0: later.append((task, ids, after_s))
    )
    task = getattr(tasks, name)
    held = [threading.Thread(target=task, args=([str(n)],)) for n in range(worker.CONCURRENCY - 1)]
    try:
        for thread in held:
            thread.start()
            assert hanging.acquire(timeout=20)
        # The last thread is not taken: these are enqueued again, for when one of the others may be through.
        assert task(["last"]) == 0
        [(again, ids, after_s)] = later
        assert again.endswith(name) and ids == ["last"] and after_s > 0
    finally:
        may_end.set()
        for thread in held:
            thread.join(20)
    assert task(["now"]) == 1
