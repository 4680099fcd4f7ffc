"""A machine that leaves: emptied in order, or lost."""

import io
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from devices.events.models import Event
from devices.panels.sources import outbox
from media_pipeline.captures import reading
from media_pipeline.captures.models import Capture
from media_pipeline.captures.reading import PictureAway, PictureMissing
from media_pipeline.maintenance import deleting
from media_pipeline.maintenance.models import Removal
from media_pipeline.mirror import copying
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.mirror.uncopied import LOST
from media_pipeline.node_files import leaving
from media_pipeline.nodes import here, known
from media_pipeline.nodes.models import Node, NodeState
from media_pipeline.shared_files import sharing
from media_pipeline.shared_files.models import SharedFile
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from photohub.management.commands import drain
from tests.builders import make_capture, make_device, make_user
from tests.nodes import being

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(tmp_path, settings):
    """Machine b, with a picture that is copied and one that is not; the test goes on as a."""
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path / "mirror")
    (tmp_path / "mirror").mkdir()
    reading.forget_previews()
    with being(tmp_path, "a"):
        here.join()
    with being(tmp_path, "b"):
        copied, alone = (make_capture(make_device(name), name=name) for name in ("copied", "alone"))
        assert copying.mirror_all([copied.pk]) == 1
    with being(tmp_path, "a"):
        yield SimpleNamespace(copied=copied, alone=alone, folder=tmp_path)
    reading.forget_previews()


def lose_b() -> known.Known:
    Node.objects.filter(name="b").update(seen_at=Now() - timedelta(hours=1))
    return leaving.find_lost("b")


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


# --- lost ---


def test_what_is_drawn_and_not_copied_keeps_a_machine_from_being_empty(two, monkeypatch):
    monkeypatch.setattr(sharing, "put", lambda key, path: False)
    before = leaving.what_is_left().waiting
    outbox.keep(b"drawn")
    assert leaving.what_is_left().waiting == before + 1
    with being(two.folder, "b"):
        outbox.keep(b"drawn on b")
    assert leaving.what_is_left().waiting == before + 1
    leaving.forget_node(lose_b())
    assert [row.node for row in SharedFile.objects.all()] == [None]


def test_what_a_lost_machine_alone_had_is_listed_and_its_rows_say_so(two):
    lose_b()
    with pytest.raises(CommandError, match="Nothing was changed"):
        run("forget_node", "b")
    assert Node.objects.get(name="b").state == NodeState.ACTIVE
    told = run("forget_node", "b", "--yes")
    at = f"{two.alone.received_at:%Y-%m-%d %H:%M:%S}"
    assert f"{at}  alone  alone\n1 pictures are on no other disk" in told and "  copied\n" not in told
    row = OSSObject.objects.get(pk=two.alone.pk)
    assert (row.state, row.error_word, row.node) == (MirrorState.FAILED, LOST, None)
    assert row.error_text == "The file was only on the machine b, which was declared lost."
    assert Event.objects.filter(sentence__contains="Pictures that only it had: 1.").exists()


def test_what_is_copied_is_shown_and_belongs_to_whoever_took_over(two):
    assert leaving.forget_node(lose_b()) == 1
    copied, alone = Capture.objects.get(pk=two.copied.pk), Capture.objects.get(pk=two.alone.pk)
    assert copied.node is None and alone.node is None
    assert reading.read_picture(copied) and reading.read_thumbnail(copied)[8:12] == b"WEBP"
    assert OSSObject.objects.get(pk=copied.pk).local_freed_at is not None
    with pytest.raises(PictureMissing) as caught:
        reading.read_picture(alone)
    assert not isinstance(caught.value, PictureAway)
    assert deleting.due() == [] and copying.due() == []


def test_its_removals_and_films_are_seen_to(two):
    with being(two.folder, "b"):
        film = TimeLapse.objects.create(
            device=two.copied.device, node=2, fps=1, width=64, frames_total=1, state=LapseState.READY
        )
    Removal.objects.create(capture_id=two.copied.pk, node=2, path="gone/a.jpg")
    leaving.forget_node(lose_b())
    film.refresh_from_db()
    assert film.state == LapseState.FAILED and "machine b" in film.error_text
    assert deleting.due() == [two.copied.pk] and deleting.remove_all([two.copied.pk]) == 1


