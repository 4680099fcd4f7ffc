import base64
import hashlib
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from media_pipeline.intake.headers import CameraTime, clean_name, read_md5, read_moment
from media_pipeline.picture_files.refusals import Refused

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


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
        "1700000000000",
        "1700000000000.5",
        " 1700000000 ",
        "2023-11-14T22:13:20Z",
        "2023-11-14 22:13:20+00:00",
        "2023-11-15T06:13:20+08:00",
        "2023-11-15T06:13:20+0800",
        "20231114T221320Z",
        "2023-11-14T22:13:20",
    ],
)
def test_moments_are_read_in_every_usual_form(raw):
    read = read_moment(raw, NOW)
    assert read.moment.replace(microsecond=0) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert not read.is_wrong


def test_a_time_without_a_zone_is_in_the_hubs(settings):
    settings.TIME_ZONE = "Asia/Shanghai"
    timezone.get_default_timezone.cache_clear()
    try:
        assert read_moment("2023-11-15T06:13:20", NOW).moment == datetime(
            2023, 11, 14, 22, 13, 20, tzinfo=UTC
        )
    finally:
        timezone.get_default_timezone.cache_clear()


@pytest.mark.parametrize(
    "raw",
    [
        "yesterday", "0", "1e400", "99999999999999999", "946684860", "1262303999", "1970-01-01T00:00:00", "NaN",
        "2009-12-31T23:59:59Z", "2026-03-15T15:09:27Z", "1773587367", "4102444800000", "-5", "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "\ud800",
    ],
)  # fmt: skip
def test_clocks_that_cannot_be_right_are_dropped_and_said(raw):
    assert read_moment(raw, NOW) == CameraTime(None, is_wrong=True)


@pytest.mark.parametrize(("raw", "year"), [("1262304000", 2010), ("2026-03-15T15:09:26Z", 2026)])
def test_from_2010_to_a_day_ahead_a_clock_is_believed(raw, year):
    assert read_moment(raw, NOW).moment.year == year


@pytest.mark.parametrize("raw", [None, "", "  "])
def test_no_clock_is_no_fault(raw):
    assert read_moment(raw, NOW) == CameraTime()


def test_md5_is_read_in_base64_and_in_hex():
    digest = hashlib.md5(b"x").digest()
    assert read_md5(base64.b64encode(digest).decode()) == digest == read_md5(digest.hex())
    assert read_md5("!!") == b""
