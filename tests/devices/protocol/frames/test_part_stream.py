import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.frames.framing import BadHeader, FrameTooLarge, TooFine
from devices.protocol.frames.part_stream import PartStream
from tests.devices.protocol.frames.test_framing import ONE, THREE, TWO, make_frame

KIND = "multipart/x-mixed-replace; boundary=FRAME"
NULS = bytes(8192)
NO_END = ONE[:-2]
B = b"--FRAME"


def part(
    picture: bytes, length: int | None = -1, line: bytes = B, end: bytes = b"\r\n", eol: bytes = b"\r\n"
) -> bytes:
    """Return a part; `length` -1 is the right one, None is none."""
    lines = [line, b"Content-Type: image/jpeg"]
    lines += (
        [b"Content-Length: %d" % (len(picture) if length == -1 else length)] if length is not None else []
    )
    return eol.join([*lines, b"", b""]) + picture + end


def parts(*pictures: bytes, **how) -> bytes:
    return b"".join(part(p, **how) for p in pictures)


AGAIN = B + b"\r\n"
# What cameras send, and what they get wrong. Each gives ONE, TWO, THREE, or what stands beside it.
STREAMS = {
    "usual": (KIND, parts(ONE, TWO, THREE) + AGAIN),
    "no_length": (KIND, parts(ONE, TWO, THREE, length=None) + AGAIN),
    "no_line_end_before_boundary": (KIND, parts(ONE, TWO, THREE, end=b"") + AGAIN),
    "no_length_no_line_end": (KIND, parts(ONE, TWO, THREE, length=None, end=b"") + AGAIN),
    "line_feeds": (KIND, parts(ONE, TWO, THREE, eol=b"\n", end=b"\n") + AGAIN),
    "line_feeds_no_length": (KIND, parts(ONE, TWO, THREE, eol=b"\n", end=b"\n", length=None) + AGAIN),
    "dashes_in_header": (KIND.replace("FRAME", "--FRAME"), parts(ONE, TWO, THREE, length=None) + AGAIN),
    "no_dashes_in_body": (KIND, parts(ONE, TWO, THREE, line=b"FRAME", length=None) + b"FRAME\r\n\r\n"),
    "quoted": ('multipart/x-mixed-replace;boundary="FRAME"', parts(ONE, TWO, THREE, length=None) + AGAIN),
    "no_boundary": ("multipart/x-mixed-replace", parts(ONE, TWO, THREE, length=None) + AGAIN),
    "other_boundary": (KIND.replace("FRAME", "other"), parts(ONE, TWO, THREE, length=None) + AGAIN),
    "case": (KIND, parts(ONE, TWO, THREE).replace(b"Content-Length", b"CONTENT-LENGTH") + AGAIN),
    "text_before": (KIND, b"This is a stream.\r\n\r\n" + parts(ONE, TWO, THREE) + AGAIN),
    "line_ends_before": (KIND, b"\r\n\r\n" + parts(ONE, TWO, THREE) + AGAIN),
    "no_first_boundary": (KIND, parts(ONE, TWO, THREE, length=None)[len(B) + 2 :] + AGAIN),
    "picture_first": (KIND, ONE + b"\r\n" + parts(TWO, THREE) + AGAIN),
    "no_blank_line": (KIND, b"".join(B + b"\r\n" + p + b"\r\n" for p in (ONE, TWO, THREE)) + AGAIN),
    "line_end_is_counted": (KIND, b"".join(part(p + b"\r\n", end=b"") for p in (ONE, TWO, THREE)) + AGAIN, b"\r\n"),
    "padded": (KIND, b"".join(part(p + NULS) for p in (ONE, TWO, THREE)) + AGAIN, NULS),
    "padded_no_length": (KIND, b"".join(part(p + NULS, length=None) for p in (ONE, TWO, THREE)) + AGAIN, NULS),
    "padding_not_counted": (KIND, b"".join(part(p, length=len(p)) + NULS for p in (ONE, TWO, THREE)) + AGAIN),
    "length_too_large": (KIND, b"".join(part(p, len(p) + 48) for p in (ONE, TWO, THREE)) + AGAIN),
    "length_a_little_too_large": (KIND, b"".join(part(p, len(p) + 3, end=b"") for p in (ONE, TWO, THREE)) + AGAIN),
    "length_too_small": (KIND, b"".join(part(p, len(p) - 20) for p in (ONE, TWO, THREE)) + AGAIN),
    "length_absurd": (KIND, b"".join(part(p, 10**12) for p in (ONE, TWO, THREE)) + AGAIN),
    "length_zero": (KIND, b"".join(part(p, 0) for p in (ONE, TWO, THREE)) + AGAIN),
    "other_parts": (KIND, part(b"hi") + part(ONE) + part(b"\xff\xfb" * 60) + part(TWO) + part(b"x", None) + part(THREE) + AGAIN),
    "empty_parts": (KIND, part(b"") + part(ONE) + part(b"", None) + part(TWO) + part(THREE) + AGAIN),
    "end": (KIND, parts(ONE, TWO, THREE, length=None) + B + b"--\r\n"),
}  # fmt: skip


