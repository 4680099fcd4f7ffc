import pytest

from devices.protocol.picture_start import begins_like_picture

JPEG, PNG, WEBP = b"\xff\xd8\xff\xe0" + bytes(9), b"\x89PNG\r\n\x1a\n" + bytes(9), b"RIFF\1\2\3\4WEBPVP8 "


@pytest.mark.parametrize("data", [JPEG, PNG, WEBP])
def test_pictures_are_known_by_their_first_bytes(data):
    assert begins_like_picture(data)


@pytest.mark.parametrize(
    "data", [b"\xff\xd8\0", b"GIF89a" + bytes(9), b"RIFF\1\2\3\4WAVEfmt ", b"--x\r\n", b"\x89PNG\n\x1a\n"]
)
def test_anything_else_is_none(data):
    assert not begins_like_picture(data)
