import pytest

from simulators.esp_http import AnswerParser, HttpFailure, build_head, post
from tests.simulators.fake_hub import STORED, answer, fake_hub

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n"


def test_an_answer_is_the_same_however_the_network_cuts_it():
    whole = answer(STORED, "503 Busy", "Retry-After: 3")
    for cut in range(1, len(whole)):
        parser = AnswerParser()
        parser.feed(whole[:cut])
        parser.feed(whole[cut:])
        assert parser.done
        assert (parser.answer.status, parser.answer.body) == (503, STORED)
        assert parser.answer.headers["retry-after"] == "3"


def test_every_chunk_is_a_piece_of_its_own():
    parser = AnswerParser()
    parser.feed(CHUNKED)
    assert parser.done
    assert parser.answer.pieces == [b"hello", b"you"]


def test_a_chunked_answer_survives_every_split():
    for cut in range(1, len(CHUNKED)):
        parser = AnswerParser()
        parser.feed(CHUNKED[:cut])
        parser.feed(CHUNKED[cut:])
        assert parser.done
        assert parser.answer.body == b"helloyou"


def test_an_answer_without_length_ends_with_the_connection():
    parser = AnswerParser()
    parser.feed(b"HTTP/1.0 200 OK\r\n\r\nhel")
    parser.feed(b"lo")
    assert not parser.done
    parser.end()
    assert parser.done
    assert parser.answer.body == b"hello"


def test_an_interim_answer_is_passed_over():
    parser = AnswerParser()
    parser.feed(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(STORED))
    assert (parser.answer.status, parser.answer.body) == (200, STORED)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_what_is_not_an_answer_is_refused(data: bytes):
    with pytest.raises(HttpFailure):
        AnswerParser().feed(data)


def test_an_answer_cut_short_is_a_failure():
    parser = AnswerParser()
    parser.feed(answer(STORED)[:-1])
    with pytest.raises(HttpFailure, match="closed before"):
        parser.end()


def test_a_header_line_of_512_bytes_fits_and_513_do_not():
    AnswerParser().feed(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 508)
    with pytest.raises(HttpFailure, match="Out of buffer"):
        AnswerParser().feed(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 510)


def test_the_head_is_that_of_the_esp_client():
    head = build_head("http://hub.example:8000/api/upload", {"Name-Pic": "gate"}, 5)
    assert head == (
        b"POST /api/upload HTTP/1.1\r\nUser-Agent: ESP32 HTTP Client/1.0\r\nHost: hub.example:8000\r\n"
        b"Name-Pic: gate\r\nContent-Length: 5\r\n\r\n"
    )


def test_a_long_url_does_not_fit_the_buffer():
    with pytest.raises(HttpFailure, match="Out of buffer"):
        build_head("http://hub/" + "a" * 600, {}, 0)


async def test_a_long_body_comes_in_pieces_of_the_buffer():
    async with fake_hub(answer(b"x" * 2000)) as hub:
        got = await post(hub.url, {}, b"picture")
    assert got.body == b"x" * 2000
    assert len(got.pieces) >= 4
    assert max(map(len, got.pieces)) <= 512


async def test_a_hub_that_never_answers_exhausts_the_patience():
    async with fake_hub(b"") as hub:
        with pytest.raises(HttpFailure, match=r"get an answer from .* within"):
            await post(hub.url, {}, b"picture", timeout_s=0.2)


async def test_nobody_listening_is_a_failure_with_a_sentence():
    async with fake_hub() as hub:
        gone = hub.url
    with pytest.raises(HttpFailure, match="Could not connect to"):
        await post(gone, {}, b"picture", timeout_s=2)
