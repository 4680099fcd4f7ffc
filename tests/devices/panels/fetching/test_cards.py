import struct

import pytest

from devices.panels.fetching import cards as panel_cards
from devices.panels.rendering.profile_values import PROFILES
from devices.panels.rendering.profiles import settings_of
from devices.panels.sources import outbox
from tests.builders import make_device

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["as-is", "oled-128x64-bw", "tft-320x240-rgb565", "epaper-800x480-bwr"])
def test_every_kind_of_panel_gets_a_card_in_its_own_form(name):
    made = panel_cards.nothing_yet(make_device("hall", profile="panel"), settings_of(PROFILES[name]))
    profile = PROFILES[name]
    assert made.size_bytes and (
        profile.width is None or (made.width, made.height) == (profile.width, profile.height)
    )


def test_a_panel_without_a_profile_gets_one_too():
    assert panel_cards.nothing_yet(make_device("hall", profile="panel"), {}).content_type == "image/jpeg"


def test_a_card_stays_the_same_and_names_the_panel():
    hall, door = make_device("hall", profile="panel"), make_device("door")
    assert panel_cards.nothing_yet(hall, {}) == panel_cards.nothing_yet(hall, {})
    assert panel_cards.nothing_yet(hall, {}).sha256 != panel_cards.nothing_yet(door, {}).sha256


def test_the_card_of_the_set_up_is_the_bitmap_that_the_firmware_checks_for():
    # Read in the firmware's source: 48062 bytes, 800 × 480, 1 bit, 48000 bytes of pixels, two colours.
    data = outbox.read(panel_cards.welcome(make_device("hall", profile="panel")).sha256)
    width, height, _planes, bits, packing, pixels = struct.unpack_from("<iiHHII", data, 18)
    assert (len(data), data[:2], width, height, bits, packing, pixels) == (
        48062,
        b"BM",
        800,
        480,
        1,
        0,
        48000,
    )
    assert struct.unpack_from("<I", data, 46)[0] == 2 and data[54:62] == b"\0\0\0\0\xff\xff\xff\0"
