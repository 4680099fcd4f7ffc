"""What cameras send that end badly or that are refused, over the wire, and where their owner sees it."""

import socket
from urllib.parse import urlsplit

import httpx
import pytest

from devices.events.models import Event, Trouble
from media_pipeline.captures.models import Capture
from media_pipeline.intake import body as upload_body
from media_pipeline.intake import endpoint as upload
from tests.builders import make_jpeg
from tests.media_pipeline.intake.test_endpoint import raw, send
from tests.servers import running_asgi

pytestmark = pytest.mark.django_db(transaction=True)


def connect(endpoint) -> socket.socket:
    parts = urlsplit(str(endpoint.base_url))
    return socket.create_connection((parts.hostname, parts.port), 5)


def head_with(key: str, *lines: str) -> bytes:
    return "\r\n".join(
        ["POST /index.php HTTP/1.1", f"X-Device-Key: {key}", "Host: h", *lines, "", ""]
    ).encode()


def test_answers_are_spelled_as_a_small_client_looks_for_them(endpoint, porch):
    for request in (
        head_with(porch.key, "Content-Length: 1"),
        head_with("wrong", "Content-Length: 1", "Name-Pic: a"),
    ):
        answer = raw(endpoint, request + b"x")
        assert b"\r\nContent-Length: " in answer and b"\r\nContent-Type: application/json\r\n" in answer


@pytest.mark.parametrize(
    ("lines", "spoil"),
    [
        (["Content-Length: {more}"], lambda data: data),
        (["Transfer-Encoding: chunked"], lambda data: b"%x\r\n%b\r\n" % (len(data), data)),
        (["Transfer-Encoding: chunked"], lambda data: b"%x\r\n%b" % (len(data) + 48, data)),
        (["Transfer-Encoding: chunked"], lambda data: b"%x\r\n%b\r\nno length\r\n" % (len(data), data)),
    ],
)
def test_a_whole_picture_is_kept_and_answered_when_the_camera_says_no_more(
    real_endpoint, porch, lines, spoil
):
    data = make_jpeg()
    head = head_with(porch.key, *(line.format(more=len(data) + 48) for line in lines))
    with connect(real_endpoint) as camera:
        camera.sendall(head + spoil(data))
        camera.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: camera.recv(4096), b""))
    assert b" 200 " in answer and b'"code":0' in answer and b"\r\nConnection: close\r\n" in answer
    capture = Capture.objects.get()
    assert (capture.flags, capture.size_bytes) == (["transport"], len(data))


def test_a_camera_that_waits_for_the_answer_to_a_length_too_large_gets_it(real_endpoint, porch, monkeypatch):
    monkeypatch.setattr(upload_body, "SILENCE_S", 0.2)
    data = make_jpeg()
    answer = raw(real_endpoint, head_with(porch.key, f"Content-Length: {len(data) + 48}") + data)
    assert b" 200 " in answer and Capture.objects.get().flags == ["transport"]


def test_half_a_picture_is_refused_in_words_when_the_camera_says_no_more(real_endpoint, porch):
    data = make_jpeg()
    with connect(real_endpoint) as camera:
        camera.sendall(head_with(porch.key, f"Content-Length: {len(data)}") + data[:300])
        camera.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: camera.recv(4096), b""))
    assert b" 400 " in answer and b'"err":"bad_request"' in answer and not Capture.objects.exists()


def test_a_camera_that_asks_before_it_sends_is_told_to_go_on(real_endpoint, porch):
    data = make_jpeg()
    with connect(real_endpoint) as camera:
        camera.sendall(head_with(porch.key, f"Content-Length: {len(data)}", "Expect: 100-continue"))
        assert camera.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        camera.sendall(data)
        assert b" 200 " in camera.recv(4096)


@pytest.mark.parametrize(
    ("change", "data", "word"),
    [
        ({}, b"GIF89a" + bytes(50), "picture_not_image"),
        ({}, b"", "picture_empty_body"),
        ({"x-content-sha256": "0"}, None, "picture_hash_mismatch"),
        ({"settings": {"UPLOAD_MAX_BYTES": 100}}, None, "picture_too_large"),
        ({"settings": {"UPLOAD_MAX_PIXELS": 100}}, None, "picture_too_many_pixels"),
        ({"settings": {"DISK_FLOOR_BYTES": 10**18}}, None, "picture_disk_full"),
        ({"name": "x" * 200}, None, "picture_bad_name"),
    ],
)
def test_what_a_known_camera_is_refused_stands_on_its_page(endpoint, porch, settings, change, data, word):
    for name, value in change.pop("settings", {}).items():
        setattr(settings, name, value)
    assert send(endpoint, porch.key, data=data, **change).status_code >= 400
    assert list(Trouble.objects.open().values_list("device__code", "word")) == [("porch", word)]
    assert Event.objects.filter(device=porch.device, word=word).exists()


def test_a_clock_that_is_wrong_is_flagged_and_the_picture_kept(_no_limits, porch):
    with running_asgi(upload.application) as url, httpx.Client(base_url=url) as endpoint:
        assert send(endpoint, porch.key, **{"x-captured-at": "946684860"}).status_code == 200
    capture = Capture.objects.get()
    assert (capture.captured_at, capture.flags) == (None, ["clock"])
    assert Trouble.objects.open().get().values == {"said": "946684860"}
