"""Pictures drawn for panels: geometry, safety, size limits, and previews that are read back from the bytes."""

import io
import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from devices.panels.rendering import drawing
from devices.panels.rendering.drawing import PROFILES, Profile, RenderRefused, preview, render

PNG = Profile(format="png")
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
CORNERS = {"top left": RED, "top right": GREEN, "bottom left": BLUE, "bottom right": WHITE}
PACKINGS = [
    {"format": "raw1", "colours": "palette:bw"},
    {"format": "raw1", "colours": "palette:bw", "inverted": True, "bit_order": "lsb"},
    {"format": "raw2", "colours": "palette:grey4", "dither": "ordered"},
    {"format": "raw2", "colours": "palette:bwry", "bit_order": "lsb"},
    {"format": "raw4", "colours": "palette:spectra6", "inverted": True},
    {"format": "raw4", "colours": "palette:acep7", "dither": "none"},
    {"format": "planes", "colours": "palette:bwr", "inverted": True},
    {"format": "bmp", "colours": "palette:bw"},
    {"format": "bmp", "colours": "grey"},
    {"format": "png", "colours": "palette:acep7"},
    {"format": "rgb565", "byte_order": "little"},
    {"format": "rgb565", "colours": "palette:grey16"},
    {"format": "jpeg"},
]


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def quarters(width: int = 40, height: int = 20) -> Image.Image:
    """Return a picture of four colours, one in each quarter."""
    image = Image.new("RGB", (2, 2))
    image.putdata([RED, GREEN, BLUE, WHITE])
    return image.resize((width, height), Image.Resampling.NEAREST)


def noise(width: int, height: int) -> bytes:
    """Return a PNG that no JPEG makes small."""
    return encode(Image.effect_noise((width, height), 120).convert("RGB"))


def previewed(rendered: drawing.Rendered) -> bytes:
    return preview(rendered.data, rendered.profile, rendered.width, rendered.height)


def shown(rendered: drawing.Rendered) -> Image.Image:
    return Image.open(io.BytesIO(previewed(rendered)), formats=["PNG"]).convert("RGB")


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """Return the colours of the quarters, without what blurring did: top left, top right, bottom left, bottom right."""
    xs, ys = (image.width // 4, image.width * 3 // 4), (image.height // 4, image.height * 3 // 4)
    return [tuple(255 * (part > 127) for part in image.getpixel((x, y))) for y in ys for x in xs]


def png_header(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that promises this size."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = b"\0\0\0\0IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + body + struct.pack(">I", zlib.crc32(body)) + end


def refusal(picture: bytes, profile: Profile = PNG, **values: object) -> str:
    with pytest.raises(RenderRefused) as caught:
        render(picture, profile, **values)
    return caught.value.word


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(20, 20, (20, 10)), (None, 5, (10, 5)), (10, None, (10, 5)), (None, None, (40, 20)), (99, 99, (40, 20))],
)
def test_fit_keeps_the_whole_picture_and_never_enlarges(width, height, size):
    rendered = render(encode(quarters()), replace(PNG, width=width, height=height))
    assert (rendered.width, rendered.height) == size == shown(rendered).size
    assert corners(shown(rendered)) == list(CORNERS.values())


def test_crop_fills_the_panel_with_the_middle():
    picture = Image.new("RGB", (60, 20), "red")
    picture.paste("blue", (20, 0, 40, 20))
    image = shown(render(encode(picture), Profile(40, 40, fit="crop", format="png", dither="none")))
    assert image.size == (40, 40) and set(corners(image)) == {BLUE}


def test_a_crop_of_a_long_jpeg_keeps_its_detail():
    squares = Image.new("L", (200, 25))
    squares.putdata([255 * ((x + y) % 2) for y in range(25) for x in range(200)])
    long = encode(squares.resize((3200, 400), Image.Resampling.NEAREST), "JPEG", quality=95)
    image = shown(render(long, Profile(400, 400, fit="crop", format="png"))).convert("L")
    assert sum(image.histogram()[40:216]) < 400 * 400 / 100


