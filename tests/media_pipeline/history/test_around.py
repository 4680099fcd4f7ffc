"""The neighbours of a picture, as the lightbox asks for them."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.access.groups import DeviceGroup
from media_pipeline.captures.models import Capture
from media_pipeline.history import around
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


def make_captures(count: int, device=None) -> list[Capture]:
    """Return pictures of a camera, newest first."""
    device = device or make_device("porch", name="Porch")
    return [
        make_capture(device, name=f"p{n}", received_at=NOON - n * timedelta(minutes=1)) for n in range(count)
    ]


def ask(client, at, **query) -> dict:
    return client.get("/captures/around", {"at": getattr(at, "pk", at)} | query).json()


def ids(answer: dict) -> list[str]:
    return [item["id"] for item in answer["items"]]


@pytest.fixture
def alice(client):
    client.force_login(make_user("alice", "owner"))
    return client


@pytest.fixture
def two_each_side(monkeypatch):
    monkeypatch.setattr(around, "EACH_SIDE", 2)


def test_both_sides_come_in_the_order_of_the_list_with_the_place_in_it(alice, two_each_side):
    made = make_captures(7)
    answer = ask(alice, made[3])
    assert ids(answer) == [str(c.pk) for c in made[1:6]]
    assert (answer["more_newer"], answer["more_older"]) == (True, True)
    assert (answer["position"], answer["count"]) == (4, 7)


def test_from_one_end_to_the_other_nothing_is_missed(alice, two_each_side):
    made, seen = make_captures(7), []
    answer = ask(alice, "newest")
    while True:
        seen += ids(answer)
        if not answer["more_older"]:
            break
        answer = ask(alice, seen[-1], side="older")
    assert seen == [str(c.pk) for c in made]
    assert ids(ask(alice, "oldest"))[-1] == seen[-1]
    assert ids(ask(alice, seen[2], side="newer")) == seen[:2]


def test_pictures_of_the_same_instant_are_neighbours_too(alice):
    device = make_device("porch")
    made = [make_capture(device, name=f"p{n}", received_at=NOON) for n in range(4)]
    wanted = sorted((str(c.pk) for c in made), reverse=True)
    assert ids(ask(alice, wanted[1])) == wanted


def test_the_filters_of_the_list_hold(alice):
    porch, barn = make_captures(2), make_captures(2, make_device("barn"))
    assert ids(ask(alice, porch[0], device="porch")) == [str(c.pk) for c in porch]
    assert len(ids(ask(alice, barn[0]))) == 4
    assert alice.get("/captures/around", {"at": porch[0].pk, "asked": "perhaps"}).status_code == 422


def test_what_costs_too_much_to_count_is_not_counted(alice, monkeypatch):
    made = make_captures(3)
    assert ask(alice, made[0], q="p")["count"] is None
    monkeypatch.setattr(around, "COUNT_AT_MOST", 2)
    assert (ask(alice, made[0])["position"], ask(alice, made[0])["count"]) == (None, None)


def test_an_item_says_what_the_lightbox_shows(alice):
    (capture,) = make_captures(1)
    Capture.objects.update(kept=True, fault="black")
    (item,) = ask(alice, capture)["items"]
    assert (item["camera"], item["kept"], item["may_change"]) == ("Porch", True, True)
    assert item["file"] == f"/captures/{capture.pk}/original" and "2025" in item["time"]
    assert "all black" in item["marks"]


def test_everybody_sees_his_own_and_a_viewer_changes_nothing(client):
    garden = DeviceGroup.objects.create(name="Garden")
    own = make_captures(1, make_device("hen", group=garden))
    foreign = make_captures(1)
    client.force_login(make_user("vera", "viewer", garden))
    (item,) = ask(client, own[0])["items"]
    assert item["id"] == str(own[0].pk) and item["may_change"] is False
    assert client.get("/captures/around", {"at": foreign[0].pk}).status_code == 404
    assert client.get("/captures/around", {"at": "nonsense"}).status_code == 404
    assert client.get("/captures/around", {"at": own[0].pk, "side": "up"}).status_code == 404


def test_a_list_without_pictures_has_no_end(alice):
    assert ask(alice, "newest") | {"may_show": None} == {
        "items": [],
        "at": None,
        "more_newer": False,
        "more_older": False,
        "position": None,
        "count": None,
        "may_show": None,
    }


def test_the_number_of_queries_does_not_grow_with_the_pictures(alice, django_assert_max_num_queries):
    made = make_captures(12)
    with django_assert_max_num_queries(13):
        assert len(ids(ask(alice, made[6]))) == 12