def read(kind: str, body: bytes, size: int = 0, **limits) -> tuple[list[bytes], type | None]:
    reader = PartStream(kind, **limits)
    size = size or len(body)
    pictures = [p for at in range(0, len(body), size) for p in reader.feed(body[at : at + size])]
    return pictures, type(reader.error) if reader.error else None


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_gives_its_pictures_however_it_is_cut(name):
    kind, body, *tail = STREAMS[name]
    expected = [p + (tail[0] if tail else b"") for p in (ONE, TWO, THREE)]
    # Thousands of bytes of padding are cut the same everywhere.
    for size in (0, 1 if len(body) < 5000 else 5, 7, 64, 100, 1000):
        assert read(kind, body, size) == (expected, None), size


@pytest.mark.parametrize("name", STREAMS)
def test_every_split_point_gives_the_same(name):
    kind, body, *_ = STREAMS[name]
    expected = read(kind, body)[0]
    for cut in range(0, len(body), 1 if len(body) < 2000 else 41):
        reader = PartStream(kind)
        assert reader.feed(body[:cut]) + reader.feed(body[cut:]) == expected, cut


@pytest.mark.parametrize("length", [-1, None])
def test_a_picture_needs_no_end_of_its_own_where_the_part_has_one(length):
    body = part(NO_END, length) + part(TWO, length) + AGAIN
    for size in (0, 1, 50):
        assert read(KIND, body, size) == ([NO_END, TWO], None)


def test_a_thumbnail_does_not_end_a_part():
    thumbnail = b"\xff\xe1" + (2 + len(THREE)).to_bytes(2, "big") + THREE
    picture = ONE[:2] + thumbnail + ONE[2:]
    for length in (-1, None):
        assert read(KIND, part(picture, length) + AGAIN, 33)[0] == [picture]


def test_a_picture_is_there_before_the_next_boundary_when_its_length_is_known():
    assert PartStream(KIND).feed(part(ONE, end=b"")) == [ONE]
    assert PartStream(KIND).feed(part(ONE + NULS, end=b"")) == [ONE + NULS]


@pytest.mark.parametrize(
    ("body", "picture"),
    [
        (part(ONE, None), ONE),
        (part(ONE, 9999), ONE),
        (part(ONE[:-9], None), None),
        (part(ONE), None),
        (b"", None),
    ],
)
def test_a_stream_that_ends_gives_its_last_picture_if_it_is_whole(body, picture):
    reader = PartStream(KIND)
    reader.feed(body)
    assert reader.finish() == picture


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (part(make_frame(6000)), FrameTooLarge),
        (part(make_frame(6000), None), FrameTooLarge),
        (part(make_frame(100) + bytes(6000), None) + AGAIN, FrameTooLarge),
        (part(b"x" * 20_000), BadHeader),
        (bytes(20_000), BadHeader),
        (parts(*[b"text"] * 500), BadHeader),
        (b"\r\n" * 6000, BadHeader),
    ],
)
def test_what_has_no_end_is_given_up(body, error):
    for size in (0, 100):
        assert read(KIND, body, size, max_frame_bytes=5000) == ([], error)


PIECES = [
    B,
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    ONE,
    NO_END,
    b"Content-Length: 100",
    b"Content-Length: 98\r\n\r\n",
    b"\0\0",
    b"-",
    part(TWO),
    part(TWO, 310),
    part(TWO, None),
    part(b"no"),
]


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=9), max_size=10), st.data())
def test_any_bytes_give_the_same_however_they_are_cut(pieces, data):
    body = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    reader, whole = PartStream(KIND, 2000), PartStream(KIND, 2000)
    places = zip([0, *cuts], [*cuts, len(body)], strict=True)
    pictures = [p for start, end in places for p in reader.feed(body[start:end])]
    assert pictures == whole.feed(body)
    assert type(reader.error) is type(whole.error) and len(reader._buffer) <= 2000 + 8192


@pytest.mark.parametrize(
    "piece",
    [b"--FRAME\n\n", b"--FRAME\n\n\xff\xd8\xff\xd9\n", b"--FRAME\r\nContent-Length: 1\r\n\r\nx"],
)
def test_a_stream_of_pieces_too_small_for_pictures_is_read_no_further(piece):
    reader = PartStream(KIND)
    for _ in range(100):
        reader.feed(piece * 2000)
    assert isinstance(reader.error, TooFine | BadHeader)
