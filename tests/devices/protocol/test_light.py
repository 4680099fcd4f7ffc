import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol import light
from devices.protocol.light import CaptureCommand, Result, ResultJoiner, decode_command, decode_result

URL = "http://hub.example/p/7Kq2"
PACKED = base64.b64encode(URL.encode()).decode()
WHOLE = Result(0, "uploadup ok", URL, "")
ANSWER = light.encode_ok(url=URL, id="5b1f")

junk_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["action", "name", "code", "des", "url", "err"]), inner)
    ),
).map(lambda value: json.dumps(value).encode())


def test_a_command_is_the_bytes_the_firmware_wants():
    assert light.encode_capture("gate-1") == b'{"action":0,"name":"gate-1"}'
    assert light.encode_capture("gate-1", action_as_string=True) == b'{"action":"0","name":"gate-1"}'


def test_a_name_has_at_most_49_printable_ascii_characters():
    assert light.encode_capture("x" * 49)
    for name in ("", "x" * 50, "Tür", "a\r\nb", "a\0", "a\n"):
        with pytest.raises(ValueError, match="1 to 49 printable ASCII"):
            light.encode_capture(name)


def test_the_firmware_understands_what_we_send():
    assert decode_command(light.encode_capture('a"b\\c')) == CaptureCommand('a"b\\c')


@pytest.mark.parametrize(
    "payload",
    [
        b'{"action":"0","name":"a"}',
        b'{"action":1,"name":"a"}',
        b'{"action":true,"name":"a"}',
        b'{"action":false,"name":"a"}',
        b'{"action":1e999,"name":"a"}',
        b'{"action":0,"name":5}',
        b'{"action":0,"name":"a"',
        b'{"action":null}',
        b"take one",
        b"",
    ],
)
def test_the_firmware_ignores(payload: bytes):
    assert decode_command(payload) is None
    assert not light.crashes_firmware(payload)


@pytest.mark.parametrize(
    "payload",
    [b"{}", b"[]", b"5", b'{"name":"a"}', b'{"action":0}', b'{"action":0,"name":"' + b"x" * 50 + b'"}'],
)
def test_the_firmware_crashes_on(payload: bytes):
    assert decode_command(payload) is None
    assert light.crashes_firmware(payload)


def test_the_firmware_reads_loosely_where_its_parser_does():
    for payload in (
        b'{"Action":0.9,"NAME":"a"}',
        b' {"action":0,"name":"a"}junk',
        b'{"action":0,"name":"a","name":5}',
    ):
        assert decode_command(payload) == CaptureCommand("a")


def test_the_answer_to_a_durable_picture():
    assert ANSWER == b'{"code":0,"des":"uploadup ok","url":"' + PACKED.encode() + b'","id":"5b1f"}'
    assert json.loads(light.encode_ok(url=URL, id="5b1f", dup=True))["dup"] is True


def test_the_answer_to_a_refused_picture():
    answer = light.encode_error("Name-Pic is not exist", "no_name")
    assert answer == b'{"code":1,"des":"Name-Pic is not exist","err":"no_name"}'


def test_a_link_that_does_not_fit_is_left_out_whole():
    assert json.loads(light.encode_ok(url="http://" + "x" * 400, id="1")) == {
        "code": 0,
        "des": "uploadup ok",
        "id": "1",
    }


@given(st.text(max_size=700), st.text(max_size=80))
def test_no_error_answer_is_above_512_bytes(des: str, err: str):
    answer = light.encode_error(des, err)
    assert len(answer) <= 512 and answer.isascii()
    assert des.startswith(json.loads(answer)["des"])


@given(st.text(max_size=400), st.text(max_size=80), st.booleans())
def test_no_good_answer_is_above_512_bytes(url: str, id: str, dup: bool):
    assert json.loads(light.encode_ok(url=url, id=id, dup=dup))["code"] == 0
    assert len(light.encode_ok(url=url, id=id, dup=dup)) <= 512


def test_a_shortened_sentence_uses_the_room_there_is():
    assert len(light.encode_error("x" * 600, "busy")) == 512
    assert len(light.encode_error("灯" * 600, "busy")) > 500


def test_a_result_is_read_as_the_hub_wrote_it():
    assert decode_result(ANSWER) == WHOLE
    assert decode_result(light.encode_error("Too fast.", "rate")) == Result(1, "Too fast.", "", "rate")


@pytest.mark.parametrize("url", [URL, PACKED, PACKED.rstrip("="), PACKED[:20] + "\\n" + PACKED[20:]])
def test_a_url_may_be_plain_or_base64_of_any_kind(url: str):
    assert decode_result(b'{"url":"%s"}' % url.encode()) == Result(None, "", URL, "")


