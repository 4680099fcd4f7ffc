from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.test import Client

from devices.access.groups import DeviceGroup
from media_pipeline.time_lapses import making
from media_pipeline.time_lapses.models import TimeLapse
from tests.builders import make_capture, make_device, make_program, make_user

pytestmark = pytest.mark.django_db

FILMS = "/api/v1/timelapses"
JSON = "application/json"
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


def operator() -> Client:
    return make_program(make_user("olga", "operator"))


def ask(client: Client, **values):
    return client.post(FILMS, {"device": "porch"} | values, JSON)


def test_a_film_is_asked_for_followed_and_fetched():
    client, _capture = operator(), make_capture(make_device("porch"))
    answer = ask(client, fps=5, stamped=True, skip_like=True)
    film = answer.json()
    assert (answer.status_code, film["state"], film["frames_total"]) == (202, "queued", 1)
    assert film["file_url"] is None and film["from"] is None and film["to"].endswith("Z")
    making.make_all([film["id"]])
    film = client.get(f"{FILMS}/{film['id']}").json()
    assert (film["state"], film["frames_done"], film["device"]) == ("ready", 1, "porch")
    assert client.get(film["file_url"].partition("8000")[2])["Content-Length"] == str(film["size_bytes"])


def test_a_day_is_one_of_the_named_zone():
    device = make_device("porch")
    make_capture(device, received_at=NOON)
    film = ask(operator(), **{"from": "2025-06-30", "to": "2025-06-30", "zone": "Asia/Shanghai"}).json()
    assert (film["from"], film["to"]) == ("2025-06-29T16:00:00Z", "2025-06-30T16:00:00Z")


def test_chosen_pictures():
    capture = make_capture(make_device("porch"))
    assert ask(operator(), captures=[str(capture.pk)]).json()["captures"] == [str(capture.pk)]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"fps": 0}, "fps"),
        ({"width": 99_999}, "width"),
        ({"step": 0}, "step"),
        ({"zone": "Mars/North"}, "zone"),
        ({"from": "2001-01-01", "to": "2001-01-02"}, "from"),
        ({"from": "2025-01-02", "to": "2001-01-02"}, "to"),
        ({"captures": [str(uuid4())]}, "from"),
    ],
)
def test_a_wrong_value_is_named(values, field):
    make_capture(make_device("porch"))
    answer = ask(operator(), **values)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])
    assert not TimeLapse.objects.exists()


def test_a_time_that_cannot_be_read_is_refused_in_words():
    make_device("porch")
    answer = ask(operator(), **{"from": "yesterday"})
    assert (answer.status_code, answer.json()["err"]) == (422, "invalid") and "2025-06-30" in answer.json()[
        "des"
    ]


def test_viewers_read_and_strangers_find_nothing():
    make_capture(make_device("porch"))
    film = ask(operator()).json()
    viewer = make_program(make_user("vera", "viewer"))
    assert viewer.get(f"{FILMS}/{film['id']}").status_code == 200
    assert [ask(viewer).status_code, viewer.delete(f"{FILMS}/{film['id']}").status_code] == [403, 403]
    stranger = make_program(make_user("sam", "operator", DeviceGroup.objects.create(name="Elsewhere")))
    assert stranger.get(f"{FILMS}/{film['id']}").status_code == 404
    assert (stranger.get(FILMS).json()["items"], ask(stranger).status_code) == ([], 404)


def test_the_list_is_cut_into_pages_and_deleting_takes_one_out():
    client, _capture = operator(), make_capture(make_device("porch"))
    ids = [ask(client).json()["id"] for _n in range(3)]
    first = client.get(f"{FILMS}?limit=2&device=porch").json()
    rest = client.get(f"{FILMS}?limit=2&device=porch&cursor={first['next']}").json()
    assert [film["id"] for film in first["items"] + rest["items"]] == ids[::-1]
    assert client.delete(f"{FILMS}/{ids[0]}").status_code == 204
    assert client.get(f"{FILMS}/{ids[0]}").status_code == 404
