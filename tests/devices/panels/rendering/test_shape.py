import pytest

from devices.panels.rendering.profile_values import PROFILES, Profile
from devices.panels.rendering.shape import BOX_H, BOX_W, shape_of


@pytest.mark.parametrize("slug", PROFILES)
def test_every_screen_lies_within_the_box(slug):
    body = shape_of(PROFILES[slug]).body

    assert 0 <= body["x"] <= body["x"] + body["width"] <= BOX_W
    assert 0 <= body["y"] <= body["y"] + body["height"] <= BOX_H


def test_a_drawing_has_the_screens_proportions_as_it_hangs():
    wide, high = shape_of(Profile(800, 480)), shape_of(Profile(800, 480, mounting=90))

    assert wide.width / wide.height == pytest.approx(800 / 480, rel=0.05)
    assert high.height / high.width == pytest.approx(800 / 480, rel=0.05)


@pytest.mark.parametrize(
    ("colours", "drawn"),
    [
        ("palette:bw", ("#ffffff", "#000000", "#000000", "#000000")),
        ("palette:bwr", ("#ffffff", "#ff0000", "#000000", "#000000")),
        ("palette:grey4", ("#ffffff", "#aaaaaa", "#555555", "#000000")),
        ("palette:bwry", ("#ffffff", "#ffff00", "#ff0000", "#000000")),
    ],
)
def test_only_colours_of_the_screen_are_used(colours, drawn):
    shape = shape_of(Profile(800, 480, colours=colours, format="png"))

    assert (shape.sky, shape.sun, shape.hill, shape.ground) == drawn
