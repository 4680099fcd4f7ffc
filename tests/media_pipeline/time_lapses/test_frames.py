import io

import pytest
from PIL import Image

from media_pipeline.time_lapses import frames
from media_pipeline.time_lapses.frames import FrameDamaged
from tests.builders import make_jpeg


def frame(data: bytes, size: tuple[int, int], stamp: str = "") -> Image.Image:
    return Image.frombytes("RGB", size, frames.draw_frame(data, size, stamp))


def near(pixel, wanted) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(pixel, wanted, strict=True))


def turned(width: int, height: int, orientation: int) -> bytes:
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.new("RGB", (width, height), "red").save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.mark.parametrize(
    ("picture", "width_px", "film"),
    [((640, 480), 1280, (640, 480)), ((640, 480), 320, (320, 240)), ((101, 75), 1280, (100, 74))],
)
def test_a_film_is_shaped_like_its_pictures_with_even_sides(picture, width_px, film):
    assert frames.size_of_film(make_jpeg(*picture), width_px) == film


def test_a_picture_that_lies_is_stood_up():
    assert frames.size_of_film(turned(640, 480, 6), 1280) == (480, 640)
    assert near(frame(turned(64, 48, 6), (48, 64)).getpixel((1, 1)), (255, 0, 0))


def test_a_picture_of_another_shape_stands_in_the_middle_on_black():
    shown = frame(make_jpeg(48, 48, "white", quality=95), (96, 48))
    assert near(shown.getpixel((10, 24)), (0, 0, 0)) and near(shown.getpixel((48, 24)), (255, 255, 255))


def test_a_small_picture_is_made_larger():
    assert near(frame(make_jpeg(16, 12, "white"), (160, 120)).getpixel((1, 1)), (255, 255, 255))


def test_the_time_stands_in_the_lower_left_corner():
    plain, stamped = (frame(make_jpeg(320, 240, "white"), (320, 240), text) for text in ("", "2025-06-30"))
    box = Image.eval(stamped, lambda v: 255 - v).getbbox()
    assert Image.eval(plain, lambda v: 255 - v).point(lambda v: v > 9 and 255).getbbox() is None
    assert box[0] < 10 and box[1] > 200 and box[2] < 160


@pytest.mark.parametrize("damaged", [b"", b"no picture", make_jpeg(640, 480, text="a")[:900]])
def test_damaged_pictures_are_named(damaged):
    with pytest.raises(FrameDamaged):
        frames.draw_frame(damaged, (64, 48))
