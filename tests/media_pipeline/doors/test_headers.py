import base64
import hashlib
from datetime import UTC, datetime

import pytest

from media_pipeline.doors.headers import clean_name, read_md5, read_moment
from media_pipeline.refusals import Refused


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("door", "door"),
        ("  door\t", "door"),
        ("a\x00b\r\nc", "abc"),
        ("\u202egnp", "gnp"),
        ("e\u0301", "é"),
        (None, None),
    ],
)
def test_names_are_cleaned(raw, clean):
    assert clean_name(raw) == clean


@pytest.mark.parametrize("raw", ["", "\u200b", "x" * 129])
def test_names_that_say_nothing_or_too_much_are_refused(raw):
    with pytest.raises(Refused) as refused:
        clean_name(raw)
    assert refused.value.word == "bad_name"


@pytest.mark.parametrize(
    "raw",
    [
        "1700000000",
        "1700000000.0",
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20",
        "2023-11-15T06:13:20+08:00",
    ],
)
def test_moments_are_read_in_every_usual_form(raw):
    assert read_moment(raw) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "raw", ["", "yesterday", "0", "1e400", "99999999999999", "1970-01-01T00:00:00", "NaN"]
)
def test_impossible_clocks_are_dropped(raw):
    assert read_moment(raw) is None


def test_md5_is_read_in_base64_and_in_hex():
    digest = hashlib.md5(b"x").digest()
    assert read_md5(base64.b64encode(digest).decode()) == digest == read_md5(digest.hex())
    assert read_md5("!!") == b""
