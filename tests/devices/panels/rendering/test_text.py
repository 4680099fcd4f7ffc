from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont

from devices.panels.rendering.text import FontFile, Paint, make_readable, write_band

PAINT = Paint(0, 255, smooth=False)
SMOOTH = Paint(0, 255, smooth=True)
LONG = "Anna stood at the gate and waited for Bob, who had forgotten the key again. " * 4


def band_on(
    size: tuple[int, int], left: str = "", right: str = "", edge: str = "bottom", **values
) -> Image.Image:
    """Return a grey picture with a band."""
    image = Image.new("L", size, 100)
    given_values = {"paint": PAINT, "text_px": None, "font": None} | values
    write_band(image, edge, left, right, **given_values)
    return image


def height_of_band(image: Image.Image) -> int:
    column = list(image.crop((0, 0, 1, image.height)).get_flattened_data())
    return column.count(0)


def latin_font(tmp_path: Path) -> FontFile:
    """Return Pillow's own font as a file."""
    own = ImageFont.load_default(20).font_bytes
    path = tmp_path / "own.ttf"
    path.write_bytes(own)
    return FontFile(str(path))


def test_a_caption_stands_at_the_left_and_a_time_at_the_right():
    image = band_on((320, 240), "Porch", "15:09")
    band = image.crop((0, 240 - height_of_band(image), 320, 240)).point([0] * 101 + [255] * 155)
    box = band.getbbox()
    assert box[0] < 10 and box[2] > 310
    assert band.crop((100, 0, 220, band.height)).getbbox() is None


def test_the_band_is_at_the_edge_that_was_asked_for():
    top, bottom = (band_on((320, 240), "Porch", edge=edge) for edge in ("top", "bottom"))
    assert top.getpixel((0, 0)) == 0 and top.getpixel((0, 239)) == 100
    assert bottom.getpixel((0, 0)) == 100 and bottom.getpixel((0, 239)) == 0


def test_without_texts_nothing_is_drawn():
    assert band_on((320, 240)).getextrema() == (100, 100)


def test_letters_without_soft_rims_have_two_values_only():
    hard, soft = (band_on((320, 240), "Porch", paint=paint) for paint in (PAINT, SMOOTH))
    assert {value for _, value in hard.getcolors()} == {0, 100, 255}
    assert len(soft.getcolors()) > 10


def test_a_long_caption_takes_two_lines_and_not_more():
    one, two = (height_of_band(band_on((320, 240), text)) for text in ("Porch", LONG))
    assert one < two < 2 * one
    assert two == height_of_band(band_on((320, 240), LONG * 4))


def test_the_last_line_ends_before_the_time_begins():
    image = band_on((320, 240), LONG, "15:09")
    band = image.crop((0, 240 - height_of_band(image), 320, 240))
    rows = band.crop((0, band.height // 2, 320, band.height)).point([0] * 101 + [255] * 155)
    times = 320 - 2 - round(ImageFont.load_default(11).getlength("15:09"))
    assert rows.crop((times - 6, 0, times - 2, rows.height)).getbbox() is None


def test_a_time_that_is_too_long_is_cut_at_its_end():
    image = band_on((320, 240), right="8" * 200)
    band = image.crop((0, 240 - height_of_band(image), 320, 240))
    assert band.crop((0, 0, 3, band.height)).getextrema() == (0, 0) and band.getextrema() == (0, 255)


@pytest.mark.parametrize("size", [(1, 1), (8, 64), (64, 8), (20, 20)])
def test_a_picture_that_is_too_small_stays_as_it_is(size):
    assert band_on(size, "Porch", "15:09").getextrema() == (100, 100)


@given(st.integers(1, 300), st.integers(1, 300), st.text(max_size=60), st.text(max_size=30))
def test_a_band_leaves_half_of_any_picture_free(width, height, left, right):
    image = band_on((width, height), make_readable(left)[0], make_readable(right)[0])
    assert image.crop((0, 0, width, height // 2)).getextrema() == (100, 100) or height < 2


def test_a_large_size_is_kept_within_the_picture():
    assert height_of_band(band_on((320, 240), LONG, "15:09", text_px=90)) <= 120
    assert height_of_band(band_on((320, 240), LONG, text_px=200)) == 0


@pytest.mark.parametrize(
    ("text", "shown", "undrawn"),
    [
        ("Porch  \n 3", "Porch 3", ""),
        ("Café zum Löwen", "Cafe zum Lowen", ""),
        ("前门 3", "? 3", "前门"),
        ("ｆｉｖｅ №1", "five No1", ""),
        ("a\u202eb\u0000c\u200d", "abc", ""),
        ("", "", ""),
    ],
)
def test_what_pillow_s_font_lacks_is_written_as_well_as_it_can(text, shown, undrawn):
    assert make_readable(text) == (shown, undrawn)


def test_an_endless_text_is_cut_before_it_is_looked_at():
    assert len(make_readable("a" * 100_000)[0]) == 500


def test_a_named_font_is_used(tmp_path):
    assert band_on((320, 240), "Porch", font=latin_font(tmp_path)).getextrema() == (0, 255)
    assert make_readable("Porch", latin_font(tmp_path)) == ("Porch", "")


@pytest.mark.parametrize("content", [None, b"", b"this is no font"])
def test_a_font_that_cannot_be_used_costs_nothing_but_its_characters(tmp_path, content):
    path = tmp_path / "broken.ttf"
    if content is not None:
        path.write_bytes(content)
    assert band_on((320, 240), "Porch", font=FontFile(str(path))) == band_on((320, 240), "Porch")