def test_pad_fills_the_rest_with_the_background():
    image = shown(
        render(
            encode(Image.new("RGB", (60, 30), "red")),
            Profile(40, 40, fit="pad", background="#00f", format="png"),
        )
    )
    assert image.size == (40, 40)
    assert [image.getpixel((20, y)) for y in (0, 9, 10, 29, 30, 39)] == [BLUE, BLUE, RED, RED, BLUE, BLUE]


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (0, [RED, GREEN, BLUE, WHITE]),
        (90, [BLUE, RED, WHITE, GREEN]),
        (180, [WHITE, BLUE, GREEN, RED]),
        (270, [GREEN, WHITE, RED, BLUE]),
    ],
)
def test_a_picture_is_rotated_clockwise_before_it_is_fitted(degrees, expected):
    image = shown(render(encode(quarters()), replace(PNG, rotate=degrees)))
    assert corners(image) == expected
    assert image.size == ((20, 40) if degrees % 180 else (40, 20))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_panel_gets_turned_rows_and_shows_an_upright_picture(degrees):
    profile = Profile(40, 20, fit="crop", format="png", mounting=degrees)
    rendered = render(encode(quarters()), profile)
    stored = Image.open(io.BytesIO(rendered.data)).convert("RGB")
    assert stored.size == (40, 20) == (rendered.width, rendered.height)
    turned = replace(PNG, rotate=degrees)
    assert corners(shown(rendered)) == list(CORNERS.values())
    assert corners(shown(render(rendered.data, turned))) == list(CORNERS.values())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_s_orientation_is_always_applied(orientation):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    lying = quarters() if orientation == 1 else quarters().transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert corners(shown(render(encode(lying, exif=exif), PNG))) == list(CORNERS.values())
    unchanged = render(encode(lying, exif=exif), PROFILES["as-is"])
    assert corners(shown(unchanged)) == list(CORNERS.values())


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_the_background(mode):
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": picture.getpixel((0, 0))} if mode == "P" else {}
    assert corners(shown(render(encode(picture, **options), replace(PNG, background="red")))) == [RED] * 4


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "CMYK", "YCbCr", "P"])
def test_every_kind_of_pixel_is_drawn(mode):
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    white = Image.new("L", (16, 16), 255)
    picture = (
        Image.new("I;16", (16, 16), 65535)
        if mode == "I;16"
        else white.convert("RGB" if mode == "CMYK" else mode)
    )
    picture = picture.convert("CMYK") if mode == "CMYK" else picture
    assert min(low for low, _ in shown(render(encode(picture, kind), PNG)).getextrema()) > 250


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_these_kinds_are_taken(kind):
    rendered = render(encode(quarters(), kind), Profile(10, 10, format="rgb565"))
    assert (rendered.width, rendered.height, len(rendered.data)) == (10, 5, 100)


@pytest.mark.parametrize(
    "picture",
    [b"", b"words", b"%PDF-1.4", b"\xff\xd8\xff\xd9", encode(quarters(), "TIFF"), encode(quarters())[:60]],
)
def test_other_bytes_are_no_picture(picture):
    assert refusal(picture) == "not_image"
    assert refusal(picture[:40], PROFILES["as-is"]) == "not_image"


