import socket
from urllib.parse import urlsplit

import pytest

from photohub.lib.http.answer import HeaderName, Refused, answer, transport_of
from tests.servers import running_asgi


async def application(scope, receive, send):
    status = int(scope["path"].strip("/"))
    await answer(send, status, b"abc" if status == 200 else b"", {"X-MD5": "00", "x-small": "1"})


def head_of(path: str) -> bytes:
    with running_asgi(application) as url:
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return b"".join(iter(lambda: connection.recv(4096), b"")).partition(b"\r\n\r\n")[0]


def test_names_reach_the_wire_as_they_are_spelled():
    head = head_of("/200")
    assert b"\r\nContent-Length: 3\r\n" in head and b"\r\nX-MD5: 00\r\n" in head
    assert b"chunked" not in head and head.lower().count(b"content-length") == 1


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_has_no_length(status):
    assert b"content-length" not in head_of(f"/{status}").lower()


def test_a_name_is_the_same_as_the_one_in_small_letters():
    assert HeaderName(b"Content-Length").lower() == b"content-length"
    assert HeaderName(b"Content-Length") != b"content-type"


def test_a_server_that_hides_its_connection_has_none():
    assert transport_of(lambda message: None) is None


def test_a_refusal_has_one_shape_and_says_when_to_come_again():
    refused = Refused(429, "rate", "Wait 3 s. 请稍候", 3).answer(imageData=0)
    assert refused.status_code == 429 and refused["Retry-After"] == "3"
    wanted = '{"code": 1, "des": "Wait 3 s. 请稍候", "err": "rate", "imageData": 0}'
    assert refused.content.decode() == wanted
