import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery
from devices.panels.rendering import profiles as render_profiles
from tests.builders import make_capture, make_device, make_jpeg, make_program, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/devices/hall/deliveries"


@pytest.fixture
def hall():
    return make_device("hall", profile="panel")


@pytest.fixture
def program():
    return make_program(make_user("olga", "operator"))


def as_json(program, body, url: str = URL):
    return program.post(url, json.dumps(body), content_type="application/json")


def picture(data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("garden.jpg", make_jpeg() if data is None else data, "image/jpeg")


def test_a_file_is_queued_and_the_answer_tells_how_it_stands(hall, program):
    answer = program.post(URL, {"file": picture(), "render": "none", "caption": "Garden"})
    shown = answer.json()
    assert answer.status_code == 202 and (shown["device"], shown["state"]) == ("hall", "queued")
    assert (shown["origin"], shown["origin_ref"], shown["caption"]) == ("upload", "garden.jpg", "Garden")
    assert program.get(f"/api/v1/deliveries/{shown['id']}").json() == shown


def test_a_capture_is_queued_by_its_id(hall, program):
    capture = make_capture(make_device("yard"))
    answer = as_json(program, {"capture": str(capture.pk)})
    assert answer.status_code == 202 and answer.json()["origin_ref"] == str(capture.pk)


def test_an_address_is_queued_and_one_inside_the_house_refused(hall, program):
    assert as_json(program, {"url": "https://example.org/a.jpg"}).status_code == 202
    refused = as_json(program, {"url": "http://127.0.0.1:6379/"})
    assert (refused.status_code, refused.json()["err"]) == (400, "url_not_allowed")


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 422, "invalid"),
        ({"capture": "x", "url": "https://example.org/a.jpg"}, 422, "invalid"),
        ({"capture": "0199f2c4-6a10-7b52-9c3e-5d8f0a1b2c3d"}, 404, "not_found"),
        ({"capture": 3}, 422, "invalid"),
        ({"sparkle": "x"}, 422, "invalid"),
        ({"url": "https://example.org/a.jpg", "render": "nope"}, 422, "unknown_render"),
    ],
)
def test_what_cannot_be_queued_is_refused_with_its_word(hall, program, body, status, word):
    refused = as_json(program, body)
    assert (refused.status_code, refused.json()["err"]) == (status, word) and not Delivery.objects.exists()


def test_a_body_that_is_no_json_is_refused(hall, program):
    refused = program.post(URL, "{", content_type="application/json")
    assert (refused.status_code, refused.json()["err"]) == (400, "bad_json")


def test_an_empty_file_and_a_camera_are_refused(hall, program):
    make_device("yard")
    assert program.post(URL, {"file": picture(b"")}).json()["err"] == "empty_body"
    refused = program.post("/api/v1/devices/yard/deliveries", {"file": picture()})
    assert (refused.status_code, refused.json()["err"]) == (409, "cannot_deliver")


def test_a_file_that_is_too_large_is_refused(hall, program, settings):
    settings.UPLOAD_MAX_BYTES = 10
    assert program.post(URL, {"file": picture()}).status_code == 413


def test_who_may_only_look_may_not_send_and_a_stranger_finds_nothing(hall, program):
    viewer, stranger = make_program(make_user("vera", "viewer")), make_program(make_user("sven"))
    delivery = program.post(URL, {"file": picture()}).json()
    assert viewer.post(URL, {"file": picture()}).status_code == 403
    assert viewer.get(f"/api/v1/deliveries/{delivery['id']}").status_code == 200
    assert viewer.post(f"/api/v1/deliveries/{delivery['id']}/cancel").status_code == 403
    assert stranger.get(f"/api/v1/deliveries/{delivery['id']}").status_code == 404


def test_a_delivery_is_cancelled_once_and_can_be_sent_again(hall, program):
    delivery = program.post(URL, {"file": picture(), "render": "none"}).json()
    url = f"/api/v1/deliveries/{delivery['id']}"
    assert program.post(f"{url}/cancel").json()["state"] == "cancelled"
    assert program.post(f"{url}/cancel").status_code == 409
    again = program.post(f"{url}/again")
    assert again.status_code == 202 and again.json()["id"] != delivery["id"]


def test_deliveries_and_profiles_are_listed(hall, program):
    render_profiles.offer_ready_made()
    for n in range(3):
        program.post(URL, {"file": picture(make_jpeg(text=str(n)))})
    first = program.get(f"{URL}?limit=2").json()
    rest = program.get(f"{URL}?limit=2&cursor={first['next']}").json()
    assert len(first["items"]) == 2 and len(rest["items"]) == 1 and rest["next"] is None
    assert "as-is" in {p["name"] for p in program.get("/api/v1/render-profiles").json()}


def test_a_full_queue_says_so(hall, program, monkeypatch):
    monkeypatch.setattr(deliveries, "OPEN_AT_MOST", 0)
    refused = program.post(URL, {"file": picture()})
    assert (refused.status_code, refused.json()["err"]) == (429, "busy")
