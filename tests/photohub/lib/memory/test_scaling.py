import pytest
from PIL import Image, ImageChops

from photohub.lib.memory import scaling as picture_scaling


def to_rgba(image: Image.Image) -> Image.Image:
    return image.convert("RGBA")


def draw(mode: str, size: tuple[int, int]) -> Image.Image:
    picture = Image.linear_gradient("L").resize(size)
    if mode == "I;16":
        return picture.convert("I").point(lambda level: level * 257).convert("I;16")
    return picture.convert(mode)


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "1"])
@pytest.mark.parametrize("size", [(100, 90), (101, 97), (64, 300), (7, 5)])
def test_in_strips_it_comes_to_the_same_as_at_once(mode, size):
    picture = draw(mode, size)
    strips = picture_scaling.reduce(picture, 3, to_rgba)
    whole = to_rgba(picture).reduce(3)
    assert strips.size == whole.size and strips.mode == "RGBA"
    assert ImageChops.difference(strips, whole).getbbox() is None


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_what_can_be_averaged_is_left_to_the_last_step(mode):
    picture = draw(mode, (100, 100))
    assert picture_scaling.reduce(picture, 3, lambda image: image) is picture


def test_what_need_not_be_smaller_is_converted_whole():
    assert picture_scaling.reduce(draw("P", (10, 10)), 1, to_rgba).size == (10, 10)


def test_a_colour_that_stands_for_transparent_stays_so():
    picture = Image.new("RGB", (30, 30), "red")
    picture.info["transparency"] = (255, 0, 0)
    assert picture_scaling.reduce(picture, 3, to_rgba).getpixel((0, 0))[3] == 0
