import pytest

from simulators.esp_http import HttpFailure
from simulators.http_fetch import Interrupted, Wish, fetch
from tests.simulators.firmware_hub import Reply, firmware_hub


def test_the_head_has_what_a_small_client_sends():
    wish = Wish("http://u@hub.example:8000/a?b=c", {"Range": "bytes=0-"}, version="1.0")
    assert wish.head == (
        b"GET /a?b=c HTTP/1.0\r\nHost: hub.example:8000\r\nRange: bytes=0-\r\nConnection: close\r\n\r\n"
    )


async def test_an_answer_keeps_the_spelling_of_its_headers():
    async with firmware_hub() as hub:
        answer = await fetch(Wish(f"{hub.url}/ota/f/x"))
    assert answer.status == 200 and answer.body == hub.image.data
    assert "Content-Length" in answer.spelled and "content-length" in answer.headers


async def test_head_has_a_length_and_no_body():
    async with firmware_hub() as hub:
        answer = await fetch(Wish(f"{hub.url}/ota/f/x", method="HEAD"))
    assert (answer.headers["content-length"], answer.body) == ("20000", b"")


async def test_a_body_goes_out_after_leave_was_given():
    async with firmware_hub() as hub:
        hub.routes["/config"] = lambda asked: Reply(200, asked.body)
        answer = await fetch(Wish(f"{hub.url}/config", method="PUT", body=b"abc", expects_continue=True))
    assert answer.body == b"abc" and hub.requests[0].headers["expect"] == "100-continue"


async def test_a_part_is_kept_when_the_radio_goes():
    async with firmware_hub() as hub:
        with pytest.raises(Interrupted, match="after 7000 of 20000") as caught:
            await fetch(Wish(f"{hub.url}/ota/f/x", stop_after_bytes=7000))
    assert caught.value.fetched.body == hub.image.data[:7000]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "chunked"),
        (b"HTTP/1.1 200 OK\r\n\r\nabc", "no Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "after 3 of 5"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "status line"),
        (b"HTTP/1.1 200 OK\r\n", "Could not fetch"),
    ],
)
async def test_what_a_small_client_cannot_read_is_a_failure(raw: bytes, sentence: str):
    async with firmware_hub() as hub:
        hub.routes["/x"] = lambda asked: Reply(raw=raw)
        with pytest.raises(HttpFailure, match=sentence):
            await fetch(Wish(f"{hub.url}/x"))


async def test_a_hub_that_is_away_is_a_failure():
    async with firmware_hub() as hub:
        port = hub.port
    with pytest.raises(HttpFailure, match="Could not fetch"):
        await fetch(Wish(f"http://127.0.0.1:{port}/x"))
