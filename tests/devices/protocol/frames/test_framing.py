import random
import struct
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.frames.framing import (
    BadHeader,
    BadHello,
    Ended,
    Frame,
    FrameTooLarge,
    Framing,
    Hello,
    NotPicture,
    StreamReader,
    TooFine,
    UnknownFraming,
)

QUANT = b"\xff\xdb\x00\x05\x00\x01\x02"
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"


def make_frame(size: int, seed: int = 0) -> bytes:
    """Return a JPEG's skeleton of exactly this size, its coded bytes random and without markers."""
    head = b"\xff\xd8" + QUANT + SCAN
    coded = random.Random(seed).randbytes(size - len(head) - 2).replace(b"\xff", b"\x01")
    return head + coded + b"\xff\xd9"


ONE, TWO, THREE = make_frame(100, 1), make_frame(300, 2), make_frame(65, 3)
FRAMES = [Frame(ONE), Frame(TWO), Frame(THREE)]


def big(*pictures: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(p)) + p for p in pictures)


def little(*pictures: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(p)) + p for p in pictures)


def decimal(*pictures: bytes, separator: bytes = b"\r\n\r\n") -> bytes:
    return b"".join(str(len(p)).encode() + separator + p for p in pictures)


STREAMS = {
    "big": big(ONE, TWO, THREE),
    "published": b"\0\0\0\0" + big(ONE, TWO, THREE),
    "big_with_zeros": b"\0\0\0\0" * 3 + big(ONE, TWO) + b"\0\0\0\0" + big(THREE),
    "little": little(ONE, TWO, THREE),
    "decimal": decimal(ONE, TWO, THREE),
    "decimal_letters": decimal(ONE, TWO, separator=b"rnrn") + decimal(THREE),
    "decimal_with_zero": b"0\r\n\r\n" + decimal(ONE, TWO, THREE),
    "end_to_end": ONE + TWO + THREE,
    "padded": ONE + b"\0" * 96 + TWO + b"\xff" + THREE,
    "padded_much": ONE + b"\0" * 70_000 + TWO + b"--FRAME\r\n" * 900 + THREE,
    **{
        f"big_padded_{n}": big(ONE) + bytes(n) + big(TWO) + bytes(4 * n) + big(THREE)
        for n in (1, 2, 3, 5, 6, 7, 512)
    },
    "decimal_padded": decimal(ONE) + b"\r\n" + decimal(TWO) + bytes(513) + b"0\r\n\r\n \n" + decimal(THREE),
}


def read_all(data: bytes, cuts: list[int] = (), **settings) -> tuple[list, type | None]:
    """Feed the data cut at these places; return the events and the kind of fault."""
    reader = StreamReader(**settings)
    places = [0, *sorted(cuts), len(data)]
    events = [e for a, b in pairwise(places) for e in reader.feed(data[a:b])]
    return events, type(reader.error) if reader.error else None


@pytest.mark.parametrize("name", STREAMS)
def test_every_framing_gives_its_frames(name):
    assert read_all(STREAMS[name]) == (FRAMES, None)


@pytest.mark.parametrize("name", STREAMS)
def test_byte_by_byte_gives_the_same(name):
    data = STREAMS[name]
    assert read_all(data, list(range(len(data)))) == (FRAMES, None)


@pytest.mark.parametrize("name", STREAMS)
def test_every_split_point_gives_the_same(name):
    data = b"PHOTOHUB porch k-1\n" + STREAMS[name]
    expected = [Hello("porch", "k-1"), *FRAMES]
    cuts = (
        range(len(data))
        if len(data) < 5000
        else [*range(0, len(data), 997), *range(len(data) - 80, len(data))]
    )
    assert all(read_all(data, [cut]) == (expected, None) for cut in cuts)


@pytest.mark.parametrize("size", [0x100, 0x1200, 0x10000, 0x10001, 0x123456])
@pytest.mark.parametrize("zeros", range(1, 9))
def test_zeros_of_any_number_hide_no_length(size, zeros):
    frame = make_frame(size)
    stream = big(ONE) + bytes(zeros) + big(frame) + bytes(zeros) + big(TWO)
    for cuts in ([], list(range(len(big(ONE)), len(big(ONE)) + 20))):
        assert read_all(stream, cuts) == ([Frame(ONE), Frame(frame), Frame(TWO)], None)


@given(st.lists(st.sampled_from([ONE, TWO, THREE, b""]), max_size=6), st.data())
def test_any_pictures_cut_anywhere_come_out_whole(pictures, data):
    stream = big(*pictures)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    assert read_all(stream, cuts) == ([Frame(p) for p in pictures if p], None)


@given(st.binary(max_size=400), st.data())
def test_any_bytes_give_the_same_however_they_are_cut(noise, data):
    start = data.draw(
        st.sampled_from([b"", ONE, big(ONE), little(ONE), b"PHOTOHUB a", b"12", b"\0\0\0\0", ONE[:50]])
    )
    stream = start + noise
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=10))
    assert read_all(stream, cuts, max_frame_bytes=5000) == read_all(stream, max_frame_bytes=5000)


def test_a_little_endian_zero_ends_the_stream():
    events, error = read_all(little(ONE) + b"\0\0\0\0" + little(TWO))
    assert events == [Frame(ONE), Ended()] and error is None


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("size", [0x000300, 0x003000, 0x010200, 0x020100, 0x010100, 0x120000])
def test_a_length_that_reads_both_ways_round_is_understood(order, size):
    frame = make_frame(size)
    stream = size.to_bytes(4, order) + frame + len(TWO).to_bytes(4, order) + TWO
    assert read_all(stream) == ([Frame(frame), Frame(TWO)], None)


