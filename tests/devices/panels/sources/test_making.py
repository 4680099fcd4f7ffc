import pytest

from devices.panels.rendering.drawing import NotImage
from devices.panels.sources import making, outbox
from tests.builders import make_jpeg

# A stamp asks for the zone of the hub.
pytestmark = pytest.mark.django_db

SMALL = {"format": "bmp", "width": 40, "height": 30, "fit": "crop", "colours": "palette:bw"}


def test_a_picture_is_made_and_kept_under_its_hash():
    made = making.make(make_jpeg(), SMALL)
    assert (made.width, made.height, made.content_type, made.extension) == (40, 30, "image/bmp", "bmp")
    assert len(outbox.read(made.sha256)) == made.size_bytes


def test_the_same_again_is_remembered_and_other_texts_are_not_the_same(monkeypatch):
    calls, draw = [], making.drawing.render
    monkeypatch.setattr(making.drawing, "render", lambda *a, **k: calls.append(k) or draw(*a, **k))
    first = making.make_once(make_jpeg(), SMALL, "Porch")
    assert making.make_once(make_jpeg(), SMALL, "Porch") == first and len(calls) == 1
    making.make_once(make_jpeg(), SMALL, "Garden")
    assert len(calls) == 2


def test_what_was_tidied_away_is_made_again():
    first = making.make_once(make_jpeg(), SMALL)
    outbox.blobs.remove(outbox.settings.OUTBOX_DIR, first.sha256)
    assert making.make_once(make_jpeg(), SMALL) == first and outbox.read(first.sha256)


def test_what_is_no_picture_is_refused():
    with pytest.raises(NotImage):
        making.make_once(b"no picture", SMALL)
