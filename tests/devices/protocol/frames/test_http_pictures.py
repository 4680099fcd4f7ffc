import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.frames.framing import FrameTooLarge, NotPicture
from devices.protocol.frames.http_pictures import BadlySent, HttpPictures
from tests.devices.protocol.frames.test_framing import ONE, THREE, TWO, make_frame
from tests.devices.protocol.frames.test_part_stream import STREAMS

MPF = ONE[:2] + b"\xff\xe2\x00\x08MPF\0\1\2" + ONE[2:]


def read(kind: str, body: bytes, size: int = 0, **limits) -> tuple:
    """Return the stream's pictures, what the end gave, and the fault."""
    reader = HttpPictures(kind, **limits)
    size = size or len(body) or 1
    pictures = [p for at in range(0, len(body), size) for p in reader.feed(body[at : at + size])]
    return pictures, reader.finish(), type(reader.error) if reader.error else None


@pytest.mark.parametrize("kind", ["image/jpeg", "", "text/html"])
@pytest.mark.parametrize("tail", [b"", bytes(500), b"\r\n", b"\xff\xd9"])
def test_one_picture_is_a_snapshot_with_its_tail(kind, tail):
    for size in (0, 1, 60):
        assert read(kind, ONE + tail, size) == ([], ONE + tail, None)


@pytest.mark.parametrize("kind", ["image/jpeg", "", "application/octet-stream"])
@pytest.mark.parametrize("gap", [b"", bytes(500), b"\r\n"])
def test_pictures_one_behind_the_other_are_a_stream_whatever_their_type(kind, gap):
    for size in (0, 1, 60):
        assert read(kind, gap.join([ONE, TWO, THREE]), size) == ([ONE, TWO, THREE], None, None)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("lies", [False, True])
def test_parts_are_a_stream_also_under_another_type(name, lies):
    kind, body, *_ = STREAMS[name]
    if lies and not body.lstrip(b"\r\n").startswith(b"--"):
        return
    expected = read(kind, body)[0]
    assert len(expected) == 3 and read("image/jpeg" if lies else kind, body, 13)[0] == expected


def test_a_picture_that_announces_others_is_one():
    assert read("image/jpeg", MPF + TWO) == ([], MPF + TWO, None)


@pytest.mark.parametrize(
    ("body", "whole"), [(ONE, True), (ONE + b"\0", True), (ONE[:-1], False), (b"", False)]
)
def test_a_snapshot_says_whether_it_is_whole(body, whole):
    reader = HttpPictures("image/jpeg")
    reader.feed(body)
    assert reader.is_whole is whole
    broken = reader.finish(broken=True)
    assert (broken, type(broken)) == ((body, BadlySent) if whole else (None, type(None)))


@pytest.mark.parametrize("body", [b"<html></html>", b"GIF89a", b"\0\0", b"--x\r\n" + b"hello" * 200])
def test_anything_else_is_no_picture(body):
    assert read("image/jpeg", body)[2] is NotPicture


@pytest.mark.parametrize(
    "body", [make_frame(5001), make_frame(100) + bytes(5000), make_frame(100)[:-2] + b"\1" * 20_000]
)
def test_a_picture_above_the_limit_is_refused(body):
    assert read("image/jpeg", body, 100, max_frame_bytes=5000) == ([], None, FrameTooLarge)


@given(
    st.lists(
        st.sampled_from([ONE, ONE[:50], b"--x\r\n", b"Content-Length: 9\r\n\r\n", b"\r\n"])
        | st.binary(max_size=9),
        max_size=8,
    ),
    st.integers(1, 60),
    st.sampled_from(["image/jpeg", "multipart/x; boundary=x"]),
)
def test_any_bytes_give_the_same_however_they_are_cut(pieces, size, kind):
    body = b"".join(pieces)
    assert read(kind, body, size, max_frame_bytes=2000) == read(kind, body, max_frame_bytes=2000)


def test_a_tail_in_small_pieces_is_looked_at_once():
    class Counting(bytearray):
        looked_at = 0

        def find(self, what, start=0, *rest):
            Counting.looked_at += len(self) - start
            return super().find(what, start, *rest)

    reader = HttpPictures("image/jpeg")
    reader._buffer = Counting()
    for byte in ONE + bytes(50_000):
        assert reader.feed(bytes([byte])) == []
    assert Counting.looked_at < 500_000 and reader.finish() == ONE + bytes(50_000)
