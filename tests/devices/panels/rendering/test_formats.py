"""What panels get, byte by byte, from pictures small enough to be written down."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from devices.panels.rendering import formats
from devices.panels.rendering.formats import PALETTES

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
BLACK, WHITE, YELLOW = (0, 0, 0), (255, 255, 255), (255, 255, 0)


def coded(rows: list[list[int]], palette: str = "grey16") -> Image.Image:
    """Return a picture in mode P whose pixels are these codes."""
    image = Image.new("P", (len(rows[0]), len(rows)))
    image.putdata([code for row in rows for code in row])
    return formats.attach_table(image, PALETTES[palette])


def coloured(*row: tuple[int, int, int]) -> Image.Image:
    image = Image.new("RGB", (len(row), 1))
    image.putdata(row)
    return image


def pixels(image: Image.Image) -> list:
    return list(image.get_flattened_data())


TEN = [[0, 1, 1, 0, 1, 0, 0, 1, 1, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("bits", "rows", "order", "inverted", "expected"),
    [
        (1, TEN, "msb", False, "69 80 80 40"),
        (1, TEN, "lsb", False, "96 01 01 02"),
        (1, TEN, "msb", True, "96 40 7f 80"),
        (2, [[0, 1, 2, 3, 3], [3, 2, 1, 0, 1]], "msb", False, "1b c0 e4 40"),
        (2, [[0, 1, 2, 3, 3]], "lsb", False, "e4 03"),
        (2, [[0, 1, 2, 3, 3]], "msb", True, "e4 00"),
        (4, [[1, 2, 15], [10, 0, 5]], "msb", False, "12 f0 a0 50"),
        (4, [[1, 2, 15]], "lsb", False, "21 0f"),
        (4, [[1, 2, 15]], "msb", True, "ed 00"),
    ],
)
def test_codes_are_packed_row_by_row(bits, rows, order, inverted, expected):
    data = formats.pack_codes(coded(rows), bits, order, inverted)
    assert data.hex(" ") == expected
    assert pixels(formats.unpack_codes(data, (len(rows[0]), len(rows)), bits, order, inverted)) == [
        c for row in rows for c in row
    ]


@pytest.mark.parametrize(
    ("inverted", "expected"), [(False, "70 b0"), (True, "80 40")], ids=["0 is ink", "1 is ink"]
)
def test_planes_stand_one_behind_the_other(inverted, expected):
    image = coded([[0, 3, 1, 1]], "bwr")
    data = formats.pack_planes(image, PALETTES["bwr"], inverted=inverted)
    assert data.hex(" ") == expected
    assert pixels(formats.unpack_planes(data, (4, 1), PALETTES["bwr"], inverted=inverted)) == [0, 3, 1, 1]


@pytest.mark.parametrize(
    ("order", "expected"), [("big", "f8 00 07 e0 00 1f ff ff"), ("little", "00 f8 e0 07 1f 00 ff ff")]
)
def test_rgb565_in_both_byte_orders(order, expected):
    row = (RED, GREEN, BLUE, WHITE)
    data = formats.pack_rgb565(coloured(*row), order)
    assert data.hex(" ") == expected
    assert pixels(formats.unpack_rgb565(data, (4, 1), order)) == list(row)


def test_rgb565_takes_the_nearest_value():
    # 100 × 31 / 255 = 12.2, 100 × 63 / 255 = 24.7, 4.9 × 31 / 255 = 0.6
    assert formats.pack_rgb565(coloured((100, 100, 5))).hex() == f"{12 << 11 | 25 << 5 | 1:04x}"


@given(st.tuples(st.integers(0, 31), st.integers(0, 63), st.integers(0, 31)), st.booleans())
def test_what_rgb565_can_say_is_said_exactly(levels, ordered):
    value = levels[0] << 11 | levels[1] << 5 | levels[2]
    shown = formats.unpack_rgb565(value.to_bytes(2, "big") * 64, (8, 8))
    assert formats.pack_rgb565(shown, "big", ordered) == value.to_bytes(2, "big") * 64


def test_a_one_bit_bmp_is_what_trmnl_firmware_checks():
    data = formats.build_bmp(coded([[0, 1, 1], [1, 0, 0]], "bw"))
    head = "42 4d 46 00 00 00 00 00 00 00 3e 00 00 00 28 00 00 00 03 00 00 00 02 00 00 00 01 00 01 00 00 00 00 00"
    sizes = "08 00 00 00 13 0b 00 00 13 0b 00 00 02 00 00 00 00 00 00 00"
    table, rows = "00 00 00 00 ff ff ff 00", "80 00 00 00 60 00 00 00"
    assert data.hex(" ") == f"{head} {sizes} {table} {rows}"
    full = formats.build_bmp(formats.attach_table(Image.new("P", (800, 480)), PALETTES["bw"]))
    assert len(full) == 48_062


@pytest.mark.parametrize("build", [formats.build_bmp, formats.build_png])
@pytest.mark.parametrize("palette", PALETTES)
def test_indexed_files_are_read_by_others_with_their_colours(build, palette):
    image = coded([list(PALETTES[palette].codes)] * 3, palette)
    read = Image.open(io.BytesIO(build(image)), formats=["BMP", "PNG"])
    assert pixels(read.convert("RGB")) == pixels(image.convert("RGB"))


@pytest.mark.parametrize("build", [formats.build_bmp, formats.build_png])
@pytest.mark.parametrize(
    "image", [coloured(RED, GREEN, BLUE), Image.linear_gradient("L").crop((0, 9, 5, 99))]
)
def test_full_colours_and_greys_come_back_too(build, image):
    read = Image.open(io.BytesIO(build(image)), formats=["BMP", "PNG"])
    assert pixels(read.convert("RGB")) == pixels(image.convert("RGB"))


@pytest.mark.parametrize(
    ("palette", "depth", "kind"),
    [("bw", 1, 0), ("grey4", 2, 0), ("grey16", 4, 0), ("bwry", 2, 3), ("acep7", 4, 3)],
)
def test_a_png_has_no_more_bits_than_it_needs(palette, depth, kind):
    assert list(formats.build_png(coded([[0, 1]], palette))[24:26]) == [depth, kind]


@pytest.mark.parametrize("dither", ["floyd-steinberg", "ordered", "none"])
@pytest.mark.parametrize("palette", PALETTES)
def test_colours_that_a_panel_has_stay_as_they_are(palette, dither):
    own = PALETTES[palette]
    image = coloured(*own.colours).resize((8 * len(own.colours), 8), Image.Resampling.NEAREST)
    reduced = formats.reduce_colours(image, own, dither)
    assert pixels(reduced) == [code for code in own.codes for _ in range(8)] * 8


@pytest.mark.parametrize("dither", ["floyd-steinberg", "ordered"])
@pytest.mark.parametrize("level", [40, 128, 200])
def test_a_dithered_grey_keeps_its_brightness(dither, level):
    grey = Image.new("RGB", (64, 64), (level, level, level))
    dots = pixels(formats.reduce_colours(grey, PALETTES["bw"], dither))
    assert abs(sum(dots) / len(dots) - level / 255) < 0.03


@pytest.mark.parametrize("dither", ["ordered", "none"])
def test_uneven_greys_are_chosen_by_how_near_they_are(dither):
    own = formats.read_palette("palette:#ffffff,#000000,#404040")
    shown = [formats.reduce_colours(Image.new("L", (8, 8), level), own, dither) for level in (16, 100, 225)]
    means = [sum(pixels(image.convert("L"))) / 64 for image in shown]
    assert means == pytest.approx([16, 100, 225] if dither == "ordered" else [0, 64, 255], abs=3)


def test_the_matrix_holds_each_of_its_steps_once():
    tile = pixels(formats.bayer((8, 8), 0, 64))
    assert sorted(tile) == list(range(64)) and tile[0] == 0
    assert pixels(formats.bayer((19, 11), 0, 64))[19 * 8 + 8 : 19 * 8 + 16] == tile[:8]


def test_a_palette_is_named_or_listed():
    assert formats.read_palette("palette:spectra6").codes == (0, 1, 2, 3, 5, 6)
    listed = formats.read_palette("palette:#000000, #ffff00,red")
    assert (listed.colours, listed.codes) == ((BLACK, YELLOW, RED), (0, 1, 2))
    assert formats.read_palette("colour") is None


@pytest.mark.parametrize(
    "text", ["palette:", "palette:red", "palette:red,red", "palette:none", "palette:red,#12"]
)
def test_what_is_no_palette_is_refused(text):
    with pytest.raises(ValueError):
        formats.read_palette(text)


def test_the_nearest_and_the_most_different_colours():
    assert PALETTES["spectra6"].nearest((20, 10, 220)) == 5
    assert PALETTES["spectra6"].darkest_and_lightest() == (0, 1)
