"""The hub's time zone, as an owner chooses it."""

import pytest

from devices.hub_settings import choices
from photohub.accounts import first_owner
from photohub.lib.pages import timezones
from photohub.lib.pages.timezones import hub_timezone
from tests.builders import make_user

PASSWORD = "Correct-horse-9"


@pytest.fixture(autouse=True)
def _read_anew(db):
    timezones.forget()
    yield
    timezones.forget()


@pytest.fixture
def alice(client):
    client.force_login(make_user("alice", "owner"))
    return client


def set_up(client, **more):
    person = {"username": "alice", "password1": PASSWORD, "password2": PASSWORD}
    return client.post(f"/setup/{first_owner.link_token()}", person | more)


def test_the_setup_proposes_the_browsers_zone_and_keeps_what_was_chosen(client):
    client.cookies["photohub_tz"] = "Asia/Shanghai"
    page = client.get(f"/setup/{first_owner.link_token()}").content.decode()
    assert '<option value="Asia/Shanghai" selected>' in page
    assert set_up(client, zone="Europe/Berlin").status_code == 302
    assert str(hub_timezone()) == "Europe/Berlin"


def test_a_setup_without_a_zone_chooses_none(client):
    assert set_up(client).status_code == 302
    assert choices.chosen_timezone() == ""


def test_an_owner_changes_it_on_the_page_of_settings(alice):
    page = alice.post("/account/time-zone", {"zone": "Asia/Kolkata"}, follow=True).content.decode()
    assert "The hub’s time zone is" in page or "time zone is Asia/Kolkata" in page
    assert '<option value="Asia/Kolkata" selected>' in page
    assert str(hub_timezone()) == "Asia/Kolkata"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "x" * 300])
def test_what_is_no_zone_is_refused(alice, zone):
    alice.post("/account/time-zone", {"zone": zone})
    assert choices.chosen_timezone() == ""


def test_the_environment_wins_and_is_shown(alice, settings):
    settings.HUB_TIME_ZONE = "Europe/Berlin"
    page = alice.get("/settings").content.decode()
    assert "Europe/Berlin" in page and "PHOTOHUB_TIME_ZONE" in page and 'name="zone"' not in page
    alice.post("/account/time-zone", {"zone": "Asia/Shanghai"})
    assert choices.chosen_timezone() == ""


def test_nobody_else_sees_it(client):
    client.force_login(make_user("bob", "operator"))
    assert client.get("/settings").status_code == 403


def test_the_status_page_says_where_nobody_chose(alice):
    assert "UTC, because nobody has chosen one" in alice.get("/status").content.decode()
    choices.choose_timezone("Europe/Berlin")
    assert "Europe/Berlin" in alice.get("/status").content.decode()
