import struct
import time
from io import BytesIO
from mmap import mmap

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from media_pipeline.formats.jpeg import STANDARD_TABLES, NotJpeg, end_of_image, walk, with_tables


def make_jpeg(width: int = 64, height: int = 48, **options: object) -> bytes:
    """Return a JPEG of noise, so that its scan is long and full of FF bytes."""
    image = Image.frombytes("RGB", (width, height), bytes(i * i * 7 % 251 for i in range(width * height * 3)))
    file = BytesIO()
    image.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def put_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    return jpeg[:2] + segment(marker, payload) + jpeg[2:]


def exif(order: str, orientation: int) -> bytes:
    start = b"II*\0" if order == "<" else b"MM\0*"
    return b"Exif\0\0" + start + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


BASELINE = make_jpeg()
PROGRESSIVE = make_jpeg(progressive=True)
RESTARTS = make_jpeg(restart_marker_blocks=1)


def test_a_baseline_picture():
    facts = walk(BASELINE)
    assert (facts.width, facts.height, facts.precision, facts.components) == (64, 48, 8, 3)
    assert (facts.end, facts.trailing_bytes, facts.truncated) == (len(BASELINE), 0, False)
    assert (facts.progressive, facts.scans, facts.orientation) == (False, 1, None)


def test_a_progressive_picture_with_many_scans():
    facts = walk(PROGRESSIVE)
    assert (facts.progressive, facts.end, facts.truncated) == (True, len(PROGRESSIVE), False)
    assert facts.scans == PROGRESSIVE.count(b"\xff\xda") > 5


def test_restart_markers_do_not_end_a_scan():
    assert b"\xff\xd3" in RESTARTS
    assert end_of_image(RESTARTS) == len(RESTARTS)


def test_a_grey_picture_has_one_component():
    file = BytesIO()
    Image.new("L", (9, 5)).save(file, "JPEG")
    assert (walk(file.getvalue()).components, walk(file.getvalue()).width) == (1, 9)


def test_the_end_of_an_embedded_thumbnail_is_not_the_end():
    picture = put_segment(BASELINE, 0xE1, b"Exif\0\0" + make_jpeg(16, 16))
    assert picture.index(b"\xff\xd9") < len(picture) - 2
    assert end_of_image(picture) == len(picture)
    assert walk(picture).width == 64


@pytest.mark.parametrize("tail", [b"\0" * 512, b"junk", b"\xff\xd9", BASELINE, BASELINE[-300:], b"\xff" * 9])
def test_what_is_behind_the_end_is_counted(tail: bytes):
    facts = walk(BASELINE + tail)
    assert (facts.end, facts.trailing_bytes, facts.truncated) == (len(BASELINE), len(tail), False)


@pytest.mark.parametrize(
    "picture", [BASELINE, PROGRESSIVE, RESTARTS], ids=["baseline", "progressive", "restarts"]
)
def test_a_picture_cut_anywhere_is_truncated(picture: bytes):
    for cut in range(3, len(picture)):
        facts = walk(picture[:cut])
        assert facts.truncated and facts.end is None and facts.trailing_bytes == 0
        assert facts.width in (None, 64) and facts.height in (None, 48)


def test_the_size_is_unknown_when_its_segment_is_cut():
    frame = BASELINE.index(b"\xff\xc0")
    assert walk(BASELINE[: frame + 9]).width is None
    assert walk(BASELINE[: frame + 10]).width == 64


def test_a_new_picture_inside_a_cut_one_is_its_tail():
    facts = walk(BASELINE[:-200] + BASELINE)
    assert (facts.truncated, facts.end, facts.trailing_bytes) == (True, None, len(BASELINE))


def test_an_end_without_a_scan_is_no_whole_picture():
    facts = walk(b"\xff\xd8\xff\xd9")
    assert (facts.truncated, facts.end, facts.width) == (True, 4, None)


def test_a_segment_shorter_than_its_own_length_counts_as_noise():
    assert walk(b"\xff\xd8\xff\xda\0\0\xff\xd9").scans == 0


def test_the_first_frame_header_and_the_first_exif_count():
    twice = put_segment(BASELINE, 0xE1, exif("<", 6))
    twice = put_segment(put_segment(twice, 0xC0, b"\x08\0\x09\0\x07\x03"), 0xE1, exif(">", 3))
    assert (walk(twice).width, walk(twice).height, walk(twice).orientation) == (7, 9, 3)


def test_fill_bytes_may_stand_before_any_marker():
    picture = BASELINE[:2] + b"\xff" * 5 + BASELINE[2:-2] + b"\xff" * 7 + BASELINE[-2:]
    assert (walk(picture).end, walk(picture).width) == (len(picture), 64)


