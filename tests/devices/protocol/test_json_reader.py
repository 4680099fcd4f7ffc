import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.json_reader import JsonRefused, read_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_json_is_read(value):
    assert read_json(json.dumps(value).encode(), max_bytes=10_000) == value


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:\\u0dEe9.- ', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(data):
    try:
        json.dumps(read_json(data, max_bytes=50), ensure_ascii=False).encode()
    except JsonRefused:
        pass


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[" * 1500,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 5000,
        b"\xff",
        b"x" * 99,
    ],
)
def test_what_is_not_read_is_refused(data):
    with pytest.raises(JsonRefused):
        read_json(data, max_bytes=6000)


def test_the_size_is_looked_at_first_and_brackets_in_texts_are_no_depth():
    with pytest.raises(JsonRefused, match="at most 5"):
        read_json(b"[" * 6, max_bytes=5)
    assert read_json(b'["\\"[[[["]', max_bytes=50, max_depth=1) == ['"[[[[']


def test_a_lone_surrogate_becomes_a_question_mark():
    assert read_json(b'{"\\ud800":"a\\udfff"}', max_bytes=50) == {"?": "a?"}
