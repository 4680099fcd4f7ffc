import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

from devices.keys import identity
from devices.registry import presence
from devices.registry.models import Device
from tests.builders import make_capture, make_device, make_user

ADD = reverse("devices:add")


@pytest.fixture
def alice(db, client):
    client.force_login(make_user("alice", "owner"))


def added(client, profile: str = "generic", **values):
    return client.post(f"{ADD}?profile={profile}", {"name": "Porch", **values}, follow=True)


def test_an_operator_may_not_add(db, client):
    client.force_login(make_user("bob", "operator"))

    assert client.get(ADD).status_code == 403
    assert client.post(f"{ADD}?profile=generic", {"name": "Porch"}).status_code == 403


def test_the_first_step_shows_every_profile(alice, client):
    page = client.get(ADD).content.decode()

    assert page.count('class="profile"') == 6 and "?profile=k230" in page


def test_the_key_is_shown_once_and_works(alice, client):
    page = added(client)
    key = page.context["shown"].key

    assert page.redirect_chain == [("/devices/porch/added/", 302)]
    assert identity.find_device(key).code == "porch"
    assert key in page.content.decode() and "data:image/svg+xml" in page.content.decode()
    assert key not in client.get("/devices/porch/added/").content.decode()


def test_the_key_waits_encrypted_in_the_session(alice, client):
    client.post(f"{ADD}?profile=generic", {"name": "Porch"})
    kept = Session.objects.get().get_decoded()["device_secrets"]["porch"]["key"]
    key = client.get("/devices/porch/added/").context["shown"].key

    assert key and key not in kept


def test_the_programs_hold_the_new_key(alice, client):
    page = added(client)
    key = page.context["shown"].key

    assert all(key in snippet.code for snippet in page.context["snippets"])


def test_a_device_with_a_secret_shows_it_too(alice, client):
    page = added(client, "esp8266-stm32")

    assert page.context["shown"].device_secret == identity.device_secret(Device.objects.get())


def test_a_second_board_is_told_that_the_fixed_topics_are_taken(alice, client):
    make_device("barn", profile="esp32s3", name="Barn")

    assert "already belongs to Barn" in client.get(f"{ADD}?profile=esp32s3").content.decode()
    page = added(client, "esp32s3").content.decode()
    assert "belongs to Barn, so this device has topics of its own" in page
    assert "photohub/porch/command" in page


def test_mistakes_come_back_in_words(alice, client):
    make_device("porch")
    page = client.post(f"{ADD}?profile=generic", {"name": "", "code": "porch"}).content.decode()
    assert "This field is required" in page

    page = client.post(f"{ADD}?profile=generic", {"name": "Porch", "code": "porch"}).content.decode()
    assert "belongs to another device" in page


def test_an_unknown_profile_begins_again(alice, client):
    assert "?profile=generic" in client.get(f"{ADD}?profile=toaster").content.decode()


def test_a_code_is_proposed_while_the_name_is_typed(alice, client):
    assert client.get(reverse("devices:code_for"), {"name": "Old Barn"}).content == b"old-barn"


def test_the_line_follows_the_first_minutes(alice, client):
    porch, url = make_device("porch"), reverse("devices:first_light", args=["porch"])
    assert [a.state for a in client.get(url).context["arrivals"]] == ["now", "ahead"]

    presence.heard(porch, address="192.168.1.40")
    assert "Connected from 192.168.1.40" in client.get(url).content.decode()
    assert [a.state for a in client.get(url).context["arrivals"]] == ["done", "now"]

    make_capture(porch)
    assert "First picture received" in client.get(url).content.decode()


@pytest.mark.parametrize("page", ["devices:added", "devices:first_light"])
def test_readers_and_strangers_do_not_see_it(db, client, page):
    make_device("porch")
    for name, role, status in (("vera", "viewer", 403), ("mallory", "", 404)):
        client.force_login(make_user(name, role))
        assert client.get(reverse(page, args=["porch"])).status_code == status


def test_a_panel_that_asked_is_added_with_its_address(alice, client):
    form = client.get(ADD, {"profile": "panel", "address": "94:A9:90:8C:6D:19"}).content.decode()
    assert 'value="94:A9:90:8C:6D:19"' in form
    added(client, "panel", hardware_address="94:a9:90:8c:6d:19")

    device = Device.objects.get()
    assert device.panel.hardware_address == "94:A9:90:8C:6D:19" and device.picture_topic == ""


def test_an_address_that_another_panel_has_makes_no_device(alice, client):
    added(client, "panel", hardware_address="94:A9:90:8C:6D:19")
    page = added(client, "panel", name="Desk", hardware_address="94:A9:90:8C:6D:19")

    assert "This address belongs to porch." in page.content.decode() and Device.objects.count() == 1


def test_only_panels_are_asked_for_an_address(alice, client):
    assert "hardware_address" not in client.get(ADD, {"profile": "generic"}).content.decode()
    added(client, "generic", hardware_address="nonsense")

    assert Device.objects.get().profile == "generic"
