import pytest
from django.test import Client

from devices.camera_settings import queue
from devices.setup import adding
from tests.builders import make_program, make_user

SETTINGS = "/api/v1/devices/owl/camera-settings"
OWN = "/api/v1/device/settings"


@pytest.fixture
def owl(db):
    return adding.add_device(code="owl", name="Owl", profile="generic")


@pytest.fixture
def alice(owl):
    return make_program(make_user("alice", "owner"))


@pytest.fixture
def camera(owl):
    return Client(headers={"X-Device-Key": owl.key})


def change(program, **values):
    return program.patch(SETTINGS, values, content_type="application/json")


def test_a_program_wishes_and_reads_both_sides(alice, camera):
    assert change(alice, quality=80).json()["err"] == "conflict"
    row = change(alice, understood=True, quality=80, frame_size="svga").json()
    assert (row["version"], row["desired"]) == (1, {"frame_size": "SVGA", "quality": 80})
    said = {"version": 1, "settings": {"frame_size": "SVGA", "quality": 80}, "can": ["frame_size", "quality"]}
    assert camera.post(OWN, said, content_type="application/json").status_code == 204
    row = alice.get(SETTINGS).json()
    assert (row["state"], row["reported"], row["reported_version"]) == ("applied", row["desired"], 1)


def test_a_wrong_value_is_said_by_its_field(alice):
    change(alice, understood=True)
    answer = change(alice, frame_size="huge")
    assert answer.status_code == 422 and "frame_size" in answer.json()["fields"]
    assert change(alice, quality=None).status_code == 200


def test_a_camera_without_mqtt_asks_and_is_told_what_is_new(alice, camera):
    assert camera.get(OWN).status_code == 204
    change(alice, understood=True, led="off")
    assert camera.get(OWN).json() == {"version": 1, "settings": {"led": "off"}}
    assert alice.get(SETTINGS).json()["state"] == "sent"
    assert camera.get(OWN, {"version": 1}).status_code == 204


def test_what_a_camera_says_must_be_an_object(camera):
    answer = camera.post(OWN, b"[1]", content_type="text/plain")
    assert answer.status_code == 422 and answer.json()["err"] == "invalid"
    assert Client().get(OWN).status_code == 401


def test_a_program_restarts_a_camera(alice, owl):
    assert alice.post("/api/v1/devices/owl/restart").status_code == 409
    queue.vouch(owl.device, True)
    answer = alice.post("/api/v1/devices/owl/restart")
    assert (answer.status_code, answer.json()["restart"]) == (202, "waiting")