def test_the_height_may_come_after_the_first_scan():
    frame = BASELINE.index(b"\xff\xc0")
    without = BASELINE[: frame + 5] + b"\0\0" + BASELINE[frame + 7 :]
    assert walk(without).height is None
    late = without[:-2] + segment(0xDC, b"\0\x30") + without[-2:]
    assert (walk(late).height, walk(late).end) == (48, len(late))


def test_damage_inside_a_scan_does_not_hide_the_end():
    middle = len(BASELINE) - 300
    for marker in (0xE0, 0xC4, 0xDA, 0xC0):
        damaged = (
            BASELINE[:middle] + bytes([0xFF, marker, 0x7F, 0x01]) + BASELINE[middle + 4 :] + b"\0" * 40_000
        )
        assert walk(damaged).end == len(BASELINE)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_the_orientation_is_read(order: str, orientation: int):
    assert walk(put_segment(BASELINE, 0xE1, exif(order, orientation))).orientation == orientation


def test_broken_exif_has_no_orientation():
    whole = exif("<", 6)
    blocks = [whole[:cut] for cut in range(6, 26)] + [
        exif("<", 9),
        exif("<", 0),
        b"Exif\0\0II*\0\xff\xff\xff\xff",
    ]
    for block in blocks:
        assert walk(put_segment(BASELINE, 0xE1, block)).orientation is None


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\0", b"\x89PNG\r\n\x1a\n", b"\0\xff\xd8\xff"]
)
def test_what_does_not_start_as_one_is_no_jpeg(data: bytes):
    with pytest.raises(NotJpeg, match="FF D8 FF"):
        walk(data)


def test_every_kind_of_buffer_gives_the_same():
    with mmap(-1, len(BASELINE)) as mapped:
        mapped[:] = BASELINE
        assert walk(mapped) == walk(memoryview(BASELINE)) == walk(bytearray(BASELINE)) == walk(BASELINE)


@pytest.mark.parametrize(
    "unit", ["ff01", "ff", "ff00", "ffd0", "ffe00002", "ffe0", "ffc00002", "ffda0002", "00"]
)
@pytest.mark.parametrize("front", [BASELINE[:-2], b"\xff\xd8\xff\xe0\0\2"], ids=["scan", "header"])
def test_ten_made_megabytes_are_walked_quickly(front: bytes, unit: str):
    filler = bytes.fromhex(unit)
    data = front + filler * (10_000_000 // len(filler))
    started = time.process_time()
    assert walk(data).truncated
    # About 0.1 s here; a loop turn per pair of bytes would take some seconds.
    assert time.process_time() - started < 1


@given(st.binary(max_size=200), st.integers(0, len(BASELINE)))
def test_any_bytes_give_facts(noise: bytes, cut: int):
    for data in (b"\xff\xd8\xff" + noise, BASELINE[:cut].ljust(3, b"\xff") + noise):
        if not data.startswith(b"\xff\xd8\xff"):
            continue
        facts = walk(data)
        assert (facts.end or len(data)) <= len(data)
        assert facts.end is None or data[facts.end - 2 : facts.end] == b"\xff\xd9"


@given(st.binary(max_size=40))
def test_any_exif_gives_facts(block: bytes):
    picture = put_segment(BASELINE, 0xE1, b"Exif\0\0II*\0" + block)
    assert end_of_image(picture) == len(picture)


def without_tables(picture: bytes) -> bytes:
    """Return a JPEG as a camera sends it that leaves its Huffman tables out."""
    position, kept = 2, picture[:2]
    while picture[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(picture[position + 2 : position + 4], "big")
        kept += b"" if picture[position + 1] == 0xC4 else picture[position:end]
        position = end
    return kept + picture[position:]


def test_missing_tables_are_the_usual_ones():
    bare = without_tables(BASELINE)
    whole = with_tables(bare)
    assert b"\xff\xc4" not in bare and len(whole) == len(bare) + len(STANDARD_TABLES)
    assert Image.open(BytesIO(whole)).tobytes() == Image.open(BytesIO(BASELINE)).tobytes()
    # An encoder that does not optimise writes the same.
    tables = [STANDARD_TABLES[start:end] for start, end in ((4, 33), (33, 212), (212, 241), (241, 420))]
    assert all(table in BASELINE for table in tables)


@pytest.mark.parametrize(
    "picture",
    [
        BASELINE,
        PROGRESSIVE,
        without_tables(PROGRESSIVE),
        b"",
        b"\xff\xd8\xff",
        b"\x89PNG",
        BASELINE[:200],
        b"\xff\xd8\xff\xd9",
    ],
)
def test_other_pictures_stay_as_they_are(picture):
    assert with_tables(picture) is picture


@given(st.binary(max_size=200))
def test_any_bytes_stay_or_get_tables(noise):
    for start in (b"\xff\xd8", without_tables(BASELINE)[:180]):
        made = with_tables(start + noise)
        assert made == start + noise or len(made) == len(start + noise) + len(STANDARD_TABLES)
