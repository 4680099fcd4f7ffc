import base64
import contextlib
import hashlib
import json
import socket
import time
from concurrent.futures import Future
from urllib.parse import urlsplit

import pytest

from devices.commands import queue as commands
from devices.events.models import Trouble
from devices.keys import identity
from devices.registry.models import Device
from media_pipeline.captures.models import Capture
from media_pipeline.intake import endpoint as upload
from media_pipeline.intake.ingest import committer
from photohub import env
from tests.builders import make_device, make_jpeg

pytestmark = pytest.mark.django_db(transaction=True)


def files_in(folder) -> list:
    return [path for path in folder.rglob("*") if path.is_file()]


def send(endpoint, key="", name="a", data=None, path="/api/upload", **headers):
    if key:
        headers["x-device-key"] = key
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if name is not None:
        headers["name-pic"] = name.encode()
    return endpoint.post(path, content=make_jpeg() if data is None else data, headers=headers)


def assert_refused(answer, status, word):
    assert (answer.status_code, answer.json()["err"]) == (status, word)
    assert answer.json()["code"] == 1 and answer.json()["des"]
    assert len(answer.content) <= 512 and int(answer.headers["content-length"]) == len(answer.content)
    assert "set-cookie" not in answer.headers and "transfer-encoding" not in answer.headers
    assert Capture.objects.count() == 0


def test_a_picture_with_a_key_is_stored_and_answered(endpoint, porch):
    answer = send(endpoint, porch.key)
    body = answer.json()
    capture = Capture.objects.get()
    assert answer.status_code == 200 and body["code"] == 0 and body["des"] == "uploadup ok"
    assert body["id"] == str(capture.pk) and "dup" not in body
    assert base64.b64decode(body["url"]).decode().endswith(f"/p/{capture.code}")


@pytest.mark.parametrize("path", ["/api/upload", "/api/upload/", "/index.php", "/index.php/"])
def test_every_path_is_served_without_a_redirect(endpoint, porch, path):
    assert send(endpoint, porch.key, path=path).status_code == 200


@pytest.mark.parametrize("tail", ["", "/"])
def test_the_key_may_stand_in_the_path(endpoint, porch, tail):
    assert send(endpoint, path=f"/api/upload/{porch.key}{tail}").status_code == 200


def test_the_key_may_be_a_bearer_token(endpoint, porch):
    assert send(endpoint, authorization=f"Bearer {porch.key}").status_code == 200


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "image/jpg", "application/octet-stream", "application/x-www-form-urlencoded"]
)
def test_the_bytes_decide_whatever_the_content_type(endpoint, porch, kind):
    assert send(endpoint, porch.key, **{"content-type": kind}).status_code == 200
    assert Capture.objects.get().content_type == "image/jpeg"


def test_a_repeated_upload_is_said_to_be_one(endpoint, porch):
    first, again = send(endpoint, porch.key).json(), send(endpoint, porch.key).json()
    assert again["dup"] is True and (again["id"], again["url"]) == (first["id"], first["url"])


def test_a_keyed_device_needs_no_name(endpoint, porch):
    assert send(endpoint, porch.key, name=None).status_code == 200
    assert Capture.objects.get().name.endswith("Z")


def test_a_stranger_without_a_name_hears_the_known_sentence(endpoint):
    answer = send(endpoint, name=None)
    assert_refused(answer, 400, "no_name")
    assert answer.json()["des"] == "Name-Pic is not exist"


def test_a_wrong_key_is_refused(endpoint, porch):
    assert_refused(send(endpoint, porch.key[:-1] + "!"), 401, "auth")


def test_a_stranger_with_a_name_of_his_own_is_refused(endpoint):
    assert_refused(send(endpoint, name="holiday"), 401, "auth")


