from datetime import UTC, datetime

import pytest

from media_pipeline.intake.head import FORM_MARGIN_BYTES, read_head
from media_pipeline.picture_files.refusals import Refused

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def read(*headers: tuple[str, str], path: str = "/api/upload"):
    return read_head({"path": path, "headers": [(n.encode(), v.encode()) for n, v in headers]}, NOW)


@pytest.mark.parametrize(
    ("headers", "path", "key"),
    [
        ([("authorization", "bearer  k ")], "/api/upload/p", "k"),
        ([("x-device-key", " k ")], "/api/upload/p", "k"),
        ([], "/api/upload/a%20b/", "a b"),
        ([("authorization", "Basic x")], "/index.php", ""),
    ],
)
def test_the_first_key_counts(headers, path, key):
    assert read(*headers, path=path).key == key


@pytest.mark.parametrize("name", ["authorization", "x-device-key"])
def test_two_proofs_are_refused_at_once(name):
    with pytest.raises(Refused) as refused:
        read((name, "a"), (name, "b"))
    assert refused.value.word == "bad_request"


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ([], "empty_body"),
        ([("content-length", "0")], "empty_body"),
        ([("content-length", "-1")], "bad_request"),
        ([("content-length", "1"), ("content-length", "1")], "bad_request"),
        ([("content-length", "0"), ("transfer-encoding", "chunked")], "bad_request"),
        ([("content-length", "9" * 5000)], "too_large"),
        ([("content-length", "1"), ("name-pic", "")], "bad_name"),
        ([("content-length", "1"), ("name-pic", "a"), ("name-pic", "b")], "bad_name"),
    ],
)
def test_what_cannot_be_taken_is_told_when_it_is_known_to_whom(headers, word):
    assert read(*headers).refusal.word == word


# Every header of the upload endpoint, and what becomes of two lines of it, also when both say the same.
DOUBLES = {
    "Content-Length": "bad_request",
    "Transfer-Encoding": "bad_request",
    "X-Content-SHA256": "bad_request",
    "Content-MD5": "bad_request",
    "Name-Pic": "bad_name",
    "X-Captured-At": "",
    "X-Battery-Mv": "",
    "X-RSSI": "",
    "X-Free-Heap": "",
    "X-Firmware-Version": "",
    "Content-Type": "",
    "Content-Encoding": "",
}


@pytest.mark.parametrize(("name", "word"), DOUBLES.items())
def test_two_lines_of_a_header_that_decides_are_refused_and_of_another_none_counts(name, word):
    length = [] if name in ("Content-Length", "Transfer-Encoding") else [("content-length", "9")]
    for second in ("1", "2"):
        head = read(*length, (name.lower(), "1"), (name.lower(), second))
        assert (head.refusal.word if head.refusal else "") == word
        assert head.telemetry == {} and head.captured_at is None and head.content_encoding == ""
        assert head.flags == (("clock",) if name == "X-Captured-At" else ())


@pytest.mark.parametrize("name", [name for name, word in DOUBLES.items() if word])
def test_a_header_that_stands_there_twice_is_named_as_people_write_it(name):
    assert read((name.lower(), "1"), (name.lower(), "1")).refusal.sentence == f"Two {name} headers; send one."


def test_a_form_may_be_as_much_larger_as_what_stands_around_the_picture(settings):
    plain = read(("content-length", "9")).limit_bytes
    form = read(("content-length", "9"), ("content-type", "Multipart/Form-Data"))
    assert (plain, form.limit_bytes) == (
        settings.UPLOAD_MAX_BYTES,
        settings.UPLOAD_MAX_BYTES + FORM_MARGIN_BYTES,
    )


@pytest.mark.parametrize(("said", "flags"), [("946684860", ("clock",)), ("1773500966", ()), ("", ())])
def test_a_clock_that_cannot_be_right_is_flagged(said, flags):
    head = read(("content-length", "9"), ("x-captured-at", said))
    assert head.flags == flags and head.refusal is None
    assert (head.captured_at is None) == (said != "1773500966")
