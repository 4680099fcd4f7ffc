import pytest
from django.urls import reverse

from devices.commands import queue as commands
from devices.events import record as events
from devices.events.models import EventType
from devices.registry import presence
from tests.builders import make_capture, make_device, make_user

LOOKING = ["detail", "now", "pictures", "connect", "events"]


def url(page: str, code: str = "porch") -> str:
    return reverse(f"devices:{page}", args=[code])


@pytest.mark.parametrize("page", LOOKING)
def test_a_viewer_sees_the_tabs_for_looking(db, client, page):
    make_device("porch", name="Front porch")
    client.force_login(make_user("vera", "viewer"))
    answer = client.get(url(page))

    assert answer.status_code == 200
    assert url("settings") not in answer.content.decode()


@pytest.mark.parametrize("page", [*LOOKING, "settings", "keys"])
def test_a_stranger_finds_nothing(db, client, page):
    make_device("porch")
    client.force_login(make_user("mallory"))

    assert client.get(url(page)).status_code == 404


@pytest.mark.parametrize("page", LOOKING)
def test_looking_is_not_changing(db, client, page):
    make_device("porch")
    client.force_login(make_user("alice", "owner"))

    assert client.post(url(page)).status_code == 405


def test_the_overview_shows_picture_facts_and_shutter(db, client):
    porch = make_device("porch")
    make_capture(porch)
    presence.connected(porch)
    presence.heard(porch, address="192.168.1.40", telemetry={"battery_mv": 3900, "rssi_dbm": -60})
    client.force_login(make_user("bob", "operator"))
    page = client.get(url("detail")).content.decode()

    assert reverse("latest", args=["porch"]) in page and url("capture") in page
    assert all(words in page for words in ("192.168.1.40", "68%", "3900 mV", "-60 dBm"))


def test_a_viewer_has_no_shutter(db, client):
    make_device("porch")
    client.force_login(make_user("vera", "viewer"))

    assert url("capture") not in client.get(url("detail")).content.decode()


def test_the_overview_shows_what_became_of_the_command(db, client):
    porch = make_device("porch")
    commands.fail(commands.capture(porch), "camera_said", "The camera says: Out of buffer")
    client.force_login(make_user("bob", "operator"))

    assert "The camera says: Out of buffer" in client.get(url("now")).content.decode()


def test_the_pictures_are_fetched_by_their_url_or_reached_by_a_link(db, client):
    make_device("porch")
    client.force_login(make_user("vera", "viewer"))
    page = client.get(url("pictures")).content.decode()

    assert f'hx-get="{reverse("history")}?device=porch"' in page
    assert f'href="{reverse("history")}?device=porch"' in page


def test_the_connect_tab_never_holds_a_key(db, client):
    make_device("porch")
    client.force_login(make_user("alice", "owner"))
    page = client.get(url("connect")).content.decode()

    assert "&lt;your key&gt;" in page and "photohub/porch/command" in page


def test_events_are_paged_newest_first(db, client, monkeypatch):
    monkeypatch.setattr("devices.overview.views.EVENTS_ON_PAGE", 2)
    porch = make_device("porch")
    for number in range(3):
        events.record(EventType.NOTICE, device=porch, sentence=f"thing {number}")
    client.force_login(make_user("vera", "viewer"))
    page = client.get(url("events"))

    assert [e.sentence for e in page.context["told"]] == ["thing 2", "thing 1"]
    older = client.get(url("events"), {"before": page.context["more"]})
    assert [e.sentence for e in older.context["told"]] == ["thing 0"]


def test_the_overview_asks_a_bounded_number_of_queries(db, client, django_assert_max_num_queries):
    porch = make_device("porch")
    for number in range(20):
        events.record(EventType.NOTICE, device=porch, sentence=f"thing {number}")
    client.force_login(make_user("bob", "operator"))
    with django_assert_max_num_queries(14):
        client.get(url("detail"))
