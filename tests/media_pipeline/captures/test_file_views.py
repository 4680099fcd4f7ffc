"""The pictures' bytes, for people with the right to see them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.keys.tokens import new_token
from media_pipeline.captures.models import Capture
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, make_jpeg, make_user

pytestmark = pytest.mark.django_db


def make_one() -> Capture:
    return make_capture(make_device("porch"), make_jpeg(text="x"))


def test_the_original_comes_as_it_was_sent_and_can_do_nothing(client):
    capture = make_one()
    client.force_login(make_user("vera", "viewer"))
    answer = client.get(f"/captures/{capture.pk}/original")
    assert answer.content == make_jpeg(text="x")
    assert answer["Content-Type"] == "image/jpeg" and answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer["Content-Disposition"] == f'inline; filename="{capture.code}.jpg"'
    assert answer["Content-Length"] == str(capture.size_bytes)


def test_a_browser_that_has_it_gets_304(client):
    capture = make_one()
    client.force_login(make_user("alice", "owner"))
    for what in ("original", "thumb"):
        tag = client.get(f"/captures/{capture.pk}/{what}")["ETag"]
        again = client.get(f"/captures/{capture.pk}/{what}", headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)


def test_strangers_find_no_file(client):
    capture = make_one()
    client.force_login(make_user("mallory"))
    for path in (
        f"/captures/{capture.pk}/original",
        f"/captures/{capture.pk}/thumb",
        "/devices/porch/latest.jpg",
    ):
        assert client.get(path).status_code == 404
        assert client.post(path).status_code == 405


def test_a_viewer_of_another_group_finds_no_file(client):
    capture = make_one()
    client.force_login(make_user("vera", "viewer", DeviceGroup.objects.create(name="Garden")))
    assert client.get(f"/captures/{capture.pk}/original").status_code == 404


def test_a_program_comes_with_its_token(client):
    capture, vera = make_one(), make_user("vera", "viewer")
    _token, secret = new_token(vera, "wall")
    path = f"/captures/{capture.pk}/original"
    assert client.get(path, headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    assert client.get(path, headers={"Authorization": "Bearer nonsense"}).status_code == 401
    assert client.get(path).status_code == 302


def test_the_thumbnail_is_made_when_it_is_missing(client):
    capture = make_one()
    client.force_login(make_user("alice", "owner"))
    answer = client.get(f"/captures/{capture.pk}/thumb")
    assert answer["Content-Type"] == "image/webp" and answer.content[8:12] == b"WEBP"


def test_where_no_thumbnail_can_be_made_the_original_stands_in(client):
    capture = make_one()
    Capture.objects.update(thumbnail_state="failed")
    client.force_login(make_user("alice", "owner"))
    answer = client.get(f"/captures/{capture.pk}/thumb")
    assert answer.content == make_jpeg(text="x")
    assert "immutable" not in answer["Cache-Control"]


def test_a_lost_file_is_404_with_a_drawing_in_place_of_the_thumbnail(client):
    capture = make_one()
    store.full_path(capture.path).unlink()
    client.force_login(make_user("alice", "owner"))
    drawing = client.get(f"/captures/{capture.pk}/thumb")
    assert (drawing.status_code, drawing["Content-Type"], drawing["Cache-Control"]) == (
        404,
        "image/svg+xml",
        "no-store",
    )
    assert client.get(f"/captures/{capture.pk}/original").status_code == 404


def test_latest_is_the_newest_and_never_cached(client):
    capture = make_one()
    make_capture(capture.device, name="old", received_at=timezone.now() - timedelta(days=1))
    client.force_login(make_user("alice", "owner"))
    answer = client.get("/devices/porch/latest.jpg")
    assert answer.content == make_jpeg(text="x")
    assert answer["Cache-Control"] == "no-store" and "ETag" not in answer


def test_there_is_no_latest_of_a_camera_without_pictures(client):
    make_device("porch")
    client.force_login(make_user("alice", "owner"))
    assert client.get("/devices/porch/latest.jpg").status_code == 404