@pytest.mark.parametrize("progressive", [False, True])
def test_a_cut_jpeg_is_drawn_as_far_as_it_goes(progressive):
    whole = encode(Image.new("RGB", (64, 256), "red"), "JPEG", progressive=progressive, quality=95)
    noisy = encode(Image.effect_noise((256, 256), 90), "JPEG", progressive=progressive)
    top = shown(render(noisy[: len(noisy) // 2], PNG)).crop((0, 0, 256, 64)).convert("L")
    assert top.getextrema()[1] - top.getextrema()[0] > 100
    assert shown(render(whole[:-2], PNG)).getpixel((32, 128))[0] > 250


def test_what_follows_a_jpeg_is_not_looked_at():
    picture = encode(quarters(), "JPEG")
    assert render(picture + b"\xff\xd8\xff" + bytes(100), PNG).data == render(picture, PNG).data


@pytest.mark.parametrize("profile", [PNG, PROFILES["as-is"], PROFILES["epaper-800x480-bw"]])
@pytest.mark.parametrize("size", [(8000, 5001), (60_000, 60_000), (2_000_000_000, 1)])
def test_a_picture_of_too_many_pixels_is_refused_by_its_header(size, profile):
    assert refusal(png_header(*size), profile) == "too_many_pixels"


def test_a_jpeg_of_endless_scans_is_refused():
    picture = encode(quarters(), "JPEG", progressive=True)
    scan = picture[picture.rindex(b"\xff\xda") : -2]
    assert refusal(picture[:-2] + scan * 100 + b"\xff\xd9") == "not_image"


def test_a_jpeg_gets_the_highest_quality_that_fits():
    picture, limit = encode(Image.effect_noise((320, 240), 40)), 20_000
    rendered = render(picture, Profile(format="jpeg", colours="grey", target_bytes=limit))
    assert (rendered.width, rendered.height) == (320, 240)
    assert 0.9 * limit < len(rendered.data) <= limit


def test_a_jpeg_that_fits_anyway_is_the_one_without_a_limit():
    picture, profile = encode(quarters()), Profile(quality=77)
    assert render(picture, replace(profile, target_bytes=50_000)).data == render(picture, profile).data


def test_a_jpeg_that_fits_at_no_quality_gets_smaller():
    rendered = render(noise(400, 300), Profile(target_bytes=6_000))
    assert len(rendered.data) <= 6_000 and 16 <= rendered.width < 400
    assert rendered.width / rendered.height == pytest.approx(4 / 3, abs=0.05)
    assert shown(rendered).size == (rendered.width, rendered.height)


def test_a_very_low_limit_gives_a_very_small_jpeg():
    rendered = render(noise(400, 300), Profile(target_bytes=1_200))
    assert len(rendered.data) <= 1_200 and 16 <= rendered.width < 100


def test_a_limit_below_every_jpeg_is_an_error():
    assert refusal(noise(64, 64), Profile(target_bytes=100)) == "target_too_small"


def test_a_jpeg_is_baseline_and_nothing_tells_of_the_camera():
    exif = Image.Exif()
    exif[0x010F] = "Ackermann"
    picture = encode(quarters(), "JPEG", exif=exif, comment=b"Ackermann", progressive=True)
    for profile in (Profile(), Profile(20, 20), Profile(format="png", colours="grey")):
        assert b"Ackermann" not in render(picture, profile).data
    data = render(picture, Profile()).data
    assert b"\xff\xc0" in data and b"\xff\xc2" not in data


def test_the_original_goes_byte_for_byte():
    picture = encode(quarters(), "WEBP")
    rendered = render(picture, PROFILES["as-is"], caption="not written")
    assert (rendered.data, rendered.content_type, rendered.extension) == (picture, "image/webp", "webp")


def test_texts_stand_on_the_picture_and_what_cannot_be_written_is_told():
    plain = render(encode(quarters(320, 240)), PNG)
    written = render(encode(quarters(320, 240)), PNG, caption="Porch 前门", stamp="15:09")
    assert written.undrawn == "前门" and plain.undrawn == ""
    assert shown(written).getpixel((160, 238)) == BLACK and shown(written).getpixel((10, 10)) == RED


@pytest.mark.parametrize("degrees", [90, 270])
def test_texts_are_upright_on_a_turned_panel(degrees):
    profile = replace(PROFILES["epaper-400x300-bw"], mounting=degrees)
    image = shown(render(encode(Image.new("RGB", (300, 400), "white")), profile, caption="Porch"))
    assert image.size == (300, 400)
    assert image.getpixel((150, 398)) == BLACK and image.getpixel((150, 10)) == WHITE


def test_what_was_dithered_to_a_palette_is_not_dithered_again_for_rgb565():
    grey = encode(Image.new("L", (16, 16), 17))
    data = render(grey, Profile(format="rgb565", colours="palette:grey16")).data
    assert len({data[at : at + 2] for at in range(0, len(data), 2)}) == 1


def test_a_bad_profile_is_refused_with_its_faults():
    with pytest.raises(drawing.BadProfile) as caught:
        render(encode(quarters()), Profile(rotate=1, quality=0))
    assert caught.value.word == "bad_profile"
    assert [fault.field for fault in caught.value.faults] == ["rotate", "quality"]


@given(
    st.integers(1, 64), st.integers(1, 64), st.integers(1, 64), st.integers(1, 64),
    st.sampled_from(["fit", "crop", "pad"]), st.sampled_from([0, 90, 180, 270]), st.sampled_from(PACKINGS),
)  # fmt: skip
def test_any_size_is_drawn_and_its_preview_read_back(width, height, across, down, fit, turn, packing):
    profile = Profile(across, down, fit=fit, mounting=turn, **packing)
    picture = encode(Image.linear_gradient("L").resize((width, height)).convert("RGB"))
    rendered = render(picture, profile, caption="Porch", stamp="15:09")
    size = (rendered.width, rendered.height)
    assert size == (across, down) or (fit == "fit" and size[0] <= across and size[1] <= down)
    assert shown(rendered).size == (size[::-1] if turn in (90, 270) else size)
    assert render(picture, profile, caption="Porch", stamp="15:09") == rendered


@pytest.mark.parametrize("packing", PACKINGS[:7] + PACKINGS[10:12])
def test_the_preview_is_what_was_packed_and_not_the_picture(packing):
    rendered = render(encode(quarters()), Profile(40, 20, **packing))
    other = bytes(len(rendered.data))
    zeros = preview(other, rendered.profile, 40, 20)
    assert zeros != previewed(rendered)
    assert len(set(corners(Image.open(io.BytesIO(zeros)).convert("RGB")))) == 1


def test_damaged_bytes_give_no_preview():
    with pytest.raises(RenderRefused):
        preview(b"\0\0", PROFILES["epaper-400x300-bw"], 400, 300)
