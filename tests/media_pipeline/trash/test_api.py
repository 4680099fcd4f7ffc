"""Deleting and restoring, as programs do it."""

import pytest

from media_pipeline.captures.models import Capture
from media_pipeline.trash import emptying
from tests.builders import make_capture, make_device, make_program, make_user

pytestmark = pytest.mark.django_db
CAPTURES = "/api/v1/captures"


def test_a_deleted_picture_is_in_the_trash_and_comes_back():
    capture, client = make_capture(make_device("porch")), make_program(make_user("bob", "operator"))
    assert client.delete(f"{CAPTURES}/{capture.pk}").status_code == 204
    (found,) = client.get("/api/v1/trash").json()["items"]
    assert (found["id"], found["trashed_by"]) == (str(capture.pk), "bob") and found["trashed_at"]
    assert client.get(f"{CAPTURES}/{capture.pk}").status_code == 404
    assert client.delete(f"{CAPTURES}/{capture.pk}").status_code == 404
    assert client.post(f"{CAPTURES}/{capture.pk}/restore").json()["id"] == str(capture.pk)
    assert client.get("/api/v1/trash").json() == {"items": [], "next": None}


def test_only_owners_delete_for_good_in_the_trash_or_not():
    device = make_device("porch")
    first, second = make_capture(device, name="1"), make_capture(device, name="2")
    bob, alice = make_program(make_user("bob", "operator")), make_program(make_user("alice", "owner"))
    bob.delete(f"{CAPTURES}/{first.pk}")
    paths = [f"{CAPTURES}/{c.pk}?permanent=true" for c in (first, second)]
    assert [bob.delete(path).status_code for path in paths] == [403, 403]
    assert [alice.delete(path).status_code for path in paths] == [204, 204]
    assert not Capture.everything.exists()


def test_without_a_trash_operators_delete_nothing(settings):
    settings.TRASH_DAYS = 0
    capture = make_capture(make_device("porch"))
    assert make_program(make_user("bob", "operator")).delete(f"{CAPTURES}/{capture.pk}").status_code == 403
    assert make_program(make_user("alice", "owner")).delete(f"{CAPTURES}/{capture.pk}").status_code == 204
    assert not Capture.everything.exists()


def test_the_trash_is_emptied_by_owners():
    capture = make_capture(make_device("porch"))
    bob, alice = make_program(make_user("bob", "operator")), make_program(make_user("alice", "owner"))
    bob.delete(f"{CAPTURES}/{capture.pk}")
    assert bob.delete("/api/v1/trash").status_code == 403
    answer = alice.delete("/api/v1/trash")
    assert (answer.status_code, answer.json()) == (202, {"count": 1})
    emptying.empty(emptying.due())
    assert not Capture.everything.exists()


def test_a_viewer_sees_no_trash():
    assert make_program(make_user("vera", "viewer")).get("/api/v1/trash").status_code == 403
