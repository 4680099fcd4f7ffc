import gzip
import hashlib

import pytest

from devices.firmware.rollouts import targets
from devices.firmware.rollouts.models import TargetState
from tests.devices.firmware.builders import make_firmware
from tests.devices.firmware.endpoints.offered import offer, raw_request

pytestmark = pytest.mark.django_db(transaction=True)

# One segment, DIO, 4 MB of flash on an ESP8266.
SKETCH = bytes.fromhex("e9010240") + b"the porch's program " * 300
OLD_MD5 = "0cc175b9c0f1b6a831c399e269772661"


def md5_of(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def ask(endpoint, made, module: str = "", **told):
    told = {"sketch_md5": OLD_MD5, "free_space": "600000", "chip_size": "4194304", "mode": "sketch"} | told
    headers = {f"x-ESP8266-{name.replace('_', '-')}": value for name, value in told.items()}
    return endpoint.get(f"/ota/esp/{made.key}", params={"module": module} if module else {}, headers=headers)


def test_the_image_comes_with_what_the_updater_checks(endpoint):
    made = offer(data=SKETCH)
    answer = ask(endpoint, made, version="1.0.0")
    assert (answer.status_code, answer.content) == (200, SKETCH)
    assert answer.headers["x-md5"] == md5_of(SKETCH)
    made.reach(TargetState.FLASHING, 100)
    assert made.now().door == "esp"


def test_an_old_client_gets_neither_chunks_nor_a_redirect(endpoint):
    made = offer(data=SKETCH)
    request = f"GET /ota/esp/{made.key} HTTP/1.0\nHost: hub\nx-ESP8266-mode: sketch\n\n"
    head, _, body = raw_request(str(endpoint.base_url), request).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and b"\r\nContent-Length: %d" % len(SKETCH) in head
    assert body == SKETCH and b"chunked" not in head.lower()


def test_the_md5_of_the_new_program_proves_it_without_a_version(endpoint):
    made = offer(data=SKETCH)
    ask(endpoint, made)
    answer = ask(endpoint, made, sketch_md5=md5_of(SKETCH).upper())
    assert (answer.status_code, answer.content) == (304, b"")
    assert made.now().state == TargetState.PROVED


def test_a_packed_image_is_proved_by_the_md5_of_what_was_packed(endpoint):
    made = offer(data=gzip.compress(SKETCH))
    assert ask(endpoint, made).headers["x-md5"] != md5_of(SKETCH)
    assert ask(endpoint, made, sketch_md5=md5_of(SKETCH)).status_code == 304
    assert made.now().state == TargetState.PROVED


def test_the_md5_of_an_older_image_counts_more_than_the_version_that_is_typed(endpoint):
    made = offer(data=SKETCH)
    older = SKETCH + b"older"
    make_firmware(older, version="1.5.0", counter=1)
    assert ask(endpoint, made, sketch_md5=md5_of(older), version="2.0.0").status_code == 200
    assert made.now().state != TargetState.PROVED


def test_nothing_new_is_304_and_nobody_is_403(endpoint):
    made = offer(data=SKETCH)
    ask(endpoint, made, sketch_md5=md5_of(SKETCH))
    assert ask(endpoint, made, version="2.0.0").status_code == 304
    made.key = "wrong"
    assert ask(endpoint, made).status_code == 403
    assert endpoint.get("/ota/esp/wrong").status_code == 403


def test_two_lines_of_what_the_updater_says_are_refused_and_cost_no_try(endpoint):
    made = offer(data=SKETCH)
    said = [
        ("x-ESP8266-mode", "sketch"),
        ("x-ESP8266-free-space", "1000"),
        ("x-ESP8266-free-space", "900000"),
    ]
    answer = endpoint.get(f"/ota/esp/{made.key}", headers=said)
    assert (answer.status_code, answer.json()["err"]) == (400, "bad_request")
    assert made.now().state == TargetState.WAITING


def test_an_image_that_cannot_fit_has_failed_with_the_reason(endpoint):
    made = offer(data=SKETCH)
    answer = ask(endpoint, made, free_space="1000")
    assert (answer.status_code, answer.json()["err"]) == (403, "too_large")
    now = made.now()
    assert (now.state, now.reason_word) == (TargetState.FAILED, "too_large")
    assert now.reason.endswith("> 1000")


def test_the_question_for_a_file_system_is_another_one(endpoint):
    made = offer(data=SKETCH)
    assert ask(endpoint, made, mode="spiffs").status_code == 304
    assert ask(endpoint, made, mode="spiffs", module="default").status_code == 403
    assert made.now().state == TargetState.OFFERED


def test_a_second_processors_image_is_passed_on_as_it_is(endpoint):
    made = offer(data=b"\x00\x50\x00\x20 not for an ESP", facts={"module": "stm32"})
    answer = ask(endpoint, made, module="stm32", version="1.0.0")
    assert (answer.status_code, answer.content[:4]) == (200, b"\x00\x50\x00\x20")
    assert ask(endpoint, made, module="stm32", version="2.0.0").status_code == 304
    assert made.now().state == TargetState.PROVED


def test_a_device_that_is_switched_off_gets_nothing(endpoint):
    made = offer(data=SKETCH)
    made.device.enabled = False
    made.device.save()
    assert ask(endpoint, made).json()["err"] == "disabled"


def test_a_question_without_the_updaters_headers_is_refused(endpoint):
    made = offer(data=SKETCH)
    answer = endpoint.get(f"/ota/esp/{made.key}")
    assert (answer.status_code, answer.json()["err"]) == (403, "no_updater")
    assert targets.find_active(made.device) is None
