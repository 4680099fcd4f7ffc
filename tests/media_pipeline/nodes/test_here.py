import shutil
from datetime import timedelta

import pytest
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from media_pipeline.captures.models import Capture
from media_pipeline.mirror.models import OSSObject
from media_pipeline.nodes import here, identity
from media_pipeline.nodes.models import FIRST, Node, NodeState
from media_pipeline.picture_files.refusals import Refused
from tests.builders import make_capture, make_device
from tests.nodes import being

pytestmark = pytest.mark.django_db


def silence(name: str, seconds: float = 3600) -> None:
    Node.objects.filter(name=name).update(seen_at=Now() - timedelta(seconds=seconds))


def test_a_hub_with_one_folder_has_no_nodes_and_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert (here.number(), here.mark(), here.holds(None), here.own()) == (FIRST, None, True, Q())
        assert here.why_not() == ""
    capture = make_capture(make_device())
    assert capture.node is None and not Node.objects.exists()


def test_pictures_say_on_which_node_they_are(tmp_path):
    with being(tmp_path, "a"):
        first = make_capture(make_device("porch"), name="a")
    with being(tmp_path, "b", "http://127.0.0.3:1"):
        second = make_capture(make_device("yard"), name="b")
        assert here.holds(second.node) and not here.holds(first.node)
        assert list(Capture.objects.filter(here.own())) == [second]
    with being(tmp_path, "a"):
        assert list(Capture.objects.filter(here.own())) == [first]
    assert [n.name for n in Node.objects.all()] == ["a", "b"]
    assert OSSObject.objects.get(pk=second.pk).node == second.node == 2 and first.node is None


def test_pictures_of_before_are_those_of_the_folder_that_has_them(tmp_path):
    make_capture(make_device())
    with being(tmp_path, "empty"):
        assert here.number() == 2
    with being(tmp_path, "full") as data:
        (data / "pictures" / "porch" / "2026-11-30").mkdir(parents=True)
        assert here.number() == FIRST


def test_an_empty_folder_is_the_first_of_an_empty_hub(tmp_path):
    with being(tmp_path, "a"):
        assert here.number() == FIRST
    with being(tmp_path, "b"):
        assert here.number() == 2


def test_a_copy_of_a_folder_that_is_in_use_is_refused(tmp_path, monkeypatch):
    with being(tmp_path, "a"):
        here.join()
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    # The original lives: it says so while the copy looks.
    monkeypatch.setattr(here.time, "sleep", lambda _s: Node.objects.update(seen_at=Now()))
    with being(tmp_path, "copy"), pytest.raises(here.NodeRefused, match="is a copy of that of the machine a"):
        here.join()


def test_a_folder_that_was_moved_goes_on_as_the_same_node(tmp_path):
    with being(tmp_path, "a"):
        here.join()
    silence("a")
    shutil.copytree(tmp_path / "a", tmp_path / "moved")
    with being(tmp_path, "moved", "http://127.0.0.9:1"):
        assert here.join() == FIRST
    assert Node.objects.get().address == "http://127.0.0.9:1"


def test_the_original_whose_place_a_copy_took_stops_taking_pictures(tmp_path):
    with being(tmp_path, "a"):
        here.join()
        here.beat()
        assert here.why_not() == "" and here.own()
        Node.objects.update(place="another/copy")
        here.beat()
        assert "a copy of this data folder" in here.why_not()
        here._here.confirmed_until_s = 0
        with pytest.raises(here.NodeRefused, match="copy"):
            here.own()


def test_two_folders_of_one_name_are_refused(tmp_path):
    with being(tmp_path, "a"):
        here.join()
    (tmp_path / "other").mkdir()
    with being(tmp_path / "other", "a"), pytest.raises(here.NodeRefused, match="PHOTOHUB_NODE_NAME"):
        here.join()


def test_the_folder_of_a_node_that_was_declared_lost_is_refused(tmp_path):
    with being(tmp_path, "a"):
        here.join()
    Node.objects.update(state=NodeState.FORGOTTEN)
    with being(tmp_path, "a"), pytest.raises(here.NodeRefused, match="declared lost"):
        here.join()


def test_a_beat_says_where_the_node_is_and_learns_what_is_wanted_of_it(tmp_path):
    with being(tmp_path, "a"):
        here.join()
        silence("a")
        here.beat(free_bytes=7)
        row = Node.objects.get()
        assert row.free_bytes == 7 and abs(timezone.now() - row.seen_at) < timedelta(seconds=60)
        Node.objects.update(state=NodeState.EMPTY)
        here.beat()
        assert "emptied" in here.why_not() and not here.is_ready()
        Node.objects.update(state=NodeState.FORGOTTEN)
        here.beat()
        assert "declared lost" in here.why_not()


def test_a_start_without_its_address_is_refused_where_there_are_several(tmp_path):
    with being(tmp_path, "a"):
        here.join()
    here.check_alone()
    with being(tmp_path, "b"):
        here.join()
        here.check_alone()
    with pytest.raises(here.NodeRefused, match="PHOTOHUB_NODE_URL"):
        here.check_alone()


def test_beats_are_told_until_the_end(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(here, "tidy", lambda function, *arguments: told.append((function, *arguments)))
    with here.Beats(lambda: 5) as beats:
        assert not beats._thread.is_alive()
    with being(tmp_path, "a"), here.Beats(lambda: 5) as beats:
        pass
    assert not beats._thread.is_alive() and told == [(here.beat, 5)]


def test_the_file_is_named_for_what_it_is(tmp_path):
    with being(tmp_path, "a") as data:
        here.join()
        assert (data / identity.FILE).stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_refused_while_it_serves_takes_no_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(here, "tidy", lambda function, *arguments: function(*arguments))
    with being(tmp_path, "a"):
        here.join()
    Node.objects.update(state=NodeState.FORGOTTEN)
    with being(tmp_path, "a"):
        beats = here.Beats(lambda: 5)
        beats._stopping.set()
        beats._run()
        assert "declared lost" in here.why_not()


def test_a_folder_may_be_renamed_but_not_to_anothers_name(tmp_path):
    for name in ("a", "b"):
        with being(tmp_path, name):
            here.join()
    file = tmp_path / "b" / identity.FILE
    file.write_text(file.read_text().replace('"b"', '"cellar"'))
    with being(tmp_path, "b"):
        assert here.join() == 2 and Node.objects.get(pk=2).name == "cellar"
    file.write_text(file.read_text().replace('"cellar"', '"a"'))
    with being(tmp_path, "b"), pytest.raises(here.NodeRefused, match="is called a"):
        here.join()


def test_a_picture_for_a_folder_that_is_refused_is_to_be_sent_again(tmp_path):
    with being(tmp_path, "a"):
        here.join()
        device = make_device()
    Node.objects.update(state=NodeState.FORGOTTEN)
    with being(tmp_path, "a"), pytest.raises(Refused, match="declared lost") as caught:
        make_capture(device)
    assert caught.value.word == "busy" and not Capture.objects.exists()


def test_processes_of_a_moved_folder_that_start_together_do_not_refuse_each_other(tmp_path, monkeypatch):
    with being(tmp_path, "a"):
        here.join()
    shutil.copytree(tmp_path / "a", tmp_path / "moved")
    with being(tmp_path, "moved") as data:
        # While this one waits, the other has joined and says that it serves.
        place = identity.read_or_make(data).place
        monkeypatch.setattr(here.time, "sleep", lambda _s: Node.objects.update(seen_at=Now(), place=place))
        assert here.join() == FIRST
