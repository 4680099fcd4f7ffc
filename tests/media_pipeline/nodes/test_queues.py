"""Work that needs the file is done where the file is; what lands elsewhere is sent on, and nothing is given up."""

from datetime import timedelta

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db.models.functions import Now

from media_pipeline import tasks
from media_pipeline.captures import thumbnails
from media_pipeline.captures.models import Capture, Step
from media_pipeline.maintenance import deleting, judging, retention, verifying
from media_pipeline.maintenance.models import Removal
from media_pipeline.mirror import copying
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.nodes import here, known, queues
from media_pipeline.nodes.models import Node, NodeState
from media_pipeline.picture_files import store
from media_pipeline.time_lapses import making
from media_pipeline.time_lapses import queue as time_lapses
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from photohub.lib.messaging import enqueue
from tests.builders import make_capture, make_device, make_user
from tests.nodes import being

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch):
    """Note what is enqueued: task, ids as texts, queue."""
    found = []

    def send(task, ids, *_when, queue="", **_more):
        found.append((task.rpartition(".")[2], [str(id) for id in ids], queue or queues.route(task)))

    monkeypatch.setattr(enqueue, "send_task", send)
    return found


@pytest.fixture
def pictures(tmp_path, settings, sent):
    """One picture on each of two nodes; the test goes on as the first one."""
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path / "mirror")
    (tmp_path / "mirror").mkdir()
    with being(tmp_path, "b-first-to-have-files"):
        here.join()
    with being(tmp_path, "other"):
        theirs = make_capture(make_device("yard"), name="theirs")
    with being(tmp_path, "b-first-to-have-files"):
        ours = make_capture(make_device("porch"), name="ours")
        sent.clear()
        yield ours, theirs


def state_of(capture) -> str:
    return OSSObject.objects.get(pk=capture.pk).state


def test_tasks_about_files_go_to_the_queue_of_their_node(pictures):
    assert queues.route("media_pipeline.tasks.mirror_captures") == "node.1"
    assert queues.route("media_pipeline.tasks.run_show_rules") == ""
    assert (queues.queue_of(None), queues.queue_of(2), queues.own_queue()) == ("node.1", "node.2", "node.1")