def test_it_goes_on_where_it_was_broken_off(two, monkeypatch):
    node = lose_b()

    def break_off(keys, node) -> int:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(leaving, "_take_over", break_off)
        with pytest.raises(RuntimeError):
            leaving.forget_node(node)
    assert Node.objects.get(name="b").state == NodeState.FORGOTTEN
    assert leaving.forget_node(leaving.find_lost("b")) == 1 and not Capture.objects.filter(node=2).exists()


def test_one_that_runs_or_is_back_is_not_declared_lost(two):
    with pytest.raises(CommandError, match="is running"):
        run("forget_node", "b", "--yes")
    with pytest.raises(CommandError, match="This is the machine a itself"):
        run("forget_node", "a")
    with pytest.raises(CommandError, match="No machine of this hub is called c"):
        run("forget_node", "c")
    node = lose_b()
    Node.objects.filter(name="b").update(seen_at=Now())
    with pytest.raises(leaving.CannotLeave, match="running again"):
        leaving.forget_node(node)
    assert Node.objects.get(name="b").state == NodeState.ACTIVE


def test_one_that_is_back_after_all_takes_and_does_nothing(two):
    leaving.forget_node(lose_b())
    with being(two.folder, "b"), pytest.raises(here.NodeRefused, match="declared lost"):
        here.join()


# --- in order ---


@pytest.fixture
def at_once(monkeypatch, settings):
    """Have nothing waited for, and the worker do its work between two looks."""
    settings.UPLOAD_TIMEOUT_S = 0
    monkeypatch.setattr(here, "BEAT_S", 0)
    monkeypatch.setattr(here, "LEAVE_AFTER_S", 0)
    monkeypatch.setattr(drain, "_ANSWER_S", 0)
    looked = []
    monkeypatch.setattr(drain.time, "sleep", lambda _s: looked.append(copying.mirror_all(copying.due())))
    return looked


def test_a_machine_is_drained_until_it_has_nothing_alone(two, at_once):
    OSSObject.objects.filter(pk=two.alone.pk).update(state=MirrorState.OFF)
    with being(two.folder, "b"):
        told = run("drain")
        assert "1 to copy, 0 given up, 0 to remove …" in told and "This machine is empty" in told
    assert OSSObject.objects.get(pk=two.alone.pk).state == MirrorState.MIRRORED and sum(at_once) == 1
    assert Node.objects.get(name="b").state == NodeState.EMPTY
    assert leaving.forget_node(lose_b()) == 0


def test_readiness_goes_first_and_uploads_after_it(two, monkeypatch):
    with being(two.folder, "b"):
        here.join()
        assert here.is_ready() and not here.why_not()
        leaving.begin_draining()
        here.beat()
        assert not here.is_ready() and not here.why_not()
        monkeypatch.setattr(here, "LEAVE_AFTER_S", 0)
        assert "emptied" in here.why_not()
        run("drain", "--cancel")
        here.beat()
        assert here.is_ready() and not here.why_not()


def test_what_cannot_be_copied_is_named_and_keeps_it_from_being_empty(two, at_once):
    OSSObject.objects.filter(pk=two.alone.pk).update(state=MirrorState.FAILED, error="It was changed.")
    with being(two.folder, "b"):
        with pytest.raises(CommandError, match="could not be copied"):
            run("drain")
        assert leaving.what_is_left() == leaving.Left(0, 1, 0)
    assert Node.objects.get(name="b").state == NodeState.DRAINING


def test_it_gives_up_after_the_time_it_was_given(two, monkeypatch, at_once):
    monkeypatch.setattr(drain.time, "sleep", lambda _s: None)
    with being(two.folder, "b"):
        with pytest.raises(CommandError, match="1 to copy"):
            call_command("drain", within=-1, stdout=io.StringIO())


@pytest.mark.parametrize("words", [("drain",), ("forget_node", "b")])
def test_a_hub_with_one_machine_has_nothing_to_leave(words):
    make_user("ada", "owner")
    with pytest.raises(CommandError, match="this machine is the whole hub"):
        run(*words)