def test_a_refused_camera_can_send_its_picture_to_the_end_and_then_read_why(endpoint):
    data = make_jpeg(1600, 1200, quality=95) + bytes(2_000_000)
    parts = urlsplit(str(endpoint.base_url))
    head = (
        f"POST /api/upload HTTP/1.1\r\nHost: h\r\nName-Pic: stranger\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), 5) as camera:
        camera.sendall(head.encode())
        for start in range(0, len(data), 100_000):
            camera.sendall(data[start : start + 100_000])
        answer = b""
        while not answer.endswith(b"}"):
            answer += camera.recv(4096) or b"}"
    assert b" 401 " in answer and b'"err":"auth"' in answer


def test_a_revoked_key_is_refused(endpoint, porch):
    identity.revoke_key(porch.device.keys.get())
    assert_refused(send(endpoint, porch.key), 401, "auth")


def test_a_device_that_is_switched_off_is_refused(endpoint, porch):
    Device.objects.update(enabled=False)
    assert_refused(send(endpoint, porch.key), 403, "disabled")


def test_an_issued_name_opens_the_endpoint_once(endpoint):
    camera = make_device("cam", profile="esp32s3")
    command = commands.capture(camera)
    data, other = make_jpeg(text="1"), make_jpeg(text="2")
    first = send(endpoint, name=command.name, data=data)
    replay = send(endpoint, name=command.name, data=data)
    stranger = send(endpoint, name=command.name, data=other)
    assert first.status_code == 200 and replay.json()["dup"] is True
    assert (stranger.status_code, stranger.json()["err"]) == (401, "auth")
    assert Capture.objects.get().command == command


def test_an_issued_name_is_no_proof_where_the_device_does_not_allow_it(endpoint):
    command = commands.capture(make_device("cam", profile="generic"))
    assert_refused(send(endpoint, name=command.name), 401, "auth")


def test_a_known_network_opens_the_endpoint_for_one_device_only(endpoint):
    make_device("cam", allowed_network="127.0.0.0/8")
    assert send(endpoint, name="x").status_code == 200
    make_device("other")
    Device.objects.filter(code="other").update(allowed_network="127.0.0.1/32")
    assert send(endpoint, name="y").status_code == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(endpoint, method):
    answer = endpoint.request(method, "/api/upload")
    assert_refused(answer, 405, "method")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("data", [b"<html>", b"GIF89a" + bytes(50), b"%PDF-1.4", b"\x00" * 100])
def test_what_is_no_picture_is_refused(endpoint, porch, data, settings):
    assert_refused(send(endpoint, porch.key, data=data), 415, "not_image")
    assert files_in(settings.INCOMING_DIR) + files_in(settings.PICTURES_DIR) == []


def test_an_empty_body_is_refused(endpoint, porch):
    assert_refused(send(endpoint, porch.key, data=b""), 400, "empty_body")


@pytest.mark.parametrize("name", ["x" * 129, "", "\u202e\u200b"])
def test_bad_names_are_refused(endpoint, porch, name):
    assert_refused(send(endpoint, porch.key, name=name), 400, "bad_name")


def test_two_names_are_refused(endpoint, porch):
    headers = [("name-pic", "a"), ("name-pic", "b"), ("x-device-key", porch.key)]
    assert_refused(endpoint.post("/api/upload", content=make_jpeg(), headers=headers), 400, "bad_name")


def test_a_name_is_a_label_and_never_a_path(endpoint, porch, settings):
    assert send(endpoint, porch.key, name="../../etc/passwd").status_code == 200
    capture = Capture.objects.get()
    assert capture.name == "../../etc/passwd" and ".." not in capture.path
    assert len(files_in(settings.PICTURES_DIR)) == 1


def test_a_chinese_name_is_kept(endpoint, porch):
    headers = [(b"name-pic", "门口".encode()), (b"x-device-key", porch.key.encode())]
    assert endpoint.post("/api/upload", content=make_jpeg(), headers=headers).status_code == 200
    assert Capture.objects.get().name == "门口"


@pytest.mark.parametrize("header", ["x-content-sha256", "content-md5"])
def test_a_hash_that_does_not_match_is_refused(endpoint, porch, header):
    assert_refused(send(endpoint, porch.key, **{header: "0" * 32}), 422, "hash_mismatch")


@pytest.mark.parametrize("name", ["x-content-sha256", "content-md5"])
def test_two_hashes_or_an_empty_one_do_not_switch_the_check_off(endpoint, porch, name):
    data = make_jpeg()
    right = (hashlib.sha256(data) if name[0] == "x" else hashlib.md5(data)).hexdigest()
    for second, status, word in ((right, 400, "bad_request"), ("0" * 32, 400, "bad_request")):
        headers = [("x-device-key", porch.key), (name, right), (name, second)]
        answer = endpoint.post("/api/upload", content=data, headers=headers)
        assert_refused(answer, status, word)
        assert answer.json()["des"].lower() == f"two {name} headers; send one."
    assert_refused(send(endpoint, porch.key, **{name: ""}), 422, "hash_mismatch")
    assert set(Trouble.objects.values_list("word", flat=True)) == {
        "picture_bad_request",
        "picture_hash_mismatch",
    }


def test_matching_hashes_are_accepted(endpoint, porch):
    data = make_jpeg()
    md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
    headers = {"x-content-sha256": hashlib.sha256(data).hexdigest().upper(), "content-md5": md5}
    assert send(endpoint, porch.key, data=data, **headers).status_code == 200


def test_a_declared_length_over_the_cap_is_refused_before_the_body_is_read(endpoint, porch, settings):
    settings.UPLOAD_MAX_BYTES = 1000
    head = f"POST /api/upload HTTP/1.1\r\nHost: h\r\nName-Pic: a\r\nX-Device-Key: {porch.key}\r\nContent-Length: 1001\r\n\r\n"
    answer = raw(endpoint, head.encode())
    assert b" 413 " in answer and b'"err":"too_large"' in answer


def test_chunked_bodies_are_taken_up_to_the_cap(endpoint, porch, settings):
    data = make_jpeg()
    pieces = (data[i : i + 100] for i in range(0, len(data), 100))
    assert send(endpoint, porch.key, data=pieces).status_code == 200
    settings.UPLOAD_MAX_BYTES = 500
    assert send(endpoint, porch.key, name="b", data=iter([data] * 3)).json()["err"] == "too_large"


def test_too_many_pixels_are_refused_from_the_header(endpoint, porch, settings):
    settings.UPLOAD_MAX_PIXELS = 100
    assert_refused(send(endpoint, porch.key), 422, "too_many_pixels")


def test_a_full_disk_is_said_before_the_body_is_read(endpoint, porch, settings):
    settings.DISK_FLOOR_BYTES = 10**18
    head = f"POST /api/upload HTTP/1.1\r\nHost: h\r\nName-Pic: a\r\nX-Device-Key: {porch.key}\r\nContent-Length: 900\r\n\r\n"
    answer = raw(endpoint, head.encode())
    assert b" 507 " in answer and b"retry-after" in answer.lower()


def test_a_device_that_sends_too_fast_is_told_when_to_come_again(endpoint, porch, monkeypatch):
    monkeypatch.setattr(upload, "_DEVICES", upload.Buckets(per_second=0.5, burst=1))
    assert send(endpoint, porch.key).status_code == 200
    answer = send(endpoint, porch.key, name="b")
    assert answer.status_code == 429 and answer.json()["err"] == "rate"
    assert int(answer.headers["retry-after"]) >= 1


def test_an_address_that_sends_too_fast_is_told_so_at_once_whoever_it_says_it_is(
    endpoint, porch, monkeypatch
):
    monkeypatch.setattr(upload, "_ADDRESSES", upload.Buckets(per_second=0.5, burst=1))
    assert send(endpoint, porch.key).status_code == 200
    begun_s = time.monotonic()
    for key in (porch.key, "wrong"):
        answer = send(endpoint, key, name="b")
        assert (answer.status_code, answer.json()["err"]) == (429, "rate")
        assert int(answer.headers["retry-after"]) >= 1
    # A place would be free after 2 s.
    assert time.monotonic() - begun_s < 1.8 and Capture.objects.count() == 1


def test_forty_cameras_behind_one_router_stay_below_the_usual_limit_of_an_address():
    limit, device = env.READ["PHOTOHUB_ADDRESS_RATE"].default, env.READ["PHOTOHUB_RATE_LIMIT"].default
    address = upload.Buckets(*env._parse_rate(limit))
    per_device_s, _burst = env._parse_rate(device)
    # Each at a fifth of what one camera may send, for a minute, all of them in the same instant.
    waits = [
        address.take("router", second) for second in range(60) for _ in range(int(40 * per_device_s / 5))
    ]
    assert not any(waits)


def test_guessing_keys_is_slowed_down(endpoint, monkeypatch):
    monkeypatch.setattr(upload, "_FAILED_TRIES", upload.FailedTries(per_second=0.1, burst=2))
    words = [send(endpoint, "wrong").json()["err"] for _ in range(3)]
    assert words == ["auth", "auth", "rate"]


@pytest.mark.parametrize("field", ["file", "image", "imageFile", "photo", "照片"])
def test_a_form_with_a_picture_is_accepted_whatever_its_part_is_called(endpoint, porch, field):
    data = make_jpeg()
    form = (
        {"file": (None, "kitchen"), field: ("x.jpg", data)} if field != "file" else {field: ("x.jpg", data)}
    )
    answer = endpoint.post("/api/upload", files=form, headers={"x-device-key": porch.key})
    assert answer.status_code == 200
    assert Capture.objects.get().size_bytes == len(data)


def test_a_form_without_a_file_is_refused(endpoint, porch):
    answer = endpoint.post("/api/upload", files={"other": ("x", b"y")}, headers={"x-device-key": porch.key})
    assert_refused(answer, 400, "empty_body")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_body_that_breaks_off_leaves_nothing(endpoint, porch, share, settings):
    data = make_jpeg(400, 300, text="long")
    head = f"POST /api/upload/{porch.key} HTTP/1.1\r\nHost: h\r\nName-Pic: a\r\nContent-Length: {len(data)}\r\n\r\n"
    raw(endpoint, head.encode() + data[: int(len(data) * share)], read=False)
    assert send(endpoint, porch.key, name="next").status_code == 200
    assert Capture.objects.get().name == "next" and files_in(settings.INCOMING_DIR) == []


@pytest.mark.parametrize(
    ("spoil", "flag"), [(lambda d: d[:-20], "truncated"), (lambda d: d + bytes(100), "trailing")]
)
def test_faulty_jpegs_are_kept_as_sent_and_flagged(endpoint, porch, spoil, flag, settings):
    data = spoil(make_jpeg(200, 150))
    assert send(endpoint, porch.key, data=data).status_code == 200
    assert Capture.objects.get().flags == [flag]
    assert files_in(settings.PICTURES_DIR)[0].read_bytes() == data


def test_telemetry_and_the_cameras_clock_are_kept(endpoint, porch):
    send(
        endpoint,
        porch.key,
        **{
            "x-battery-mv": "3700",
            "x-rssi": "-70",
            "x-captured-at": "1700000000",
            "x-firmware-version": "1.2",
        },
    )
    # What it says of its device is written after the answer.
    committer.stop()
    capture, device = Capture.objects.get(), Device.objects.get()
    assert capture.captured_at.year == 2023
    assert (device.battery_mv, device.rssi_dbm, device.firmware_version) == (3700, -70, "1.2")


def test_nonsense_in_telemetry_is_no_error(endpoint, porch):
    headers = {"x-battery-mv": "full", "x-rssi": "9" * 30, "x-captured-at": "yesterday"}
    assert send(endpoint, porch.key, **headers).status_code == 200


def test_an_old_client_without_a_host_header_is_served(endpoint, porch):
    data = make_jpeg()
    head = f"POST /index.php HTTP/1.0\r\nName-Pic: a\r\nX-Device-Key: {porch.key}\r\nContent-Length: {len(data)}\r\n\r\n"
    answer = raw(endpoint, head.encode() + data)
    assert b" 200 " in answer and json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == 0


def raw(endpoint, data: bytes, read: bool = True) -> bytes:
    """Send bytes on a plain socket; return the whole answer."""
    parts = urlsplit(str(endpoint.base_url))
    with contextlib.closing(socket.create_connection((parts.hostname, parts.port), 5)) as connection:
        connection.sendall(data)
        if not read:
            return b""
        answer = connection.recv(4096)
        while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < 10:
            answer += connection.recv(4096)
        return answer


def test_what_waits_longer_than_the_answer_may_take_is_let_go(endpoint, porch, monkeypatch):
    # The bodies of answered requests would pile up while the disk is slow.
    handed_in = []

    def never(item):
        handed_in.append((item, Future()))
        return handed_in[-1][1]

    monkeypatch.setattr(upload.committer, "submit", never)
    monkeypatch.setattr(upload, "_ANSWER_WITHIN_S", 0.6)
    assert_refused(send(endpoint, porch.key), 503, "busy")
    (item, future) = handed_in[0]
    assert future.cancelled() and item.body.view() == b""


def test_an_upload_with_a_revoked_key_is_told_on_the_page_of_its_device(endpoint, porch):
    identity.revoke_key(porch.device.keys.get())
    assert_refused(send(endpoint, porch.key), 401, "auth")
    assert [row.word for row in porch.device.troubles.all()] == ["picture_auth"]
