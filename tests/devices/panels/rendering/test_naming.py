import pytest

from devices.panels.rendering import naming
from devices.panels.rendering.models import RenderProfile
from devices.panels.rendering.profile_values import PROFILES, Profile
from devices.panels.rendering.profiles import profile_of


@pytest.mark.parametrize("slug", PROFILES)
def test_every_ready_made_profile_has_a_name_for_people(slug):
    row = RenderProfile(name=slug, ready_made=True)

    assert str(row) != slug and "%" not in str(row)


def test_a_name_says_size_kind_and_colours():
    assert naming.name_ready_made("epaper-800x480-bwr") == "7.5 inch e-paper, black, white, red"
    assert naming.name_ready_made("tft-128x160-rgb565") == "1.8 inch colour display"


def test_the_screens_colours_are_those_of_their_profiles():
    assert all(PROFILES[slug].colours == screen.colours for slug, screen in naming.SCREENS.items())


def test_an_own_profile_keeps_the_name_that_its_owner_gave():
    assert str(RenderProfile(name="oled-128x64-bw", label="")) == "oled-128x64-bw"
    assert str(RenderProfile(name="hall", label="Hall")) == "Hall"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "the original file"),
        ({"format": "planes", "width": 8, "height": 4, "colours": "palette:bwr"},
         "8 × 4 · raw, one plane a colour · black, white, red"),
        ({"format": "jpeg"}, "JPEG"),
        ({"format": "raw1", "colours": "palette:#000000,#ffffff"}, "raw, 1 bit a pixel · 2 colours of its own"),
    ],
)  # fmt: skip
def test_what_comes_out_is_said_in_words(settings, words):
    assert naming.describe(profile_of(settings)) == words


def test_a_size_of_one_side_is_not_said():
    assert naming.describe(Profile(width=8, format="png")) == "PNG"
