import re
from dataclasses import replace

import pytest

from devices.panels.rendering.profile_values import PROFILES, Fault, Profile, check

INDEXED = Profile(800, 480, colours="palette:bw", format="raw1")


def test_an_untouched_profile_is_whole():
    assert check(Profile()) == []


@pytest.mark.parametrize("name", PROFILES)
def test_ready_made_profiles_are_whole_and_their_names_are_slugs(name):
    assert check(PROFILES[name]) == []
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)


@pytest.mark.parametrize("name", [n for n in PROFILES if re.search(r"\d+x\d+", n)])
def test_a_name_says_the_size(name):
    profile = PROFILES[name]
    assert re.search(rf"(^|-){profile.width}x{profile.height}(-|$)", name)


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("width", 0, "out_of_range"),
        ("height", 4097, "out_of_range"),
        ("width", "800", "out_of_range"),
        ("height", True, "out_of_range"),
        ("rotate", 45, "unknown"),
        ("mounting", "90", "unknown"),
        ("fit", "stretch", "unknown"),
        ("background", "whitish", "not_a_colour"),
        ("background", 7, "not_a_colour"),
        ("colours", "sepia", "unknown"),
        ("colours", ["red"], "unknown"),
        ("colours", "palette:nothing", "bad_palette"),
        ("dither", "noise", "unknown"),
        ("format", "tiff", "unknown"),
        ("quality", 0, "out_of_range"),
        ("target_bytes", 5, "out_of_range"),
        ("byte_order", "middle", "unknown"),
        ("bit_order", "big", "unknown"),
        ("inverted", 1, "unknown"),
        ("caption_at", "left", "unknown"),
        ("stamp_at", None, "unknown"),
        ("text_px", 5, "out_of_range"),
    ],
)
def test_a_wrong_value_is_named(field, value, word):
    assert check(replace(Profile(), **{field: value})) == [Fault(field, word)]


@pytest.mark.parametrize(
    ("profile", "fault"),
    [
        (Profile(format="raw4"), Fault("colours", "needs_palette")),
        (Profile(format="planes", colours="grey"), Fault("colours", "needs_palette")),
        (replace(INDEXED, format="jpeg"), Fault("format", "needs_lossless")),
        (replace(INDEXED, colours="palette:bwr"), Fault("format", "too_many_codes")),
        (replace(INDEXED, colours="palette:spectra6", format="raw2"), Fault("format", "too_many_codes")),
        (Profile(width=800, fit="pad"), Fault("fit", "needs_size")),
        (Profile(4096, 4096), Fault("width", "too_large")),
        (replace(INDEXED, target_bytes=9000), Fault("target_bytes", "only_for_jpeg")),
        (Profile(format="original", rotate=90), Fault("rotate", "unchanged")),
    ],
)
def test_values_that_are_wrong_with_each_other_are_named(profile, fault):
    assert check(profile) == [fault]


def test_all_faults_are_told_at_once():
    faults = check(Profile(width=-1, colours="sepia", dither="noise"))
    assert [fault.field for fault in faults] == ["width", "dither", "colours"]
