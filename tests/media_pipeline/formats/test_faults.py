"""What is seen to be wrong with a picture."""

import io
import random

import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from media_pipeline.formats import images


def paint(width: int = 640, height: int = 480) -> Image.Image:
    """Return a yard with a fence: an even sky, a wall in shade, and edges of all sizes."""
    chance, picture = random.Random(7), Image.new("RGB", (width, height), (150, 170, 190))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height // 2, width, height), fill=(70, 90, 60))
    for _ in range(400):
        x, y, size = chance.randrange(width), chance.randrange(height // 3, height), chance.randrange(3, 40)
        draw.rectangle((x, y, x + size, y + size), fill=tuple(chance.randrange(20, 235) for _ in range(3)))
    return picture


def jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def fault_of(data: bytes):
    return images.make_thumbnail(data, 640).fault


def word_of(data: bytes) -> str | None:
    fault = fault_of(data)
    return fault.word if fault else None


def brighter(factor: float) -> bytes:
    return jpeg(ImageEnhance.Brightness(paint()).enhance(factor))


def out_of_focus(radius_px: float) -> bytes:
    return jpeg(paint().filter(ImageFilter.GaussianBlur(radius_px)))


def lit_window() -> bytes:
    picture = Image.new("RGB", (640, 480), (6, 6, 9))
    ImageDraw.Draw(picture).rectangle((300, 200, 330, 240), fill=(250, 220, 150))
    return jpeg(picture)


def fog() -> bytes:
    return jpeg(
        Image.linear_gradient("L").resize((640, 480)).point(lambda level: 120 + level // 4).convert("RGB")
    )


def letters_on_white() -> bytes:
    picture = Image.new("RGB", (640, 480), "white")
    for line in range(10, 470, 14):
        ImageDraw.Draw(picture).text(
            (10, line), "what was read at the meter " * 4, fill="black", font_size=14
        )
    return jpeg(picture.crop((0, 0, 480, 470)))


SOUND = {
    "a yard": lambda: jpeg(paint()),
    "a small yard": lambda: jpeg(paint(160, 120)),
    "dusk": lambda: brighter(0.3),
    "glare": lambda: brighter(1.6),
    "slightly soft": lambda: out_of_focus(1.5),
    "a lit window at night": lit_window,
    "fog": fog,
    "a grey wall in the light of a window": lambda: jpeg(
        Image.linear_gradient("L").resize((640, 480)).convert("RGB")
    ),
    "a plain colour": lambda: jpeg(Image.new("RGB", (640, 480), "seagreen")),
    "a dot": lambda: jpeg(Image.new("RGB", (1, 1), "grey")),
}
FAULTY = {
    "black": ("black", lambda: brighter(0.05)),
    "blown out": ("blown_out", lambda: brighter(12)),
    "out of focus": ("blurred", lambda: out_of_focus(5)),
    "far out of focus": ("blurred", lambda: out_of_focus(16)),
}


@pytest.mark.parametrize("what", SOUND)
def test_a_sound_picture_has_no_fault(what):
    assert word_of(SOUND[what]()) is None


@pytest.mark.parametrize("what", FAULTY)
def test_a_picture_that_shows_nothing_has_a_fault(what):
    word, draw = FAULTY[what]
    assert word_of(draw()) == word


def test_a_file_that_ends_too_early_is_cut_short_and_says_by_how_much():
    data = jpeg(paint())
    fault = fault_of(data[: len(data) // 2])
    assert fault.word == "cut_short" and 30 <= fault.values["lost_percent"] <= 70


def test_a_cut_that_is_too_small_to_see_is_a_cut_all_the_same():
    fault = fault_of(jpeg(paint())[:-30])
    assert (fault.word, fault.values) == ("cut_short", {})


def test_bytes_lost_within_a_whole_file_leave_a_grey_band():
    data = jpeg(paint())
    lost = data[: len(data) // 2] + data[len(data) * 7 // 10 :]
    fault = fault_of(lost)
    assert fault.word == "grey_band" and fault.values["lost_percent"] >= 6
