import pytest

from devices.keys import identity
from devices.panels.deliveries import preparing
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import PictureOrigin
from devices.panels.deliveries.queue import Wish
from devices.panels.fetching import choosing, trmnl
from devices.panels.fetching import links as panel_links
from devices.panels.fetching.settings import change_panel
from devices.panels.playlists import turns as playlists
from devices.panels.rendering import profiles as render_profiles
from devices.registry.models import Device, Panel
from tests.builders import make_device, make_jpeg

pytestmark = pytest.mark.django_db
ADDRESS = "94:A9:90:8C:6D:18"


@pytest.fixture
def desk():
    render_profiles.offer_ready_made()
    desk = make_device("desk", profile="panel")
    change_panel(desk, {"hardware_address": ADDRESS})
    return desk


def show(desk) -> dict:
    return trmnl.display(choosing.panel_of(desk))


def fetch(answer: dict) -> None:
    link = panel_links.read_link(answer["image_url"].rpartition("/")[2].partition(".")[0])
    deliveries.note_fetched(Device.objects.get(pk=link.device_id), link.sha256)


def send(desk, text: str = "a"):
    delivery = deliveries.deliver(desk, Wish(PictureOrigin.UPLOAD, text, make_jpeg(text=text)))
    assert preparing.prepare_one(delivery.pk)
    delivery.refresh_from_db()
    return delivery


def state(delivery) -> str:
    delivery.refresh_from_db()
    return delivery.state


def test_an_expected_panel_gets_a_key_once(desk):
    claimed = trmnl.claim("94a9908c6d18")
    assert identity.find_device(claimed.key) == desk and trmnl.claim(ADDRESS) is None
    assert Panel.objects.get().render_profile.name == "epaper-800x480-bw"


def test_a_panel_that_was_reset_gets_one_again_when_the_owner_allows_it(desk):
    trmnl.claim(ADDRESS)
    assert trmnl.allow_again(desk) and not trmnl.allow_again(desk)
    assert trmnl.claim(ADDRESS) is not None


@pytest.mark.parametrize("address", ["", "x", "94:A9:90:8C:6D:19"])
def test_a_panel_that_nobody_expects_gets_none(desk, address):
    assert trmnl.claim(address) is None
    assert trmnl.unknown_answer(address)["status"] == 404


def test_a_device_that_is_switched_off_gets_none(desk):
    Device.objects.update(enabled=False)
    assert trmnl.claim(ADDRESS) is None


def test_the_owners_own_profile_is_kept(desk):
    change_panel(desk, {"render_profile": "epaper-800x480-bw-png"})
    trmnl.claim(ADDRESS)
    assert Panel.objects.get().render_profile.name == "epaper-800x480-bw-png"


def test_a_set_up_panel_is_told_all_that_the_firmware_reads(desk):
    answer = trmnl.setup_answer(trmnl.claim(ADDRESS))
    assert (answer["status"], answer["friendly_id"]) == (200, "desk") and len(answer["api_key"]) == 43
    assert answer["image_url"].endswith(".bmp") and len(answer["filename"]) <= 31


def test_what_to_show_has_the_types_that_the_firmware_reads(desk):
    answer = show(desk)
    assert (answer["status"], answer["refresh_rate"], answer["reset_firmware"]) == (0, 900, False)
    assert answer["update_firmware"] is False and answer["special_function"] == "none"


def test_a_picture_is_delivered_when_it_was_fetched_and_the_panel_came_back(desk):
    trmnl.claim(ADDRESS)
    delivery = send(desk)
    answer = show(desk)
    assert state(delivery) == "queued"
    fetch(answer)
    assert state(delivery) == "queued"
    show(desk)
    assert state(delivery) == "delivered" and Panel.objects.get().shown_sha256 == delivery.sha256


def test_a_picture_that_was_not_fetched_is_named_again(desk):
    delivery = send(desk)
    first = show(desk)
    assert show(desk)["filename"] == first["filename"] and state(delivery) == "queued"


def test_the_same_bytes_sent_again_have_a_name_that_has_to_be_fetched(desk):
    send(desk)
    first = show(desk)
    fetch(first), show(desk)
    send(desk)
    assert show(desk)["filename"] != first["filename"]


def test_a_playlist_goes_on_with_each_wake_up_and_names_stay(desk):
    for text in ("a", "b"):
        playlists.add_picture(desk, make_jpeg(text=text), text)
    names = [show(desk)["filename"] for _ in range(4)]
    assert names[0] == names[2] != names[1] == names[3] and max(map(len, names)) <= 31


def test_a_refusal_makes_no_panel_forget_its_wifi():
    assert trmnl.refusal("No.")["status"] == 202 and trmnl.refusal("No.")["reset_firmware"] is False
