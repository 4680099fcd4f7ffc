import pytest
from django.urls import reverse

from devices.panels.fetching import choosing, trmnl
from devices.panels.rendering import profiles as render_profiles
from devices.panels.rendering.models import RenderProfile
from devices.registry import presence
from devices.registry.models import Device, Panel
from devices.setup.arrivals import arrivals_of
from tests.builders import make_user

ADD = reverse("devices:add") + "?profile=panel"
ADDRESS = "94:A9:90:8C:6D:19"


@pytest.fixture
def alice(db, client):
    render_profiles.offer_ready_made()
    client.force_login(make_user("alice", "owner"))


def added(client, **values):
    return client.post(ADD, {"name": "Hall", **values}, follow=True)


def test_a_panel_that_sets_itself_up_needs_nothing_copied(alice, client):
    page = added(client, way="itself", hardware_address=ADDRESS)
    hall = Device.objects.get()
    text = page.content.decode()

    assert not hall.keys.exists() and page.context["sets_itself_up"] and page.context["shown"] is None
    assert "fetches its key by itself" in text and "camera.py" not in text and "Upload address" not in text


def test_its_first_minutes_end_with_its_first_picture(alice, client):
    added(client, way="itself", hardware_address=ADDRESS)
    hall = Device.objects.get()
    assert [a.state for a in arrivals_of(hall)] == ["now", "ahead"]

    trmnl.claim(ADDRESS)
    assert arrivals_of(hall)[0].words == "The panel has fetched its key"

    trmnl.display(choosing.panel_of(hall))
    last = arrivals_of(hall)[1]
    assert (last.state, last.words) == ("done", "It has fetched its first picture") and last.at


def test_a_panel_that_fetches_gets_a_key_and_no_topics(alice, client):
    page = added(client, way="fetch")
    hall = Device.objects.get()

    assert page.context["shown"].key and hall.picture_topic == "" and hall.reporting_interval_s == 900
    assert "/panel/next" in page.content.decode()


def test_a_panel_on_mqtt_shows_its_first_picture_when_one_was_sent(alice, client):
    added(client, way="push")
    hall = Device.objects.get()
    presence.heard(hall, address="192.168.1.7")
    hall.refresh_from_db()
    assert [a.state for a in arrivals_of(hall)] == ["done", "now"]

    Panel.objects.filter(device=hall).update(shown_sha256="a" * 64, shown_at="2026-11-30T10:00Z")
    assert arrivals_of(hall)[1].words == "It shows its first picture"


def test_the_screen_is_chosen_by_its_name(alice, client):
    screen = RenderProfile.objects.get(name="epaper-800x480-bwr")
    form = client.get(ADD).content.decode()
    assert "7.5 inch e-paper, black, white, red" in form

    added(client, way="fetch", render_profile=screen.pk)
    assert Panel.objects.get().render_profile == screen


def test_the_address_is_asked_for_where_it_is_needed(alice, client):
    page = added(client, way="itself")

    assert "so write it here" in page.content.decode() and not Device.objects.exists()


def test_a_panel_with_a_chinese_name_is_no_camera(alice, client):
    added(client, way="fetch", name="门厅")

    assert Device.objects.get().code == "panel-1"
    proposed = client.get(reverse("devices:code_for"), {"name": "门厅", "profile": "panel"})
    assert proposed.content == b"panel-2"