def test_a_hub_with_one_folder_has_one_queue_and_asks_nothing(sent, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert queues.keep_own("a", Capture.objects.all(), ["x"]) == ["x"]
        queues.send_home("a", [("x", None)])
    assert sent == [("a", ["x"], "")]
    assert (queues.own_queue(), queues.route("media_pipeline.tasks.mirror_captures")) == ("", "")


def test_each_copies_its_own(pictures, sent):
    ours, theirs = pictures
    assert copying.due() == [ours.pk]
    tasks.mirror_captures([str(ours.pk), str(theirs.pk)])
    assert (state_of(ours), state_of(theirs)) == (MirrorState.MIRRORED, MirrorState.PENDING)
    assert sent == [("mirror_captures", [str(theirs.pk)], "node.2")]
    assert OSSObject.objects.get(pk=theirs.pk).attempts == 0


def test_a_copy_is_not_claimed_by_another_node_even_where_nobody_sorts(pictures):
    _ours, theirs = pictures
    assert copying.mirror_all([theirs.pk]) == 0 and state_of(theirs) == MirrorState.PENDING


def test_each_makes_previews_of_its_own(pictures, sent):
    ours, theirs = pictures
    assert thumbnails.due() == [] and thumbnails.make_all([theirs.pk]) == 0
    tasks.make_thumbnails([str(ours.pk), str(theirs.pk)])
    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert (ours.thumbnail_state, theirs.thumbnail_state) == (Step.DONE, Step.PENDING)
    assert theirs.thumbnail_attempts == 0 and ("make_thumbnails", [str(theirs.pk)], "node.2") in sent


def test_files_of_deleted_pictures_go_where_they_are(
    pictures, sent, tmp_path, django_capture_on_commit_callbacks
):
    ours, theirs = pictures
    with django_capture_on_commit_callbacks(execute=True):
        deleting.delete_captures(make_user("ada", "owner"), Capture.objects.all())
    assert sorted(sent, key=lambda told: told[2]) == [
        ("remove_files", [str(ours.pk)], "node.1"),
        ("remove_files", [str(theirs.pk)], "node.2"),
    ]
    tasks.remove_files([str(ours.pk), str(theirs.pk)])
    assert [row.pk for row in Removal.objects.all()] == [theirs.pk] and deleting.due() == []
    with being(tmp_path, "other"):
        assert store.full_path(theirs.path).is_file() and deleting.due() == [theirs.pk]
        tasks.remove_files([str(theirs.pk)])
        assert not store.full_path(theirs.path).exists() and not Removal.objects.exists()


def test_what_retention_deletes_of_another_node_is_left_to_that_one(pictures, sent):
    ours, theirs = pictures
    assert deleting.delete_unkept([ours, theirs]) == 2
    assert [row.pk for row in Removal.objects.all()] == [theirs.pk]
    assert sent == [("remove_files", [str(theirs.pk)], "node.2")]


def test_the_pictures_of_a_removed_device_leave_every_node(pictures):
    _ours, theirs = pictures
    assert deleting.clear_pictures_of(theirs.device, 10) == 1
    assert [(row.pk, row.node) for row in Removal.objects.all()] == [(theirs.pk, 2)]


def test_verify_misses_only_what_should_be_here(pictures, tmp_path):
    ours, _theirs = pictures
    assert list(verifying.verify(verifying.Scope())) == []
    store.full_path(ours.path).unlink()
    assert [found.kind for found in verifying.verify(verifying.Scope())] == ["missing"]
    with being(tmp_path, "other"):
        assert list(verifying.verify(verifying.Scope())) == []


def test_each_keeps_to_its_own_limit(pictures, settings):
    ours, theirs = pictures
    settings.KEEP_BYTES = 1
    copying.mirror_all([ours.pk])
    OSSObject.objects.filter(pk=theirs.pk).update(state=MirrorState.MIRRORED)
    assert retention.retain() == (0, 1)
    freed = OSSObject.objects.filter(local_freed_at__isnull=False)
    assert [row.pk for row in freed] == [ours.pk]


def test_one_of_them_thins_out_the_pictures_of_all(pictures, tmp_path):
    assert known.leads()
    with being(tmp_path, "other"):
        assert not known.leads()
        Node.objects.filter(pk=1).update(seen_at=Now() - timedelta(hours=1))
        known.forget()
        assert known.leads()


def test_each_judges_its_own_and_remembers_how_far_it_is(pictures, tmp_path):
    assert judging.catch_up() == 1 and judging.is_done()
    with being(tmp_path, "other"):
        assert not judging.is_done() and judging.catch_up() == 1


def test_a_film_is_made_where_it_was_asked_for(pictures, sent, tmp_path):
    _ours, theirs = pictures
    with being(tmp_path, "other"):
        film = time_lapses.ask_for(time_lapses.Wish(device=theirs.device))
    assert film.node == 2 and making.due() == []
    tasks.make_time_lapses([str(film.pk)])
    assert TimeLapse.objects.get().state == LapseState.QUEUED
    assert ("make_time_lapses", [str(film.pk)], "node.2") in sent
    with being(tmp_path, "other"):
        assert making.due() == [film.pk]


def test_the_sweep_of_files_is_asked_of_each_that_is_not_long_away(pictures, sent):
    Node.objects.filter(pk=2).update(seen_at=Now() - timedelta(minutes=1))
    tasks.sweep()
    asked = [(ids, queue) for task, ids, queue in sent if task == "sweep_files"]
    assert asked == [(["1"], "node.1"), (["2"], "node.2")]
    Node.objects.filter(pk=2).update(seen_at=Now() - timedelta(hours=1))
    known.forget()
    sent.clear()
    tasks.tidy_up()
    tasks.retain()
    assert sent == [("tidy_files", ["1"], "node.1"), ("retain_files", ["1"], "node.1")]


def test_a_sweep_that_lands_elsewhere_is_sent_on(pictures, sent, monkeypatch):
    done = []
    for name in ("_sweep_files", "_tidy_files", "_retain_files"):
        monkeypatch.setattr(tasks, name, lambda name=name: done.append(name))
    tasks.sweep_files([2])
    tasks.tidy_files([2])
    tasks.retain_files([1])
    assert done == ["_retain_files"]
    assert sent == [("sweep_files", ["2"], "node.2"), ("tidy_files", ["2"], "node.2")]


def test_what_belongs_to_a_lost_node_is_sent_nowhere(pictures, sent):
    _ours, theirs = pictures
    Node.objects.filter(pk=2).update(state=NodeState.FORGOTTEN)
    known.forget()
    tasks.mirror_captures([str(theirs.pk)])
    assert sent == [] and state_of(theirs) == MirrorState.PENDING


def test_the_whole_sweep_of_a_hub_with_one_folder_is_done_at_once(sent):
    capture = make_capture(make_device())
    Capture.objects.update(received_at=Now() - timedelta(minutes=1))
    sent.clear()
    tasks.sweep()
    assert ("make_thumbnails", [str(capture.pk)], "") in sent
    with pytest.raises(ObjectDoesNotExist):
        Node.objects.get()
