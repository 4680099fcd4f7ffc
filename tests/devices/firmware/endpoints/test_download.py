import base64
import hashlib

import pytest

from devices.firmware.endpoints import call, download
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.models import RolloutState, TargetState
from devices.protocol.firmware.manifest import SIGNED_FRONT, key_id
from tests.devices.firmware.builders import IMAGE, PRIVATE, flip_byte
from tests.devices.firmware.endpoints.offered import offer, raw_request

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = len(IMAGE)


def test_the_whole_image_comes_with_its_length_and_hashes(endpoint):
    answer = endpoint.get(offer(door="http").path)
    digest = base64.b64encode(hashlib.sha256(IMAGE).digest()).decode()
    assert (answer.status_code, answer.content) == (200, IMAGE)
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["x-md5"] == hashlib.md5(IMAGE, usedforsecurity=False).hexdigest()
    assert answer.headers["etag"] == f'"{hashlib.sha256(IMAGE).hexdigest()}"'


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_length_is_spelled_as_the_c_sdk_looks_for_it(endpoint, version):
    made = offer(door="http")
    head, _, body = raw_request(
        str(endpoint.base_url), f"GET {made.path} HTTP/{version}\nHost: hub\nConnection: close\n\n"
    ).partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: %d\r\n" % SIZE in head and body == IMAGE
    assert b"chunked" not in head.lower() and max(len(line) for line in head.split(b"\r\n")) < 256


def test_the_signature_is_that_of_the_manifest(endpoint):
    made = offer(door="http")
    key, _, signature = endpoint.head(made.path).headers["x-signature"].partition(":")
    manifest = made.now().rollout.firmware.manifest.encode()
    PRIVATE.public_key().verify(base64.b64decode(signature), SIGNED_FRONT + manifest)
    assert key == key_id(PRIVATE.public_key().public_bytes_raw())


def test_head_tells_the_size_and_moves_nothing(endpoint):
    made = offer(door="http")
    answer = endpoint.head(made.path)
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, str(SIZE), b"")
    assert (made.now().state, made.now().percent) == (TargetState.OFFERED, 0)


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        ("bytes=4-9", 206, IMAGE[4:10]),
        ("bytes=8000-65535", 206, IMAGE[8000:]),
        ("bytes=-10", 206, IMAGE[-10:]),
        ("bytes=0-0,5-9", 200, IMAGE),
    ],
)
def test_a_part_is_cut_as_it_was_asked_for(endpoint, wanted, status, body):
    answer = endpoint.get(offer(door="http").path, headers={"range": wanted})
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers["content-length"] == str(len(body))


def test_a_beginning_behind_the_end_is_416(endpoint):
    answer = endpoint.get(offer(door="http").path, headers={"range": f"bytes={SIZE}-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{SIZE}")
    assert (answer.content, answer.headers["content-length"]) == (b"", "0")


def test_who_has_the_image_gets_304(endpoint):
    path = offer(door="http").path
    answer = endpoint.get(path, headers={"if-none-match": endpoint.head(path).headers["etag"]})
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_whole_download_is_noted_but_proves_nothing(endpoint):
    made = offer(door="http")
    endpoint.get(made.path)
    made.reach(TargetState.FLASHING, 100)


def test_a_part_is_noted_as_what_it_is(endpoint):
    made = offer(door="http")
    endpoint.get(made.path, headers={"range": f"bytes=0-{SIZE // 2}"})
    made.reach(TargetState.DOWNLOADING, 50)


@pytest.mark.parametrize("end", ["waiting", "cancelled"])
def test_a_token_without_an_open_offer_opens_nothing(endpoint, end):
    made = offer(door="" if end == "waiting" else "http")
    if end == "cancelled":
        rollouts.cancel(made.target.rollout)
    answer = endpoint.get(made.path)
    assert (answer.status_code, answer.json()["err"]) == (404, "not_found")
    assert endpoint.get("/ota/f/unknown").status_code == 404


def test_another_device_cannot_use_the_token(endpoint):
    mine, other = offer("porch", door="http"), offer("barn", IMAGE + b"!", facts={"version": "3"})
    assert endpoint.get(mine.path, headers={"x-device-key": other.key}).status_code == 404
    assert endpoint.get(mine.path, headers={"authorization": f"TargetToken {mine.key}"}).status_code == 200


def test_a_changed_byte_is_never_handed_out(endpoint):
    made = offer(door="http")
    flip_byte(made.now().rollout.firmware)
    answer = endpoint.get(made.path)
    assert (answer.status_code, answer.json()["err"]) == (500, "integrity")
    rollout = made.now().rollout
    assert (rollout.state, rollout.reason_word) == (RolloutState.PAUSED, "integrity")


def _lines(answer: bytes) -> list[bytes]:
    """Return the lines of an answer in any order, without those that a server adds."""
    lines = answer.replace(b"connection:", b"Connection:").split(b"\r\n")
    return sorted(line for line in lines if not line.startswith((b"date:", b"server:")))


@pytest.mark.parametrize("path", ["/ota/f/abc", "/ota/esp/abc"])
def test_who_is_turned_away_at_the_wire_is_told_what_the_endpoint_would_say(
    path, endpoint, settings, monkeypatch
):
    request = f"GET {path} HTTP/1.1\nHost: hub\nConnection: close\n\n"
    whole = request.replace("\n", "\r\n").encode()
    settings.DOWNLOADS_AT_ONCE = 1
    assert download.turn_away(whole) is None
    monkeypatch.setattr(download.places, "taken", 1)
    monkeypatch.setattr(call._random, "randrange", lambda end: 3)
    assert _lines(download.turn_away(whole)) == _lines(raw_request(str(endpoint.base_url), request))
    for other in (whole[:-2], whole.replace(b"GET", b"HEAD"), whole.replace(b"/ota/", b"/wifi/")):
        assert download.turn_away(other) is None


def test_more_downloads_than_places_are_asked_to_come_again(endpoint, settings):
    settings.DOWNLOADS_AT_ONCE = 0
    answer = endpoint.get(offer(door="http").path)
    assert (answer.status_code, answer.json()["err"]) == (503, "busy")
    assert 2 <= int(answer.headers["retry-after"]) <= 10


def test_other_methods_are_refused(endpoint):
    assert endpoint.post("/ota/f/x").status_code == 405
