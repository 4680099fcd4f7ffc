"""Reading a picture's bytes."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db.models.functions import Now

from devices.events.models import Trouble
from media_pipeline.captures import reading
from media_pipeline.captures.models import Capture
from media_pipeline.captures.reading import PictureAway, PictureMissing, read_picture, read_thumbnail
from media_pipeline.mirror.models import OSSObject
from media_pipeline.nodes import asking, here, known
from media_pipeline.nodes.models import Node, NodeState
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, make_jpeg
from tests.nodes import being

pytestmark = pytest.mark.django_db


def lose_file(settings, tmp_path, copy: bytes | None):
    """Return a mirrored capture whose file is gone here; the mirror holds `copy`."""
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path / "mirror")
    capture = make_capture(make_device("porch"), make_jpeg(text="x"))
    OSSObject.objects.filter(pk=capture.pk).update(state="mirrored")
    target = tmp_path / "mirror" / capture.path
    target.parent.mkdir(parents=True)
    if copy is not None:
        target.write_bytes(copy)
    store.full_path(capture.path).unlink()
    return capture


def test_a_lost_file_is_read_from_the_mirror(settings, tmp_path):
    assert read_picture(lose_file(settings, tmp_path, make_jpeg(text="x"))) == make_jpeg(text="x")


@pytest.mark.parametrize(("copy", "word"), [(None, "picture_unreadable"), (b"other bytes", "copy_differs")])
def test_a_mirror_without_these_bytes_does_not_help_and_the_device_tells_it(settings, tmp_path, copy, word):
    with pytest.raises(PictureMissing):
        read_picture(lose_file(settings, tmp_path, copy))
    assert Trouble.objects.get().word == word


def test_a_picture_that_was_never_mirrored_is_missing():
    capture = make_capture(make_device("porch"))
    store.full_path(capture.path).unlink()
    with pytest.raises(PictureMissing):
        read_picture(capture)


def test_a_thumbnail_is_made_on_the_spot():
    capture = make_capture(make_device("porch"))
    assert not store.thumbnail_path(capture.pk).exists()
    assert read_thumbnail(capture)[8:12] == b"WEBP"
    assert store.thumbnail_path(capture.pk).exists()


# --- a hub of several machines ---


@pytest.fixture
def elsewhere(tmp_path, settings, monkeypatch):
    """A picture on another machine, and what that one answers: bytes, or what is raised. The test goes on as the first one."""
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path / "mirror")
    (tmp_path / "mirror").mkdir()
    reading.forget_previews()
    with being(tmp_path, "a"):
        here.join()
    with being(tmp_path, "b"):
        capture = make_capture(make_device("porch"), make_jpeg(text="x"))
    answers = {"original": make_jpeg(text="x"), "preview": b"a preview"}
    asked = []

    def fetch(node, kind, id, at_most):
        asked.append((node.name, kind, id, at_most))
        if isinstance(answers[kind], Exception):
            raise answers[kind]
        return answers[kind]

    monkeypatch.setattr(asking, "fetch", fetch)
    with being(tmp_path, "a"):
        yield SimpleNamespace(capture=capture, answers=answers, asked=asked, mirror=tmp_path / "mirror")
    reading.forget_previews()


def mirror_it(elsewhere) -> None:
    OSSObject.objects.filter(pk=elsewhere.capture.pk).update(state="mirrored")
    target = elsewhere.mirror / elsewhere.capture.path
    target.parent.mkdir(parents=True)
    target.write_bytes(make_jpeg(text="x"))


def test_a_picture_that_is_not_mirrored_comes_from_the_machine_that_has_it(elsewhere):
    assert read_picture(elsewhere.capture) == make_jpeg(text="x")
    assert elsewhere.asked == [("b", "original", elsewhere.capture.pk, elsewhere.capture.size_bytes)]
    assert reading.why_away(elsewhere.capture) is None and reading.is_at_hand(elsewhere.capture)


def test_a_mirrored_one_comes_from_the_mirror_and_no_machine_is_asked(elsewhere):
    mirror_it(elsewhere)
    assert read_picture(elsewhere.capture) == make_jpeg(text="x") and elsewhere.asked == []


def test_a_mirrored_one_comes_from_its_machine_while_the_mirror_is_away(elsewhere, settings):
    OSSObject.objects.update(state="mirrored")
    assert read_picture(elsewhere.capture) == make_jpeg(text="x") and len(elsewhere.asked) == 1


def test_while_its_machine_is_away_it_is_away_and_not_missing(elsewhere):
    elsewhere.answers["original"] = asking.NodeAway("no answer")
    with pytest.raises(PictureAway) as caught:
        read_picture(elsewhere.capture)
    assert str(caught.value.said) == "The file is on the machine b, which cannot be reached just now."
    Node.objects.filter(name="b").update(seen_at=Now() - timedelta(hours=1))
    known.forget()
    with pytest.raises(PictureAway, match="silent since") as caught:
        read_picture(elsewhere.capture)
    assert str(reading.why_away(elsewhere.capture)) == str(caught.value.said)
    assert not reading.is_at_hand(elsewhere.capture) and not Trouble.objects.exists()


def test_one_whose_machine_has_not_joined_is_away(elsewhere):
    Capture.objects.update(node=7)
    elsewhere.capture.node = 7
    with pytest.raises(PictureAway, match="has not joined"):
        read_picture(elsewhere.capture)


@pytest.mark.parametrize("answer", [asking.NotThere(), b"other bytes"])
def test_one_that_its_machine_does_not_have_is_missing(elsewhere, answer):
    elsewhere.answers["original"] = answer
    with pytest.raises(PictureMissing) as caught:
        read_picture(elsewhere.capture)
    assert not isinstance(caught.value, PictureAway)


def test_one_of_a_machine_that_was_declared_lost_is_missing(elsewhere):
    Node.objects.filter(name="b").update(state=NodeState.FORGOTTEN)
    known.forget()
    with pytest.raises(PictureMissing) as caught:
        read_picture(elsewhere.capture)
    assert not isinstance(caught.value, PictureAway) and elsewhere.asked == []
    assert reading.why_away(elsewhere.capture) is None


def test_a_preview_comes_from_its_machine_once(elsewhere):
    assert [read_thumbnail(elsewhere.capture) for _turn in range(3)] == [b"a preview"] * 3
    assert [kind for _node, kind, *_more in elsewhere.asked] == ["preview"]
    assert not store.thumbnail_path(elsewhere.capture.pk).exists()


def test_a_preview_is_made_of_the_mirrors_copy_while_its_machine_is_away(elsewhere):
    elsewhere.answers["preview"] = asking.NodeAway("no answer")
    assert read_thumbnail(elsewhere.capture) is None
    mirror_it(elsewhere)
    assert read_thumbnail(elsewhere.capture)[8:12] == b"WEBP"


def test_previews_from_elsewhere_have_a_bound():
    previews = reading._Previews(10)
    for key in "abc":
        previews.keep(key, b"1234")
    assert (previews.get("a"), previews.get("b"), previews.get("c")) == (None, b"1234", b"1234")
