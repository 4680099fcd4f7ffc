import io

import pytest
from PIL import Image

from devices.protocol.frames.framing import StreamReader
from devices.protocol.frames.http_pictures import HttpPictures
from devices.protocol.pictures.start import begins_like_picture, end_finder, is_whole, may_begin_picture
from tests.devices.protocol.frames import test_framing as framings

JPEG, PNG, WEBP = b"\xff\xd8\xff\xe0" + bytes(9), b"\x89PNG\r\n\x1a\n" + bytes(9), b"RIFF\1\2\3\4WEBPVP8 "


@pytest.mark.parametrize("data", [JPEG, PNG, WEBP])
def test_pictures_are_known_by_their_first_bytes(data):
    assert begins_like_picture(data)


@pytest.mark.parametrize(
    "data", [b"\xff\xd8\0", b"GIF89a" + bytes(9), b"RIFF\1\2\3\4WAVEfmt ", b"--x\r\n", b"\x89PNG\n\x1a\n"]
)
def test_anything_else_is_none(data):
    assert not begins_like_picture(data)


def encode(kind: str, size: int = 40) -> bytes:
    """Return a whole picture of this kind."""
    out = io.BytesIO()
    Image.effect_noise((size, size), 50).save(out, kind)
    return out.getvalue()


PICTURES = {kind: encode(kind) for kind in ("JPEG", "PNG", "WEBP")}


@pytest.mark.parametrize("kind", PICTURES)
def test_the_end_is_found_however_the_bytes_come(kind):
    picture, finder, buffer, found = PICTURES[kind], end_finder(PICTURES[kind][:12]), bytearray(), []
    for byte in picture + b"tail":
        assert may_begin_picture(buffer)
        buffer.append(byte)
        found.append(finder.find(buffer))
    assert found[: len(picture) - 1] == [None] * (len(picture) - 1)
    assert found[-1] == len(picture) and is_whole(picture) and not is_whole(picture[:-1])


@pytest.mark.parametrize(
    "data", [b"GIF89a", b"\0", b"RIFF\0\0\0\0WAVE", b"\x89PNG\r\n\x1a\r", b"\xff\xd8\0", b"BM"]
)
def test_what_is_no_picture_is_known_by_its_first_bytes(data):
    assert not may_begin_picture(data) and not begins_like_picture(data)


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("framing", ["big", "little", "decimal", "end to end"])
def test_every_kind_comes_in_every_framing_of_a_stream(kind, framing):
    some = [PICTURES[kind], encode(kind, 60)]
    form = {"big": framings.big, "little": framings.little, "decimal": framings.decimal}.get(framing)
    data = form(*some) if form else b"".join(some)
    for size in (len(data), 7):
        reader = StreamReader()
        events = [e for at in range(0, len(data), size) for e in reader.feed(data[at : at + size])]
        assert [event.picture for event in events] == some and reader.error is None


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("head", ["Content-Length: {}\r\n\r\n", "Content-Type: image/x\r\n\r\n", "\r\n", ""])
def test_every_kind_comes_in_the_parts_of_a_stream(kind, head):
    some = [PICTURES[kind], encode(kind, 60), PICTURES[kind]]
    parts = [b"--x\r\n" + head.format(len(one)).encode() + one + b"\r\n" for one in some]
    data = b"".join(parts) + b"--x--\r\n"
    for size in (len(data), 13):
        reader = HttpPictures("multipart/x-mixed-replace; boundary=x")
        pictures = [p for at in range(0, len(data), size) for p in reader.feed(data[at : at + size])]
        assert pictures == some and reader.error is None


@pytest.mark.parametrize("kind", PICTURES)
def test_every_kind_is_a_snapshot_and_two_of_it_are_a_stream(kind):
    one, two = PICTURES[kind], encode(kind, 60)
    for size in (10_000_000, 50):
        reader = HttpPictures("image/jpeg")
        assert [p for at in range(0, len(one), size) for p in reader.feed(one[at : at + size])] == []
        assert reader.is_whole and reader.finish() == one
        data, reader = one + two, HttpPictures("image/jpeg")
        assert [p for at in range(0, len(data), size) for p in reader.feed(data[at : at + size])] == [
            one,
            two,
        ]


@pytest.mark.parametrize("kind", PICTURES)
def test_half_a_snapshot_is_none_when_its_transport_broke(kind):
    reader = HttpPictures("")
    reader.feed(PICTURES[kind][:-3])
    assert not reader.is_whole and reader.finish(broken=True) is None
