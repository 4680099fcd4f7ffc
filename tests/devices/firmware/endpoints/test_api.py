import base64

import pytest
from django.test import Client

from devices.firmware.rollouts.models import TargetState
from devices.protocol.firmware.manifest import SIGNED_FRONT
from tests.builders import make_program, make_user
from tests.devices.firmware.builders import PRIVATE, flip_byte
from tests.devices.firmware.endpoints.offered import offer

pytestmark = pytest.mark.django_db
CHECK = "/api/v1/ota/check"


@pytest.fixture(autouse=True)
def _no_network(settings):
    settings.LINK_CHECK = False


def check(key: str, **query: str):
    return Client(headers={"X-Device-Key": key}).get(CHECK, query)


def test_an_offer_has_all_that_is_needed_to_check_it():
    made = offer()
    answer = check(made.key, version="1.0.0").json()
    firmware = made.now().rollout.firmware
    assert answer["url"] == f"http://testserver{made.path}" and len(made.path) < 128
    assert (answer["version"], answer["counter"], answer["module"]) == ("2.0.0", 2, "default")
    assert (answer["size"], answer["sha256"], answer["md5"]) == (
        firmware.size_bytes,
        firmware.sha256,
        firmware.md5,
    )
    signed = SIGNED_FRONT + answer["manifest"].encode()
    PRIVATE.public_key().verify(base64.b64decode(answer["signature"]), signed)


def test_the_new_version_proves_and_then_there_is_nothing():
    made = offer(door="http")
    assert check(made.key, version="2.0.0").status_code == 204
    assert made.now().state == TargetState.PROVED
    assert check(made.key).status_code == 204


def test_another_module_has_its_own_updates():
    made = offer(facts={"module": "stm32"})
    assert check(made.key, version="2.0.0").status_code == 204
    assert check(made.key, module="stm32", version="1.0.0").json()["module"] == "stm32"


def test_the_key_may_be_a_bearer():
    made = offer()
    client = Client(headers={"Authorization": f"Bearer {made.key}"})
    assert client.get(CHECK).json()["version"] == "2.0.0"


def test_nobody_else_may_ask():
    owner = make_program(make_user("alice", "owner"))
    for client in (Client(), Client(headers={"X-Device-Key": "wrong"}), owner):
        answer = client.get(CHECK)
        assert (answer.status_code, answer.json()["err"]) == (401, "auth")
        assert "X-Device-Key" in answer.json()["des"]


def test_a_device_key_opens_nothing_else_of_the_api():
    made = offer()
    assert Client(headers={"X-Device-Key": made.key}).get("/api/v1/devices").status_code == 401


def test_a_device_that_is_switched_off_hears_so():
    made = offer()
    made.device.enabled = False
    made.device.save()
    assert check(made.key).json()["err"] == "disabled"


def test_a_damaged_image_is_not_offered():
    made = offer()
    flip_byte(made.now().rollout.firmware)
    assert check(made.key).status_code == 204
    assert made.now().rollout.state == "paused"
