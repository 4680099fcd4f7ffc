import pytest

from devices.panels.sources import fetching, sources
from media_pipeline import wiring
from media_pipeline.captures import for_panels as showing
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, make_jpeg, make_user

pytestmark = pytest.mark.django_db


def test_the_room_below_finds_the_history(monkeypatch):
    monkeypatch.setattr(sources, "_by_id", [])
    monkeypatch.setattr(sources, "_newest", [])
    monkeypatch.setattr(fetching, "_own_links", [])
    wiring.connect()
    capture = make_capture(make_device())
    assert sources.read_source(make_user("ann", "viewer"), str(capture.pk)).picture == make_jpeg(text="a")
    assert sources.read_newest(capture.device).reference == str(capture.pk)
    assert fetching._own_links == [showing.read_link]


def test_a_stranger_finds_nothing():
    capture = make_capture(make_device())
    assert showing.read_by_id(make_user("bob"), str(capture.pk)) is None
    assert showing.read_by_id(make_user("ann", "viewer"), "no id") is None


def test_the_newest_picture_is_the_one_received_last():
    yard = make_device()
    make_capture(yard, name="a")
    newest = make_capture(yard, name="b")
    assert showing.read_newest(yard).reference == str(newest.pk)
    assert showing.read_newest(make_device("empty")) is None


def test_a_link_is_read_until_it_is_withdrawn():
    capture = make_capture(make_device())
    assert showing.read_link(f"/p/{capture.code}") == make_jpeg(text="a")
    assert showing.read_link("/p/unknown1") is None and showing.read_link("/captures/x") is None
    type(capture).objects.update(link_revoked_at=capture.received_at)
    assert showing.read_link(f"/p/{capture.code}") is None


def test_a_picture_whose_file_is_missing_is_none():
    capture = make_capture(make_device())
    store.full_path(capture.path).unlink()
    assert showing.read_newest(capture.device) is None
