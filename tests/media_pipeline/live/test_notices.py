import io

import pytest
from PIL import Image

from media_pipeline.live import notices
from tests.builders import make_jpeg


def open_jpeg(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=["JPEG"]).convert("L")


def test_the_notice_has_something_written_in_both_halves():
    picture = open_jpeg(notices.draw_no_picture())
    assert picture.size == notices.NOTICE_SIZE
    upper, lower = picture.crop((0, 180, 640, 235)), picture.crop((0, 245, 640, 300))
    assert upper.getextrema()[1] > 200 and lower.getextrema()[1] > 200


def test_the_notice_is_drawn_once():
    assert notices.draw_no_picture() is notices.draw_no_picture()


def test_the_last_picture_keeps_its_size_and_gets_darker():
    bright = make_jpeg(640, 480, "white")
    picture = open_jpeg(notices.draw_last(bright, 12))
    assert picture.size == (640, 480) and picture.getpixel((100, 100)) < 200


def test_a_huge_last_picture_is_made_smaller():
    assert max(open_jpeg(notices.draw_last(make_jpeg(3000, 2000), 12)).size) <= 1280


@pytest.mark.parametrize("data", [b"", b"nothing", b"\xff\xd8\xff\xd9"])
def test_a_damaged_last_picture_gives_the_notice(data):
    assert notices.draw_last(data, 12) == notices.draw_no_picture()


def test_a_picture_of_too_many_pixels_is_not_decoded():
    data = bytearray(make_jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    assert notices.draw_last(bytes(data), 12) == notices.draw_no_picture()


@pytest.mark.parametrize(
    ("age_s", "text"),
    [
        (4.9, "Last picture 4 s ago / 4 秒前"),
        (125, "Last picture 2 min ago / 2 分钟前"),
        (7300, "Last picture 2 h ago / 2 小时前"),
    ],
)
def test_an_age_is_said_in_both_languages(age_s, text):
    assert notices.describe_age(age_s) == text


def test_every_character_that_is_written_can_be_drawn():
    texts = "无实时画面" + "".join(notices.describe_age(age_s) for age_s in (1, 100, 10_000))
    assert {c for c in texts if not c.isascii()} == set(notices._STROKES)
