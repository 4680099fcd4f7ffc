import pytest
from django.urls import reverse
from django.utils import timezone

from devices.events import troubles
from devices.registry.models import Device, Panel
from tests.builders import make_capture, make_device, make_user
from tests.devices.setup.test_forms import settings_data

SETTINGS = reverse("devices:settings", args=["porch"])
DELETE = reverse("devices:delete", args=["porch"])


@pytest.fixture
def porch(db, client):
    client.force_login(make_user("alice", "owner"))
    return make_device("porch", name="Porch")


def test_settings_are_stored(porch, client):
    page = client.post(SETTINGS, settings_data(porch, name="Front"), follow=True)

    assert page.redirect_chain == [(SETTINGS, 302)] and "Settings saved." in page.content.decode()
    assert Device.objects.get().name == "Front"


def test_refused_settings_keep_what_was_typed(porch, client):
    page = client.post(SETTINGS, settings_data(porch, name="Front", allowed_network="home"))

    assert page.status_code == 422
    assert 'value="home"' in page.content.decode() and "Enter a network like" in page.content.decode()


def test_a_public_network_is_stored_with_a_warning(porch, client):
    page = client.post(SETTINGS, settings_data(porch, allowed_network="8.8.8.0/24"), follow=True)

    assert "public internet" in page.content.decode()


@pytest.mark.parametrize("url", [SETTINGS, DELETE, reverse("devices:trust_certificate", args=["porch"])])
@pytest.mark.parametrize(
    ("name", "role", "status"), [("bob", "operator", 403), ("vera", "viewer", 403), ("mallory", "", 404)]
)
def test_only_owners_change(db, client, url, name, role, status):
    make_device("porch")
    client.force_login(make_user(name, role))

    assert client.post(url, {"code": "porch"}).status_code == status
    assert Device.objects.exists()


def test_the_page_says_how_many_pictures_go(porch, client):
    make_capture(porch, name="a")
    make_capture(porch, name="b")

    assert "its 2 pictures are deleted" in client.get(SETTINGS).content.decode()


def test_a_device_is_removed_once_its_code_was_typed(porch, client):
    make_capture(porch)
    page = client.post(DELETE, {"code": "porch"}, follow=True)

    assert page.redirect_chain == [(reverse("devices:list"), 302)]
    assert not Device.objects.exists()


def test_a_wrong_code_removes_nothing(porch, client):
    page = client.post(DELETE, {"code": "barn"})

    assert "Nothing was removed" in page.content.decode()
    assert Device.objects.exists()


def test_removing_by_a_link_is_impossible(porch, client):
    assert client.get(DELETE).status_code == 405


def test_what_only_panels_have_is_stored_with_the_rest(porch, client):
    hall = make_device("hall", profile="panel")
    url = reverse("devices:settings", args=["hall"])
    client.post(url, settings_data(hall, name="Hall", window="8", poll_interval_s="60"))

    assert Panel.objects.get(device=hall).window == 8 and Device.objects.get(code="hall").name == "Hall"


def test_a_mistake_in_either_part_stores_neither(porch, client):
    hall = make_device("hall", profile="panel")
    url = reverse("devices:settings", args=["hall"])
    page = client.post(url, settings_data(hall, name="New", hardware_address="abc"))

    assert page.status_code == 422 and "12 hexadecimal digits" in page.content.decode()
    assert Device.objects.get(code="hall").name == "hall" and not Panel.objects.filter(window=8).exists()


def test_a_person_asks_once_more_what_runs_on_it(porch, client):
    page = reverse("devices:firmware", args=["porch"])
    assert "Ask what it is running" not in client.get(page).content.decode()
    Device.objects.update(config_wanted=False)
    assert "Ask what it is running" in client.get(page).content.decode()
    client.post(reverse("devices:ask_config", args=["porch"]))
    assert Device.objects.get().config_wanted


AGAIN = reverse("devices:allow_again", args=["porch"])


def set_up(device: Device) -> Device:
    Panel.objects.create(device=device, hardware_address="94:A9:90:8C:6D:19", claimed_at=timezone.now())
    return device


def test_a_panel_that_was_reset_may_set_itself_up_again(porch, client):
    assert AGAIN not in client.get(SETTINGS).content.decode()
    set_up(porch)
    assert AGAIN in client.get(SETTINGS).content.decode()
    page = client.post(AGAIN, follow=True)

    assert "it will be given a new key" in page.content.decode() and AGAIN not in page.content.decode()
    assert Panel.objects.get().claimed_at is None


def test_where_nothing_was_set_up_there_is_nothing_to_allow(porch, client):
    assert "nothing to allow" in client.post(AGAIN, follow=True).content.decode()


def test_only_an_owner_lets_a_panel_set_itself_up_again(porch, client):
    set_up(porch)
    client.force_login(make_user("bob", "operator"))

    assert client.post(AGAIN).status_code == 403 and Panel.objects.get().claimed_at


TRUST = reverse("devices:trust_certificate", args=["porch"])
SHOWN, OTHER = "ab" * 32, "cd" * 32


def test_the_owner_sees_an_unknown_certificate_and_trusts_it(porch, client):
    troubles.note(porch, "fetch_certificate_unknown", host="cam", why="self-signed", fingerprint=SHOWN)
    assert f'value="{SHOWN}"' in client.get(SETTINGS).content.decode()
    client.post(TRUST, {"fingerprint": SHOWN})
    assert Device.objects.get().pull_fingerprint == SHOWN
    troubles.over(porch, "fetch_certificate_unknown")
    troubles.note(porch, "fetch_certificate_changed", host="cam", fingerprint=OTHER)
    page = client.get(SETTINGS).content.decode()
    assert (
        "a different certificate than the trusted one" in page
        and f'value="{OTHER}"' in page
        and SHOWN in page
    )


def test_a_certificate_is_forgotten_and_nonsense_refused(porch, client):
    Device.objects.update(pull_fingerprint=SHOWN)
    assert "64 hexadecimal digits" in client.post(TRUST, {"fingerprint": "x"}, follow=True).content.decode()
    assert Device.objects.get().pull_fingerprint == SHOWN
    client.post(TRUST, {})
    assert Device.objects.get().pull_fingerprint == ""


def test_the_login_of_a_camera_is_not_on_the_page_and_stays_when_the_page_is_stored(porch, client):
    url = "http://root:geheim@cam/x?pwd=heimlich&ch=1"
    Device.objects.update(pull_url=url)
    page = client.get(SETTINGS).content.decode()
    assert (
        "http://root:***@cam/x?pwd=***&amp;ch=1" in page and "geheim" not in page and "heimlich" not in page
    )
    porch.refresh_from_db()
    data = settings_data(porch, name="Front") | {"pull_url": "http://root:***@cam/x?pwd=***&ch=2"}
    assert client.post(SETTINGS, data).status_code == 302
    assert Device.objects.get().pull_url == url.replace("ch=1", "ch=2")
