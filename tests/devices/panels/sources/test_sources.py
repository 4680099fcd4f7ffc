import pytest

from devices.panels.sources import sources
from devices.panels.sources.sources import Found, UnknownSource, on_read, read_newest, read_source
from tests.builders import make_device


@pytest.fixture(autouse=True)
def _own_lists(monkeypatch):
    monkeypatch.setattr(sources, "_by_id", [])
    monkeypatch.setattr(sources, "_newest", [])


def test_without_an_upper_room_there_are_no_pictures(db):
    with pytest.raises(UnknownSource):
        read_source(None, "x")
    assert read_newest(make_device()) is None


def test_the_upper_room_is_asked_once_however_often_it_offers(db):
    asked = []
    by_id = lambda user, reference: asked.append(reference) or Found(b"p", reference)  # noqa: E731
    newest = lambda camera: Found(b"n", camera.code)  # noqa: E731
    on_read(by_id, newest)
    on_read(by_id, newest)
    assert read_source(None, "x").picture == b"p" and asked == ["x"]
    assert read_newest(make_device("yard")).reference == "yard"
