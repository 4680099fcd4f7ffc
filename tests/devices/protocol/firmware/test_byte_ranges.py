from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.firmware.byte_ranges import RangeDecision, decide_range, matches_none

ETAG = '"9f86d081"'
SIZE = 200_000
MODIFIED = datetime(2026, 3, 14, 15, 9, 26, 535_000, tzinfo=UTC)


def decide(wanted: str, size_bytes: int = SIZE, **headers: object) -> tuple[int, int, int]:
    found = decide_range(size_bytes, ETAG, wanted=wanted, **headers)
    return found.status, found.first, found.last


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-65535", 0, 65_535),
        ("bytes=196608-262143", 196_608, 199_999),  # the last step of an updater that asks for 64 KB each
        ("bytes=199999-200000", 199_999, 199_999),
        ("bytes=150000-", 150_000, 199_999),
        ("bytes=-1", 199_999, 199_999),
        ("bytes=-999999", 0, 199_999),
        ("BYTES= 5-9 ", 5, 9),
        ("bytes=,5-9,", 5, 9),
        ("bytes=5-" + "9" * 400, 5, 199_999),
        ("bytes=" + "0" * 400 + "7-9", 7, 9),
    ],
)
def test_a_range_that_fits_is_cut_at_the_end(wanted: str, first: int, last: int):
    assert decide(wanted) == (206, first, last)


@pytest.mark.parametrize(
    "wanted", ["bytes=200000-", "bytes=200000-200001", "bytes=-0", "bytes=" + "9" * 400 + "-"]
)
def test_a_range_behind_the_end_is_refused_with_the_size(wanted: str):
    found = decide_range(SIZE, ETAG, wanted=wanted)
    assert (found.status, found.length_bytes, found.content_range) == (416, 0, "bytes */200000")


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=9-5",
        "bytes=a-b",
        "bytes=0-1,5-9",
        "lines=0-5",
        "bytes=--5",
        "bytes=٣-",
    ],
)
def test_anything_else_gets_the_whole_file(wanted: str):
    assert decide(wanted) == (200, 0, 199_999)


def test_of_an_empty_file_no_range_fits():
    assert [decide(wanted, 0)[0] for wanted in ("bytes=0-", "bytes=-5", "bytes=0-0")] == [416] * 3
    assert decide_range(0, ETAG).length_bytes == 0


def test_headers_and_lengths_of_a_part():
    part = decide_range(SIZE, ETAG, wanted="bytes=5-9")
    assert part == RangeDecision(206, SIZE, 5, 9)
    assert (part.length_bytes, part.content_range) == (5, "bytes 5-9/200000")
    assert decide_range(SIZE, ETAG).content_range == ""


def test_head_is_asked_for_the_whole_file():
    assert decide("bytes=5-9", method="HEAD") == (200, 0, 199_999)


@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        ("", 206),
        (ETAG, 206),
        ('"other"', 200),
        (f"W/{ETAG}", 200),
        ("Sat, 14 Mar 2026 15:09:26 GMT", 206),
        ("Sat, 14 Mar 2026 15:09:27 GMT", 200),
        ("9f86d081", 200),
        ("yesterday", 200),
    ],
)
def test_a_part_of_another_file_is_not_continued(if_range: str, status: int):
    assert decide("bytes=5-9", if_range=if_range, modified_at=MODIFIED)[0] == status


def test_a_date_is_worth_nothing_when_the_file_has_none():
    assert decide("bytes=5-9", if_range="Sat, 14 Mar 2026 15:09:26 GMT")[0] == 200


@pytest.mark.parametrize("given_tags", [ETAG, f"W/{ETAG}", f'"a", {ETAG}', "*", " * ", "9f86d081"])
def test_a_device_that_has_the_file_gets_304(given_tags: str):
    assert decide("bytes=5-9", if_none_match=given_tags) == (304, 0, -1)


@pytest.mark.parametrize("given_tags", ["", '""', '"other"', "other", '"9f86d081', "9f86"])
def test_a_device_with_another_file_gets_this_one(given_tags: str):
    assert not matches_none(given_tags, ETAG)


@given(
    st.text(max_size=30) | st.text("bytes=-0123456789, ", max_size=30),
    st.integers(0, 50),
    st.text(max_size=20),
)
def test_bytes_are_always_those_of_the_file(wanted: str, size_bytes: int, tags: str):
    found = decide_range(
        size_bytes, ETAG, wanted=wanted, if_range=tags, if_none_match=tags, modified_at=MODIFIED
    )
    again = decide_range(size_bytes, ETAG, wanted="bytes=" + wanted)
    for decision in (found, again):
        assert 0 <= decision.first <= decision.last + 1 <= size_bytes
        assert decision.status in (200, 206, 304, 416) and (
            decision.status != 206 or decision.length_bytes > 0
        )