def test_the_url_safe_alphabet_is_read():
    packed = base64.urlsafe_b64encode(b"http://h/aa?aa~").decode()
    assert "_" in packed and "-" in packed
    assert decode_result(b'{"url":"%s"}' % packed.encode()).url == "http://h/aa?aa~"


def test_a_result_may_be_nothing_but_a_url():
    assert decode_result(b" http://h/a.jpg\n") == Result(None, "", "http://h/a.jpg", "")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://h/x", "http://", "http://h/<b>", "http://h/a b", "5", ""]
)
def test_only_a_clean_web_address_counts_as_url(url: str):
    packed = base64.b64encode(url.encode()).decode()
    for text in (url, packed):
        assert decode_result(json.dumps({"code": 0, "url": text}).encode()) == Result(0, "", "", "")


def test_a_code_may_be_digits_and_junk_fields_are_empty():
    assert decode_result(b'{"code":"1","des":7,"err":["x"],"url":{}}') == Result(1, "", "", "")
    assert decode_result(b'{"code":[],"des":"a\\u0000b\\ud800"}') == Result(None, "a b\ufffd", "", "")


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\xd8\xff", b"[]", b"5", b"{}", b'{"x":1}', b"[" * 4000, ANSWER + b" " * 5000]
)
def test_what_is_no_result_is_none(payload: bytes):
    assert decode_result(payload) is None


def test_a_result_tells_whether_the_picture_arrived():
    assert WHOLE.ok and Result(None, "", URL, "").ok
    assert not Result(1, "", URL, "").ok and not Result(None, "", "", "").ok


@pytest.mark.parametrize("size_bytes", [1, 7, 40, 512])
def test_pieces_of_an_answer_are_joined(size_bytes: int):
    joiner = ResultJoiner()
    pieces = [ANSWER[start : start + size_bytes] for start in range(0, len(ANSWER), size_bytes)]
    results = [joiner.feed(piece, now_s=100.0) for piece in pieces]
    assert results == [None] * (len(pieces) - 1) + [WHOLE]
    assert not joiner.waiting


def test_a_piece_waits_ten_seconds_for_the_rest():
    joiner = ResultJoiner()
    joiner.feed(ANSWER[:20], now_s=100.0)
    assert joiner.feed(ANSWER[20:], now_s=110.0) == WHOLE
    joiner.feed(ANSWER[:20], now_s=200.0)
    assert joiner.feed(ANSWER[20:], now_s=210.1) is None
    assert not joiner.waiting


def test_a_whole_answer_behind_a_lost_rest_is_found():
    joiner = ResultJoiner()
    joiner.feed(ANSWER[:20], now_s=100.0)
    assert joiner.feed(ANSWER, now_s=101.0) == WHOLE
    assert not joiner.waiting


def test_the_joiner_holds_neither_junk_nor_more_than_its_limit():
    joiner = ResultJoiner()
    joiner.feed(b"junk", now_s=0.0)
    assert not joiner.waiting
    joiner.feed(b'{"des":"', now_s=0.0)
    assert joiner.waiting
    for _ in range(5):
        joiner.feed(b"x" * 1000, now_s=0.0)
    assert not joiner.waiting


def test_a_name_keeps_the_wish_and_all_of_the_proof():
    assert light.new_name(bytes(range(12)), "Küche (2)/../x") == "Kuche-2-..-x-aaaqeayeaudaocajbifq"
    assert light.new_name(bytes(16), "门") == "a" * 26


@given(st.binary(min_size=12, max_size=20), st.text(max_size=80))
def test_every_name_is_safe_and_fits_the_firmware(random_bytes: bytes, wish: str):
    name = light.new_name(random_bytes, wish)
    assert len(name) <= 49 and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name)
    proof = name.rpartition("-")[2].upper()
    assert base64.b32decode(proof + "=" * (-len(proof) % 8)) == random_bytes
    assert decode_command(light.encode_capture(name)) == CaptureCommand(name)


def test_a_name_needs_enough_randomness():
    for count in (0, 11, 21):
        with pytest.raises(ValueError, match="12 to 20 random bytes"):
            light.new_name(bytes(count))


@given(st.binary(max_size=80) | junk_json)
def test_any_payload_is_read_without_an_error(payload: bytes):
    command, result = decode_command(payload), decode_result(payload)
    assert command is None or not light.crashes_firmware(payload)
    assert result is None or result.url == "" or result.url.lower().startswith("http")


@given(st.lists(st.binary(max_size=40) | st.sampled_from([ANSWER, ANSWER[:9], ANSWER[9:]]), max_size=8))
def test_whatever_came_before_a_whole_answer_is_read(messages: list[bytes]):
    joiner = ResultJoiner()
    for message in messages:
        joiner.feed(message, now_s=0.0)
    assert joiner.feed(ANSWER, now_s=0.0) == WHOLE
