import json

import pytest

from devices.panels.playlists import turns as playlists
from tests.builders import make_capture, make_device, make_jpeg, make_program, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/devices/hall/playlist"


@pytest.fixture
def hall():
    return make_device("hall", profile="panel")


@pytest.fixture
def program():
    return make_program(make_user("olga", "operator"))


def put(program, *items: dict):
    return program.put(URL, json.dumps({"items": items}), content_type="application/json")


def test_cameras_pictures_and_kept_items_make_a_playlist(hall, program):
    capture = make_capture(make_device("yard"))
    kept = playlists.add_picture(hall, make_jpeg(), "map")
    answer = put(
        program, {"camera": "yard", "caption": "Now"}, {"id": str(kept.pk)}, {"capture": str(capture.pk)}
    )
    items = answer.json()["items"]
    assert [i["camera"] for i in items] == ["yard", None, None] and items[0]["caption"] == "Now"
    assert items[1]["id"] == str(kept.pk) and items[2]["label"] == str(capture.pk)
    assert program.get(URL).json() == answer.json() and answer.json()["position"] == 0


def test_an_empty_list_ends_it(hall, program):
    playlists.add_picture(hall, make_jpeg(), "map")
    assert put(program).json()["items"] == []


@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({}, 422),
        ({"camera": "yard", "capture": "x"}, 422),
        ({"camera": "nowhere"}, 404),
        ({"capture": "0199f2c4-6a10-7b52-9c3e-5d8f0a1b2c3d"}, 404),
        ({"id": "0199f2c4-6a10-7b52-9c3e-5d8f0a1b2c3d"}, 404),
        ({"camera": "hall"}, 422),
    ],
)
def test_what_cannot_be_shown_is_refused_and_nothing_changes(hall, program, item, status):
    make_device("yard")
    playlists.add_picture(hall, make_jpeg(), "map")
    assert put(program, item).status_code == status
    assert [i["label"] for i in program.get(URL).json()["items"]] == ["map"]


def test_an_item_stands_in_it_once(hall, program):
    item = {"id": str(playlists.add_picture(hall, make_jpeg(), "map").pk)}
    assert put(program, item, item).status_code == 422


def test_a_viewer_looks_and_a_stranger_does_not(hall):
    assert put(make_program(make_user("vera", "viewer"))).status_code == 403
    assert make_program(make_user("sam")).get(URL).status_code == 404
