"""The management API of firmware and signing keys; who may do what there and with rollouts."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from devices.firmware import images, signing
from devices.firmware.models import Firmware, SigningKey
from devices.firmware.signing import public_bytes
from tests.builders import make_device, make_program, make_user
from tests.devices.firmware.builders import (
    IMAGE,
    PRIVATE,
    make_devices,
    make_firmware,
    make_rollout,
    signed,
    store,
    trust,
)

pytestmark = pytest.mark.django_db

FIRMWARE, KEYS = "/api/v1/firmware", "/api/v1/firmware/keys"
JSON = "application/json"


def alice() -> Client:
    """An owner's program."""
    return make_program(make_user("alice", "owner"))


def image(data: bytes = IMAGE) -> SimpleUploadedFile:
    return SimpleUploadedFile("cam.bin", data)


def manifest_text(**changes) -> bytes:
    found = signed(**changes)
    return signing.write_manifest_file(found.manifest, found.signature)


def refusal(answer) -> tuple[int, str]:
    assert answer.json()["code"] == 1 and answer.json()["des"].endswith(".")
    return answer.status_code, answer.json()["err"]


def test_an_image_with_its_manifest_is_stored_and_published():
    trust()
    answer = alice().post(FIRMWARE, {"file": image(), "manifest": SimpleUploadedFile("m", manifest_text())})
    assert answer.status_code == 201, answer.content
    said = answer.json()
    assert {"id", "product", "module", "version", "counter", "size_bytes", "md5", "sha256"} <= set(said)
    assert (said["signed"], said["state"], said["file_name"]) == (True, "published", "cam.bin")
    assert said["signing_key"] == SigningKey.objects.get().fingerprint


def test_the_manifest_may_come_as_text_and_the_signature_by_itself():
    trust()
    text = manifest_text()
    client, bare = alice(), json.loads(text)
    fields = {"manifest": json.dumps(bare["manifest"]), "signature": bare["ed25519"], "version": "2.0.0"}
    answer = client.post(FIRMWARE, {"file": image(), **fields, "publish": "false"})
    assert (answer.status_code, answer.json()["state"]) == (201, "stored")
    answer = client.post(FIRMWARE, {"file": image(), "manifest": text.decode()})
    assert refusal(answer) == (409, "conflict")


@pytest.mark.parametrize(
    ("fields", "status", "word"),
    [
        ({"product": "generic", "version": "2"}, 422, "unsigned"),
        ({"manifest": "{"}, 422, "manifest"),
        ({"manifest": manifest_text(size_bytes=3).decode()}, 422, "size"),
        ({"manifest": manifest_text(sha256="ab" * 32).decode()}, 422, "hash"),
        ({"manifest": manifest_text().decode(), "product": "oven"}, 422, "facts"),
        ({"manifest": manifest_text().decode(), "counter": "x"}, 422, "invalid"),
    ],
)
def test_an_upload_that_does_not_fit_is_refused_with_its_word(fields, status, word):
    trust()
    assert refusal(alice().post(FIRMWARE, {"file": image(), **fields})) == (status, word)
    assert not Firmware.objects.exists()


def test_an_upload_without_a_file_or_over_the_limit_is_refused(settings):
    trust()
    client = alice()
    assert refusal(client.post(FIRMWARE, {"version": "2"})) == (422, "invalid")
    settings.FIRMWARE_MAX_BYTES = 100
    answer = client.post(FIRMWARE, {"file": image(), "manifest": manifest_text().decode()})
    assert refusal(answer) == (413, "too_large")


def test_firmware_is_listed_read_published_and_deleted():
    row = store()
    client = alice()
    assert [f["id"] for f in client.get(FIRMWARE, {"product": "generic"}).json()["items"]] == [str(row.pk)]
    assert client.get(FIRMWARE, {"product": "oven"}).json()["items"] == []
    assert client.post(f"{FIRMWARE}/{row.pk}/publish").json()["state"] == "published"
    assert client.get(f"{FIRMWARE}/{row.pk}").json()["state"] == "published"
    assert client.delete(f"{FIRMWARE}/{row.pk}").status_code == 204
    assert refusal(client.get(f"{FIRMWARE}/{row.pk}")) == (404, "not_found")


def test_a_damaged_image_is_not_published_and_one_in_use_not_deleted():
    row = store()
    images.path_of(row.sha256).write_bytes(b"other")
    client = alice()
    assert refusal(client.post(f"{FIRMWARE}/{row.pk}/publish")) == (409, "integrity")
    used = make_rollout(make_devices(1), make_firmware(b"\xe9two", version="3", counter=3)).firmware
    assert refusal(client.delete(f"{FIRMWARE}/{used.pk}")) == (409, "in_use")


def test_keys_are_trusted_listed_and_revoked():
    client, public = alice(), public_bytes(PRIVATE).hex()
    made = client.post(KEYS, {"name": "release", "public_key": public}, JSON)
    assert (made.status_code, made.json()["public_key"]) == (201, public)
    assert refusal(client.post(KEYS, {"name": "again", "public_key": public}, JSON)) == (409, "conflict")
    assert refusal(client.post(KEYS, {"name": "bad", "public_key": "ab"}, JSON)) == (422, "key")
    assert client.delete(f"{KEYS}/{made.json()['key']}").status_code == 204
    assert refusal(client.delete(f"{KEYS}/{made.json()['key']}")) == (404, "not_found")
    assert client.get(KEYS).json()["items"][0]["revoked_at"]


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("get", "firmware", "look"),
        ("post", "firmware/keys", "manage"),
        ("get", "firmware/keys", "look"),
        ("delete", "firmware/keys/abc", "manage"),
        ("get", "firmware/{firmware}", "look"),
        ("post", "firmware/{firmware}/publish", "manage"),
        ("delete", "firmware/{firmware}", "manage"),
        ("get", "rollouts/{rollout}", "look"),
        ("get", "rollouts/{rollout}/targets", "look"),
        ("post", "rollouts/{rollout}/pause", "manage"),
        ("post", "rollouts/{rollout}/resume", "manage"),
        ("post", "rollouts/{rollout}/cancel", "manage"),
        ("post", "rollouts", "manage"),
    ],
)
def test_viewers_look_and_strangers_see_nothing(method, path, right):
    rollout = make_rollout(make_devices(1))
    full = f"/api/v1/{path.format(firmware=rollout.firmware_id, rollout=rollout.pk)}"
    body = {"firmware": "x"} if path == "rollouts" else {"name": "a", "public_key": "b"}
    viewer, stranger = (make_program(make_user(n, r)) for n, r in (("vera", "viewer"), ("mallory", "")))
    sent = (body, JSON) if method == "post" else ()
    assert getattr(viewer, method)(full, *sent).status_code == (200 if right == "look" else 403)
    assert getattr(stranger, method)(full, *sent).status_code in (403, 404)


def test_only_owners_upload():
    trust()
    viewer = make_program(make_user("vera", "viewer"))
    answer = viewer.post(FIRMWARE, {"file": image(), "manifest": manifest_text().decode()})
    assert refusal(answer) == (403, "forbidden")


def test_the_hardware_of_a_device_can_be_set():
    make_device("porch")
    answer = alice().patch("/api/v1/devices/porch", {"hardware": "rev-b"}, JSON)
    assert answer.json()["hardware"] == "rev-b"
