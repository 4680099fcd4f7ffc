import struct
import threading
import zlib
from io import BytesIO
from mmap import mmap

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import IFDRational

from media_pipeline.formats import images
from media_pipeline.formats.images import NotImage, PictureRefused, ThumbnailFailed, TooManyPixels
from tests.builders import make_jpeg
from tests.media_pipeline.formats.test_jpeg import without_tables

KINDS = ["JPEG", "PNG", "WEBP"]


def sunset(width: int = 640, height: int = 480) -> Image.Image:
    """Return a picture that is red on its left and blue on its right, brighter to the bottom."""
    shade = Image.linear_gradient("L").resize((width, height))
    red, blue = Image.new("L", (width, height)), Image.new("L", (width, height))
    red.paste(220, (0, 0, width // 2, height))
    blue.paste(220, (width // 2, 0, width, height))
    return Image.merge("RGB", (red, shade, blue))


def encode(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def draw(thumbnail: images.Thumbnail) -> Image.Image:
    return Image.open(BytesIO(thumbnail.data), formats=["WEBP"])


def png_of(width: int, height: int) -> bytes:
    """Return a tiny PNG whose header promises a size."""
    chunks = b""
    for name, body in ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IEND", b"")):
        chunks += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return b"\x89PNG\r\n\x1a\n" + chunks


def exif_of(**tags: object) -> bytes:
    names = {"make": 0x010F, "model": 0x0110, "orientation": 0x0112, "datetime": 0x0132}
    exif = Image.Exif()
    for name, value in tags.items():
        exif[names[name]] = value
    exif.get_ifd(0x8769).update({0x829A: IFDRational(1, 60), 0x8827: 200})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0)})
    return exif.tobytes()


def near(colour: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(abs(one - other) < 40 for one, other in zip(colour, wanted, strict=True))


@pytest.mark.parametrize(
    ("kind", "content_type", "extension"),
    [("JPEG", "image/jpeg", "jpg"), ("PNG", "image/png", "png"), ("WEBP", "image/webp", "webp")],
)
def test_the_bytes_tell_what_a_picture_is(kind: str, content_type: str, extension: str):
    data = encode(sunset(), kind)
    facts = images.inspect(data)
    assert (facts.kind, facts.content_type, facts.extension) == (kind.lower(), content_type, extension)
    assert (facts.width, facts.height, facts.flags, facts.picture_bytes) == (640, 480, (), len(data))


@pytest.mark.parametrize(
    ("options", "chunk"), [({}, b"VP8 "), ({"lossless": True}, b"VP8L"), ({"exif": exif_of()}, b"VP8X")]
)
def test_every_form_of_webp_tells_its_size(options: dict, chunk: bytes):
    data = encode(sunset(333, 77), "WEBP", **options)
    assert data[12:16] == chunk
    assert (images.inspect(data).width, images.inspect(data).height) == (333, 77)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tail_is_flagged_and_not_counted(kind: str):
    data = encode(sunset(), kind)
    facts = images.inspect(data + bytes(512))
    assert (facts.flags, facts.picture_bytes) == (("trailing",), len(data))


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_picture_is_taken_and_flagged(kind: str):
    data = encode(sunset(), kind)
    for cut in (len(data) - 1, len(data) // 2):
        assert images.inspect(data[:cut]).flags == ("truncated",)
        assert images.inspect(data[:cut]).picture_bytes == cut


def test_the_pad_byte_of_a_webp_is_no_tail():
    data = bytearray(encode(sunset(), "WEBP"))
    struct.pack_into("<I", data, 4, len(data) - 9)
    assert images.inspect(data).flags == ()


def test_the_scale_bits_of_a_webp_are_not_its_size():
    data = bytearray(encode(sunset(), "WEBP"))
    data[27] |= 0xC0
    data[29] |= 0xC0
    assert (images.inspect(data).width, images.inspect(data).height) == (640, 480)


def test_a_png_whose_last_chunk_promises_more_is_cut():
    data = encode(sunset(), "PNG")
    longer = data[:-12] + struct.pack(">I", 9) + data[-8:]
    assert (images.inspect(longer).flags, images.inspect(longer).picture_bytes) == (
        ("truncated",),
        len(longer),
    )


def test_a_cut_jpeg_with_a_next_one_behind_it_has_both_flags():
    data = encode(sunset())
    facts = images.inspect(data[:-100] + data)
    assert (facts.flags, facts.picture_bytes) == (("truncated", "trailing"), len(data) - 100)


def test_a_jpeg_cut_before_its_size_has_none():
    facts = images.inspect(b"\xff\xd8\xff\xe0")
    assert (facts.width, facts.height, facts.flags) == (None, None, ("truncated",))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"GIF89a",
        b"%PDF-1.7",
        b"\xff\xd8",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\4\0\0\0WEBP",
        b"RIFF\4\0\0\0WAVE",
    ],
)
def test_anything_else_is_no_image(data: bytes):
    with pytest.raises(NotImage):
        images.inspect(data)


def test_a_picture_without_pixels_is_no_image():
    with pytest.raises(NotImage, match="no pixels"):
        images.inspect(png_of(0, 9))


@pytest.mark.parametrize("kind", KINDS)
def test_too_many_pixels_are_refused_by_the_header(kind: str):
    data = encode(sunset(100, 90), kind)
    assert images.inspect(data, max_pixels=9000).width == 100
    with pytest.raises(TooManyPixels) as caught:
        images.inspect(data, max_pixels=8999)
    assert (caught.value.width, caught.value.height, caught.value.limit) == (100, 90, 8999)
    assert isinstance(caught.value, PictureRefused)


def test_the_refusal_says_how_large_and_how_large_is_allowed():
    with pytest.raises(TooManyPixels, match=r"60000 × 60000 pixels, at most 40 million"):
        images.inspect(png_of(60_000, 60_000))


def test_a_mapped_file_is_inspected_too():
    data = encode(sunset(), "PNG")
    with mmap(-1, len(data)) as mapped:
        mapped[:] = data
        assert images.inspect(mapped) == images.inspect(memoryview(data)) == images.inspect(data)
        assert images.make_thumbnail(mapped) == images.make_thumbnail(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_thumbnail_is_a_small_webp_of_the_same_shape(kind: str):
    thumbnail = images.make_thumbnail(encode(sunset(1600, 1200), kind))
    assert (thumbnail.width, thumbnail.height) == draw(thumbnail).size == (480, 360)
    left, right = (draw(thumbnail).convert("RGB").getpixel((x, 180)) for x in (100, 380))
    assert near(left, (220, 127, 0)) and near(right, (0, 127, 220))


def test_a_small_picture_is_not_made_larger():
    thumbnail = images.make_thumbnail(encode(sunset(60, 20)))
    assert (thumbnail.width, thumbnail.height) == (60, 20)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_mode_of_png_gives_a_thumbnail(mode: str):
    grey = sunset().convert("L")
    image = grey.convert("I").point(lambda level: level * 257).convert("I;16") if mode == "I;16" else None
    thumbnail = images.make_thumbnail(encode(image or sunset().convert(mode), "PNG"), side_px=64)
    drawn, wanted = (
        picture.convert("L").resize((1, 1)).getpixel((0, 0)) for picture in (draw(thumbnail), grey)
    )
    assert abs(drawn - wanted) < 12


def test_a_cmyk_jpeg_gives_a_thumbnail():
    thumbnail = images.make_thumbnail(encode(sunset().convert("CMYK")))
    assert near(draw(thumbnail).convert("RGB").getpixel((100, 180)), (220, 127, 0))


@pytest.mark.parametrize("image", [Image.new("RGBA", (9, 9)), Image.new("LA", (9, 9))])
def test_what_is_transparent_becomes_white(image: Image.Image):
    assert images.make_thumbnail(encode(image, "PNG")).colour == "#ffffff"


def test_a_turned_picture_is_shown_upright():
    data = encode(sunset(640, 480), exif=exif_of(orientation=6))
    thumbnail = images.make_thumbnail(data, side_px=100)
    assert (thumbnail.width, thumbnail.height) == (75, 100)
    assert near(draw(thumbnail).convert("RGB").getpixel((40, 10)), (220, 127, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_a_thumbnail_has_no_metadata(kind: str):
    options = {
        "exif": exif_of(make="Sentinel"),
        "xmp": b"<x:xmpmeta>Sentinel",
        "icc_profile": b"Sentinel" * 20,
    }
    data = encode(sunset(), kind, **options)
    assert b"Sentinel" in data
    thumbnail = images.make_thumbnail(data).data
    assert b"Sentinel" not in thumbnail and b"EXIF" not in thumbnail and b"ICCP" not in thumbnail


@pytest.mark.parametrize("progressive", [False, True])
def test_a_cut_jpeg_shows_the_part_that_is_there(progressive: bool):
    data = encode(sunset(), progressive=progressive)
    thumbnail = images.make_thumbnail(data[: len(data) * 2 // 3])
    assert (thumbnail.width, thumbnail.height) == (480, 360)
    assert near(draw(thumbnail).convert("RGB").getpixel((100, 20)), (220, 14, 0))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_the_tail_of_a_cut_jpeg_is_not_drawn():
    data = encode(sunset())
    other = encode(Image.new("RGB", (640, 480), "white"))
    assert images.make_thumbnail(data[:-900] + other).dhash == images.make_thumbnail(data[:-900]).dhash


@pytest.mark.parametrize(
    "data", [b"no picture", b"\xff\xd8\xff\xe0\0\x10", png_of(60_000, 60_000), png_of(9, 9)]
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(data: bytes):
    with pytest.raises(ThumbnailFailed, match=r"^[A-Z].+ .+\.$"):
        images.make_thumbnail(data)


def test_a_second_frame_header_does_not_smuggle_pixels_in():
    data = encode(sunset(64, 48))
    frame = data.index(b"\xff\xc0")
    large = data[: frame + 5] + struct.pack(">HH", 9000, 9000) + data[frame + 9 :]
    smuggled = data[: data.index(b"\xff\xda")] + large[frame:]
    with pytest.raises(ThumbnailFailed, match="9000 × 9000 pixels"):
        images.make_thumbnail(smuggled)


def test_a_jpeg_of_a_hundred_scans_is_not_drawn():
    data = encode(sunset(64, 48), progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ThumbnailFailed, match="more than 100 scans"):
        images.make_thumbnail(data[:-2] + scan * 100 + data[-2:])


def test_the_colour_is_the_one_that_covers_most():
    image = Image.new("RGB", (90, 90), (250, 250, 250))
    image.paste((20, 120, 40), (0, 0, 90, 60))
    colour = images.make_thumbnail(encode(image, "PNG")).colour
    assert near(tuple(bytes.fromhex(colour[1:])), (20, 120, 40))


def test_the_hash_is_near_for_the_same_scene_and_far_for_another():
    scene = Image.radial_gradient("L").resize((640, 480)).convert("RGB")
    base = images.make_thumbnail(encode(scene, quality=90)).dhash
    again = images.make_thumbnail(encode(scene.resize((320, 240)), "WEBP", quality=30)).dhash
    other = images.make_thumbnail(encode(scene.crop((0, 0, 300, 200)))).dhash
    assert (base ^ again).bit_count() <= 6 < 16 < (base ^ other).bit_count()


def test_the_hash_compares_each_cell_with_its_right_neighbour():
    falling = Image.linear_gradient("L").rotate(-90)
    rising = Image.linear_gradient("L").rotate(90)
    hashes = [images.make_thumbnail(encode(image)).dhash for image in (falling, rising)]
    assert hashes == [2**64 - 1, 0]


def test_thumbnails_are_drawn_in_threads():
    data, made = encode(sunset())[:-500], []
    threads = [threading.Thread(target=lambda: made.append(images.make_thumbnail(data))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [images.make_thumbnail(data)] * 8


@pytest.mark.parametrize("kind", KINDS)
def test_exif_tells_camera_and_settings_and_no_place(kind: str):
    exif = exif_of(make="Acme\0 \n", model="Eye 2", datetime="2024:05:06 07:08:09", orientation=6)
    assert images.describe_exif(encode(sunset(), kind, exif=exif)) == {
        "make": "Acme",
        "model": "Eye 2",
        "datetime": "2024:05:06 07:08:09",
        "orientation": "6",
        "exposure": "1/60 s",
        "iso": "200",
    }


def test_exif_texts_are_bounded():
    described = images.describe_exif(encode(sunset(), exif=exif_of(make="x" * 5000)))
    assert described["make"] == "x" * 64


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of corrupt EXIF
def test_no_exif_or_no_picture_describes_nothing():
    assert images.describe_exif(encode(sunset())) == {}
    assert images.describe_exif(b"no picture") == {}
    assert images.describe_exif(encode(sunset(), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")) == {}


@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"RIFF\0\0\0\0WEBPVP8"]),
    st.binary(max_size=90),
)
def test_any_bytes_are_judged(front: bytes, noise: bytes):
    try:
        facts = images.inspect(front + noise)
    except PictureRefused as error:
        assert str(error).endswith(".")
    else:
        assert facts.picture_bytes <= len(front + noise)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of corrupt EXIF
@given(st.sampled_from(KINDS), st.integers(0, 2000), st.binary(min_size=1, max_size=8))
def test_a_damaged_picture_gives_a_thumbnail_or_a_sentence(kind: str, position: int, damage: bytes):
    data = bytearray(encode(sunset(64, 48), kind, exif=exif_of(orientation=3)))
    position %= len(data)
    data[position : position + len(damage)] = damage
    assert isinstance(images.describe_exif(bytes(data)), dict)
    try:
        assert draw(images.make_thumbnail(bytes(data))).width <= 480
    except ThumbnailFailed as error:
        assert str(error).endswith(".")


def test_a_picture_without_huffman_tables_has_its_thumbnail():
    bare = without_tables(make_jpeg())
    assert images.make_thumbnail(bare).data == images.make_thumbnail(make_jpeg()).data
