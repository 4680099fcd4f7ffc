import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.events.wording import sentence_of
from devices.protocol.frames.payload import (
    FrameRefused,
    FrameTooLarge,
    MqttFrame,
    NotAFrame,
    PartJoiner,
    PartsBroken,
    SizeMismatch,
    read_frame,
)
from tests.builders import make_jpeg
from tests.devices.protocol.pictures.test_jpeg_end import find_end
from tests.devices.protocol.pictures.test_text import FORMS, PNG, WEBP
from tests.devices.protocol.pictures.test_text import JPEG as WRITTEN

JPEG = make_jpeg(text="k230")


def headed(ticks_ms: int, size: int, picture: bytes = JPEG) -> bytes:
    return struct.pack("<II", ticks_ms, size) + picture


def pieces(data: bytes, size: int = 300) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def join(joiner: PartJoiner, parts: list[bytes], first: int = 1) -> list[bytes | None]:
    return [joiner.add(first + i, part, now_s=0.001 * i) for i, part in enumerate(parts)]


def test_a_bare_picture_is_a_frame():
    assert read_frame(JPEG) == MqttFrame(JPEG)


@pytest.mark.parametrize("ticks_ms", [0, 123_456, 0xFFFFFFFF, 0x00FFD8FF])
def test_a_header_gives_the_device_clock(ticks_ms):
    assert read_frame(headed(ticks_ms, len(JPEG))) == MqttFrame(JPEG, ticks_ms)


@pytest.mark.parametrize("off", [-1, 1, 5000])
def test_a_size_that_does_not_fit_is_refused(off):
    with pytest.raises(SizeMismatch, match="came"):
        read_frame(headed(7, len(JPEG) + off))


@pytest.mark.parametrize("payload", [b"", b"\xff\xd8", b"hello", b"\0" * 20, JPEG[1:]])
def test_anything_else_is_refused(payload):
    with pytest.raises(NotAFrame):
        read_frame(payload)


def test_the_limit_counts_the_picture():
    assert read_frame(headed(1, len(JPEG)), max_frame_bytes=len(JPEG)).jpeg == JPEG
    with pytest.raises(FrameTooLarge):
        read_frame(headed(1, len(JPEG)) + b"x", max_frame_bytes=len(JPEG))


@given(st.integers(1, 2000), st.integers(1, 5))
def test_parts_of_any_size_are_joined(size, first):
    outcomes = join(PartJoiner(), pieces(JPEG, max(size, 3)), first)
    assert outcomes[-1] == JPEG and not any(outcomes[:-1])


def test_a_second_picture_follows_the_first():
    joiner, other = PartJoiner(), make_jpeg(text="other")
    assert join(joiner, pieces(JPEG))[-1] == JPEG
    assert join(joiner, pieces(other))[-1] == other


def test_a_part_that_comes_twice_counts_once():
    joiner, parts = PartJoiner(), pieces(JPEG)
    joiner.add(1, parts[0], 0)
    assert joiner.add(1, parts[0], 0) is None
    assert [joiner.add(n, p, 0) for n, p in enumerate(parts[1:], 2)][-1] == JPEG


def test_a_missing_part_spoils_the_picture_and_not_the_next():
    joiner, parts = PartJoiner(), pieces(JPEG)
    joiner.add(1, parts[0], 0)
    with pytest.raises(PartsBroken, match="part 2 was due"):
        joiner.add(3, parts[2], 0)
    assert join(joiner, parts)[-1] == JPEG


def test_parts_without_a_beginning_are_refused():
    with pytest.raises(PartsBroken, match="without the one that begins"):
        PartJoiner().add(2, b"\x11\x22", 0)


def test_the_rest_after_ten_seconds_is_too_late():
    joiner, parts = PartJoiner(), pieces(JPEG)
    joiner.add(1, parts[0], 0)
    with pytest.raises(PartsBroken):
        joiner.add(2, parts[1], 10.1)
    assert joiner.held_bytes == 0


def test_a_new_beginning_replaces_what_was_not_finished():
    joiner, parts = PartJoiner(), pieces(JPEG)
    joiner.add(1, parts[0], 0)
    joiner.add(2, parts[1], 0)
    assert join(joiner, parts)[-1] == JPEG


def test_parts_never_hold_more_than_a_frame():
    joiner = PartJoiner(max_frame_bytes=700)
    joiner.add(1, JPEG[:600], 0)
    with pytest.raises(FrameTooLarge):
        joiner.add(2, JPEG[600:701], 0)
    assert joiner.held_bytes == 0


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([*pieces(JPEG), b"", b"\xff"])), max_size=12))
def test_no_order_of_parts_breaks_the_joiner(messages):
    joiner = PartJoiner()
    for part, payload in messages:
        try:
            joined = joiner.add(part, payload, 0)
        except FrameRefused:
            joined = None
        # Numbers and contents are drawn apart, so what is joined need not be the picture, but it has its end.
        assert joined is None or find_end(joined)


@pytest.mark.parametrize("name", FORMS)
def test_a_picture_written_as_text_is_a_frame(name):
    assert read_frame(FORMS[name].encode()).jpeg == WRITTEN


@pytest.mark.parametrize("picture", [PNG, WEBP])
def test_every_kind_of_picture_is_a_frame(picture):
    assert read_frame(picture).jpeg == read_frame(headed(7, len(picture), picture)).jpeg == picture


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (b"hello", "frame_no_picture"),
        (headed(1, 7), "frame_size"),
        (JPEG + bytes(5000), "frame_too_large"),
        (b"x" * 20_000, "frame_too_large"),
        (json.dumps({"a": FORMS["plain"], "b": base64.b64encode(PNG).decode()}).encode(), "frame_several"),
    ],
)
def test_every_refusal_has_a_sentence_for_people(payload, word):
    with pytest.raises(FrameRefused) as refused:
        read_frame(payload, max_frame_bytes=5000)
    assert refused.value.word == word and "?" not in sentence_of(word, refused.value.values)


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", JPEG[:30], headed(1, 9)[:12], FORMS["json"][:60].encode(), b"data:;base64,"]),
)
def test_any_bytes_are_a_frame_or_refused(noise, begin):
    try:
        read_frame(begin + noise, max_frame_bytes=150)
    except FrameRefused as refused:
        assert "?" not in sentence_of(refused.word, refused.values)
