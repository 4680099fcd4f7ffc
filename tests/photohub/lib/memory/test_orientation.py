import io

import pytest
from PIL import Image, ImageOps

from photohub.lib.memory.orientation import ORIENTATION, make_upright, read_orientation


def picture(orientation: int) -> Image.Image:
    """Return an opened picture of four colours that says how it lies."""
    image = Image.new("RGB", (2, 2))
    image.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    return Image.open(file)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_pillow_turns_it(orientation):
    image = picture(orientation)
    assert read_orientation(image) == orientation
    assert (
        make_upright(image, orientation).tobytes() == ImageOps.exif_transpose(picture(orientation)).tobytes()
    )


@pytest.mark.parametrize("orientation", [0, 9])
def test_an_orientation_that_does_not_exist_leaves_the_picture_as_it_lies(orientation):
    image = picture(orientation)
    assert make_upright(image, read_orientation(image)) is image


def test_broken_exif_does_not_cost_the_picture():
    image = picture(6)
    image.info["exif"] = b"Exif\0\0 broken"
    image._exif = None
    assert read_orientation(image) == 1
