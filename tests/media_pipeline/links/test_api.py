"""Sharing, as programs do it."""

import pytest

from media_pipeline.links.models import ShareLink
from tests.builders import make_capture, make_device, make_program, make_user

pytestmark = pytest.mark.django_db
SHARES = "/api/v1/shares"
JSON = "application/json"


def bob():
    return make_program(make_user("bob", "operator"))


def test_pictures_a_span_and_a_live_view_are_shared_listed_and_withdrawn():
    capture, client = make_capture(make_device("porch")), bob()
    wishes = [
        {"captures": [str(capture.pk)], "password": "heron"},
        {"device": "porch", "since": "2026-11-29T00:00:00Z", "before": "2026-11-30T00:00:00Z", "hours": 0},
        {"device": "porch"},
    ]
    made = [client.post(SHARES, wish, JSON).json() for wish in wishes]
    assert [m["kind"] for m in made] == ["picture", "day", "live"]
    assert [m["has_password"] for m in made] == [True, False, False]
    assert made[1]["expires_at"] is None and made[2]["expires_at"] and made[0]["created_by"] == "bob"
    assert [m["code"] for m in client.get(SHARES).json()["items"]] == [m["code"] for m in reversed(made)]
    assert client.delete(f"{SHARES}/{made[0]['code']}").status_code == 204
    assert ShareLink.objects.get(code=made[0]["code"]).revoked_at is not None


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({}, 422),
        ({"captures": ["x"]}, 404),
        ({"captures": ["0199f2c4-6a10-7b52-9c3e-5d8f0a1b2c3d"]}, 404),
        ({"device": "nosuch"}, 404),
        ({"device": "porch", "since": "2026-11-29T00:00:00Z"}, 422),
        ({"device": "porch", "hours": -1}, 422),
    ],
)
def test_what_cannot_be_shared(wish, status):
    make_device("porch")
    assert bob().post(SHARES, wish, JSON).status_code == status


def test_a_viewer_shares_nothing_and_sees_nobodys_links():
    capture, client = make_capture(make_device("porch")), bob()
    code = client.post(SHARES, {"device": "porch"}, JSON).json()["code"]
    vera = make_program(make_user("vera", "viewer"))
    wishes = [{"device": "porch"}, {"captures": [str(capture.pk)]}]
    assert [vera.post(SHARES, wish, JSON).status_code for wish in wishes] == [403, 403]
    assert vera.get(SHARES).json()["items"] == []
    assert vera.delete(f"{SHARES}/{code}").status_code == 403


def test_a_program_that_may_only_read_withdraws_nothing_of_its_person():
    make_device("porch")
    person = make_user("bob", "operator")
    code = make_program(person).post(SHARES, {"device": "porch"}, JSON).json()["code"]
    assert make_program(person, "read").delete(f"{SHARES}/{code}").status_code == 403
    assert ShareLink.objects.get().revoked_at is None
    assert make_program(person, "read", "command").delete(f"{SHARES}/{code}").status_code == 204
