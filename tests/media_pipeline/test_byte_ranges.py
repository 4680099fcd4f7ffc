import pytest
from django.test import RequestFactory

from media_pipeline.byte_ranges import NoSuchRange, file_response, read_range

ALPHABET = b"abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-", (0, 26)),
        ("bytes=3-5", (3, 6)),
        ("bytes=20-999", (20, 26)),
        ("bytes=-4", (22, 26)),
        ("bytes=-99", (0, 26)),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-3", None),
        ("bytes=0-1,4-5", None),
        ("lines=1-2", None),
    ],
)
def test_ranges_as_players_write_them(header, part):
    assert read_range(header, len(ALPHABET)) == part


@pytest.mark.parametrize("header", ["bytes=26-", "bytes=99-100", "bytes=-0"])
def test_a_range_behind_the_end(header):
    with pytest.raises(NoSuchRange):
        read_range(header, len(ALPHABET))


async def ask(tmp_path, **headers):
    path = tmp_path / "film.mp4"
    path.write_bytes(ALPHABET)
    response = file_response(RequestFactory().get("/", headers=headers), path, "video/mp4")
    body = b"".join([piece async for piece in response]) if response.streaming else response.content
    return response, body


async def test_the_whole_file(tmp_path):
    response, body = await ask(tmp_path)
    assert (response.status_code, body, response["Content-Length"]) == (200, ALPHABET, "26")
    assert response["Accept-Ranges"] == "bytes"


async def test_a_part_of_the_file(tmp_path):
    response, body = await ask(tmp_path, range="bytes=3-5")
    assert (response.status_code, body, response["Content-Range"]) == (206, b"def", "bytes 3-5/26")


async def test_a_part_that_is_not_there(tmp_path):
    response, _body = await ask(tmp_path, range="bytes=26-")
    assert (response.status_code, response["Content-Range"]) == (416, "bytes */26")
