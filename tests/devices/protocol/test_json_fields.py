import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.json_fields import (
    MAX_DEPTH,
    MAX_VALUES,
    NotJson,
    clean_text,
    compact,
    read_id,
    read_json,
    read_object,
    read_part,
    read_whole,
)


@pytest.mark.parametrize("payload", [b"", b"[]", b'"a"', b"{", b"{'a':1}", b"\xff", b"[" * 5000, b'{"a":1,}'])
def test_what_is_no_object_is_none(payload: bytes):
    assert read_object(payload, 10_000) is None


def test_an_object_may_stand_in_padding_but_not_over_its_limit():
    assert read_object(b'\xef\xbb\xbf {"a":1}\r\n\0', 20) == {"a": 1}
    assert read_object(b'{"a":1}', 7) == {"a": 1} and read_object(b'{"a":1}', 6) is None


def test_commas_before_an_end_are_passed_over_outside_of_texts():
    payload = b'{"a":[1,2, ],"b":{"c":",}",},}'
    assert read_object(payload, 100, trailing_commas=True) == {"a": [1, 2], "b": {"c": ",}"}}


def test_a_text_without_end_is_passed_over_once():
    # Tried from every quote anew, this would take a hundred thousand times as long.
    begun_s = time.perf_counter()
    assert read_object(b'{"a":' + b'"\\' * 100_000, 10**6, trailing_commas=True) is None
    assert time.perf_counter() - begun_s < 5


@pytest.mark.parametrize("value", ["[]", "{}", '"a"', "1", '{"a":[1,[{}]]}'])
def test_a_text_of_too_many_values_is_not_read(value: str):
    count = MAX_VALUES // value.count(",") if "," in value else MAX_VALUES
    with pytest.raises(NotJson):
        read_json(f"[{','.join([value] * (count + 1))}]", 10**7)


def test_every_text_of_64_kb_is_within_the_bound_of_values():
    assert len(read_json("[" + "1," * 32_765 + "1]", 2**16)) == 32_766


def test_an_id_keeps_its_form():
    assert [read_id(v) for v in ("7", 7, None, True, 1.5, {}, 2**80)] == ["7", 7, "", "", "", "", ""]


def test_a_text_loses_what_cannot_be_stored():
    assert clean_text("a\0b\ud800\n", 10) == "a b?"
    assert clean_text("图" * 9, 4) == "图" * 4 and clean_text(7, 4) == ""


def test_whole_numbers_come_as_numbers_and_texts():
    values = [5, "5", " -5 ", 5.0, 5.5, "5.0", "", True, None, 10**30, float("nan"), "9" * 19, "٥"]
    assert [read_whole(v) for v in values] == [5, 5, -5, 5] + [None] * 9


def test_parts_and_compact_form():
    assert read_part([1]) == {} and read_part({"a": 1}) == {"a": 1}
    assert compact({"a": "图", "b": 1}) == b'{"a":"\\u56fe","b":1}'


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"1e999", None),
        (b"[NaN,-Infinity]", [None, None]),
        (b"9" * 9000, None),
        (b"[9223372036854775807,9223372036854775808]", [2**63 - 1, None]),
        (b'"a\\ud800b\\u0000"', "a\ufffdb "),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\xff"', "\ufffd"),
        (b'{"a\\u0000":1,"b":1,"b":2}', {"a ": 1, "b": 2}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, ...),
    ],
)
def test_what_json_can_spell_and_nobody_can_store_is_replaced(payload: bytes, value):
    found = read_json(payload, 10_000)
    assert value is ... or found == value


@pytest.mark.parametrize("one", [b"[", b'{"a":', b"[" * 40 + b"]" * 40, b"", b"{}{}", b"1" * 20_000])
def test_what_is_too_deep_too_long_or_no_json_is_told_as_that(one: bytes):
    for payload in (one, one * 1500):
        with pytest.raises(NotJson):
            read_json(payload, 10_000)


def _depth(value) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict | list) + max(map(_depth, inner), default=0)


@given(
    st.recursive(
        st.floats() | st.integers() | st.text() | st.none(),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
    )
)
def test_whatever_is_read_can_be_written_again(value):
    found = read_object(json.dumps({"a": value}).encode(), 10**6)
    if found is not None:
        assert _depth(found) <= MAX_DEPTH
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()


@given(st.binary(max_size=80) | st.text('{}[]",:1a\\ ', max_size=40).map(str.encode))
def test_reading_never_raises(payload: bytes):
    found = read_object(payload, 60, trailing_commas=True)
    assert found is None or isinstance(found, dict)
