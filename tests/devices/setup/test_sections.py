import pytest

from devices.panels.fetching.settings import change_panel
from devices.setup.sections import sections_of, uses_of
from tests.builders import make_device

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("profile", "parts"),
    [
        ("esp32s3", {"commands"}),
        ("k230", {"commands", "streams"}),
        ("raspberry-pi", {"streams"}),
        ("panel", {"panel"}),
        ("generic", {"commands", "fetched"}),
    ],
)
def test_a_profile_shows_what_it_uses(profile, parts):
    sections = sections_of(make_device("porch", profile=profile))

    assert {name for name in ("commands", "streams", "fetched", "panel") if getattr(sections, name)} == parts


def test_what_is_not_used_is_folded():
    sections = sections_of(make_device("pi", profile="raspberry-pi"))

    assert sections.folds("command_timeout_s") and sections.folds("ack_base")
    assert not sections.folds("keep") and not sections.folds("name")


def test_a_camera_that_is_fetched_from_shows_it():
    porch = make_device("porch", profile="esp32s3", pull_url="http://user:word@192.168.1.40/shot.jpg")
    sections = sections_of(porch)

    assert sections.fetched and sections.streams
    assert any("192.168.1.40" in words for words in uses_of(porch)) and "word" not in " ".join(uses_of(porch))


def test_how_a_camera_is_connected_in_words():
    porch = make_device("porch", profile="esp32s3", allowed_network="192.168.1.0/24")

    assert uses_of(porch) == [
        "It listens for commands on /light/deviceIn.",
        "It publishes the picture's link itself, on /light/deviceOut.",
        "It uploads pictures over HTTP with its key.",
        "It may upload without a key, under the name of an open command.",
        "It may upload without a key from 192.168.1.0/24.",
    ]


def test_how_a_panel_is_connected_in_words():
    hall = make_device("hall", profile="panel")
    assert uses_of(hall) == ["It gets pictures over MQTT on mqttTestPub and answers on mqttTestSub."]

    change_panel(hall, {"hardware_address": "94:A9:90:8C:6D:19"})
    hall.refresh_from_db()
    assert uses_of(hall) == ["It fetches its pictures over HTTP and sleeps in between."]