def test_a_cut_picture_gives_way_to_the_next():
    assert read_all(ONE[:60] + TWO) == ([Frame(TWO)], None)


def test_an_end_inside_a_thumbnail_is_not_the_end():
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(THREE)) + THREE
    picture = ONE[:2] + thumbnail + ONE[2:]
    for cuts in ([], list(range(len(picture)))):
        assert read_all(picture + TWO, cuts) == ([Frame(picture), Frame(TWO)], None)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\0\x50\0\1" + ONE, FrameTooLarge),
        (b"\xff\xff\xff\xff", UnknownFraming),
        (b"\x7f\xff\xff\xff", UnknownFraming),
        (b"GET / HTTP/1.1\r\n", UnknownFraming),
        (b"\0\0\0\1\xff", NotPicture),
        (b"\0\0\1\0GIF89a", NotPicture),
        (b"9999999\r\n\r\n", FrameTooLarge),
        (b"1000000000\r\n\r\n", FrameTooLarge),
        (b"0" * 21 + b"\r\n\r\n", BadHeader),
        (b"12ab34", BadHeader),
        ("1٣\r\n\r\n".encode(), BadHeader),
        (b"100\r\n\r\nnothing", NotPicture),
        (b"PHOTOHUB Porch key\n", BadHello),
        (b"PHOTOHUB porch\n", BadHello),
        (b"POST / HTTP/1.1\r\n", BadHello),
        (b"PHOTOHUB porch " + b"k" * 300, BadHello),
        (b"PHOTOHUB a1 k\nPHOTOHUB a1 k\n", UnknownFraming),
    ],
)
def test_what_cannot_be_read_is_named(data, error):
    assert read_all(data)[1] is error


@pytest.mark.parametrize("stream", [ONE + b"x" * 5001, decimal(ONE) + b"\0" * 5001])
def test_padding_has_the_limit_of_a_frame(stream):
    assert read_all(stream, max_frame_bytes=5000) == ([Frame(ONE)], BadHeader)
    assert read_all(stream[:-2], max_frame_bytes=5000) == ([Frame(ONE)], None)


def test_a_minus_behind_a_frame_is_a_bad_header():
    assert read_all(decimal(ONE) + b"-1\r\n\r\n") == ([Frame(ONE)], BadHeader)


def test_frames_before_a_fault_are_not_lost():
    assert read_all(big(ONE, TWO) + b"\xff\xff\xff\xff") == ([Frame(ONE), Frame(TWO)], FrameTooLarge)


def test_the_largest_frame_passes_and_one_byte_more_does_not():
    assert read_all(big(ONE), max_frame_bytes=100) == ([Frame(ONE)], None)
    assert read_all(big(ONE), max_frame_bytes=99)[1] is FrameTooLarge


def test_a_picture_without_an_end_stops_at_the_limit():
    reader = StreamReader(max_frame_bytes=10_000)
    reader.feed(ONE[:60])
    for _ in range(30):
        reader.feed(b"\x11" * 1000)
    assert isinstance(reader.error, FrameTooLarge) and not reader._buffer


def test_a_length_allocates_nothing():
    reader = StreamReader()
    reader.feed(struct.pack(">I", 4 * 2**20) + b"\xff\xd8\xff")
    assert len(reader._buffer) == 7


def test_a_multipart_body_is_read_by_its_pictures():
    part = b"--FRAME\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
    body = b"".join(part % (len(p), p) for p in (ONE, TWO, THREE))
    assert read_all(body, [3, 80, 200], framing=Framing.JPEGS) == (FRAMES, None)


def test_empty_frames_are_counted():
    reader = StreamReader()
    reader.feed(STREAMS["big_with_zeros"])
    assert reader.empty_frames == 4


@pytest.mark.parametrize(
    ("data", "may"), [(b"", True), (b"PHO", True), (b"PHOTOHUB a1", True), (ONE[:4], False)]
)
def test_a_hello_may_come_until_something_else_did(data, may):
    reader = StreamReader()
    reader.feed(data)
    assert reader.may_greet is may


def test_the_key_does_not_show_in_a_log():
    assert "secret" not in repr(Hello("porch", "secret"))


def seconds_for(size: int) -> float:
    stream = make_frame(size)
    reader, began = StreamReader(), time.process_time()
    for at in range(0, size, 50):
        reader.feed(stream[at : at + 50])
    return time.process_time() - began


def test_reading_takes_linear_time():
    small, large = min(seconds_for(100_000) for _ in range(3)), min(seconds_for(1_600_000) for _ in range(2))
    assert large < 16 * small * 4


FINE = {
    "beginnings": b"\xff\xd8\xff",
    "ends": b"\xff\xd8\xff\xd9",
    "empty_decimals": b"0\r\n\r\n",
    "padded_decimals": b"0rnrn ",
    "decimals": b"4rnrn\xff\xd8\xff\xd9",
    "lengths": b"\0\0\0\4\xff\xd8\xff\xd9",
}


@pytest.mark.parametrize("piece", FINE.values(), ids=FINE)
def test_a_stream_of_pieces_too_small_for_pictures_is_read_no_further(piece: bytes):
    reader = StreamReader()
    assert len(reader.feed(piece * 10_000)) < 2_000
    assert isinstance(reader.error, TooFine)


def test_zeros_without_end_are_passed_over_at_once():
    reader = StreamReader()
    for _ in range(100):
        reader.feed(bytes(65_536))
    assert reader.error is None and reader.feed(big(ONE, ONE)) == [Frame(ONE)] * 2
