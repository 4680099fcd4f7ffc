from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.firmware.esp_image import Chip, EspHeader
from devices.protocol.firmware.esp_update import (
    ImageFacts,
    UpdateRequest,
    answer_headers,
    decide,
    read_request,
)

MD5_OLD, MD5_NEW = "0cc175b9c0f1b6a831c399e269772661", "92eb5ffee6ae2fec3ad71c777531578f"
NODEMCU_HEADERS = {
    "user-agent": "ESP8266-http-Update",
    "x-esp8266-chip-id": "1458400",
    "x-esp8266-sta-mac": "18:FE:34:16:40:E0",
    "x-esp8266-ap-mac": "1A:FE:34:16:40:E0",
    "x-esp8266-free-space": "671744",
    "x-esp8266-sketch-size": "373940",
    "x-esp8266-sketch-md5": MD5_OLD,
    "x-esp8266-chip-size": "4194304",
    "x-esp8266-sdk-version": "2.2.2-dev(38a443e)",
    "x-esp8266-mode": "sketch",
    "x-esp8266-version": "1.0",
}
NODEMCU = UpdateRequest(
    Chip.ESP8266, "sketch", "1458400", "18fe341640e0", "1afe341640e0", 671744, 373940, MD5_OLD, "", 4194304,
    "2.2.2-dev(38a443e)", "1.0",
)  # fmt: skip
IMAGE = ImageFacts(400_000, "1.1", MD5_NEW, chip=Chip.ESP8266, header=EspHeader(1, 2, 4, 0x4010F010))


def word_of(image: ImageFacts | None, **changes: object) -> str:
    return decide(replace(NODEMCU, **changes), image).word


def test_the_headers_of_an_esp8266_are_read():
    assert read_request(NODEMCU_HEADERS) == NODEMCU


def test_the_headers_of_an_esp32_are_read():
    own = {"sketch-sha256": "AB" * 32, "sta-mac": "24:6F:28:00:00:01", "mode": "spiffs"}
    headers = {f"x-esp32-{name}": value for name, value in own.items()}
    found = read_request(headers | {"cache-control": "no-cache"})
    assert found == UpdateRequest(Chip.ESP32, "fs", sta_mac="246f28000001", sketch_sha256="ab" * 32)


def test_a_browser_is_no_updater():
    assert read_request({"user-agent": "Mozilla/5.0", "accept": "*/*"}) is None


def test_junk_in_a_header_empties_that_field():
    own = ("free-space", "chip-size", "sta-mac", "sketch-md5", "mode")
    found = read_request({f"x-esp8266-{name}": "?" for name in own})
    assert found == UpdateRequest(Chip.ESP8266, "")


def test_a_new_image_is_sent():
    assert (decide(NODEMCU, IMAGE).status, decide(NODEMCU, IMAGE).word) == (200, "send")


def test_the_md5_of_what_runs_is_the_truth():
    assert word_of(IMAGE, sketch_md5=MD5_NEW, version="0.9") == "same_image"
    assert decide(replace(NODEMCU, sketch_md5=MD5_NEW), IMAGE).status == 304


def test_the_version_comes_second():
    assert word_of(IMAGE, version="1.1") == "same_version"
    assert word_of(IMAGE, version="") == "send"


def test_of_a_packed_image_the_md5_of_its_inside_counts():
    packed = replace(IMAGE, header=None, is_gzip=True, sketch_md5=MD5_OLD.upper())
    assert word_of(packed) == "same_image"
    assert word_of(packed, sketch_md5="0" * 32) == "send"


def test_up_to_date_wins_over_everything_that_is_wrong():
    assert word_of(replace(IMAGE, size_bytes=10**9, md5=MD5_OLD)) == "same_image"


@pytest.mark.parametrize(
    ("image", "changes", "status", "word"),
    [
        (None, {}, 304, "nothing"),
        (IMAGE, {"mode": ""}, 403, "wrong_mode"),
        (IMAGE, {"mode": "fs"}, 403, "wrong_mode"),
        (IMAGE, {"chip": Chip.ESP32}, 403, "wrong_chip"),
        (IMAGE, {"free_space_bytes": 399_999}, 403, "too_large"),
        (IMAGE, {"chip_size_bytes": 2**21}, 403, "flash_size"),
        (replace(IMAGE, header=None), {}, 403, "wrong_format"),
        (replace(IMAGE, header=EspHeader(1, 2, 15, 0)), {}, 403, "flash_size"),
        (replace(IMAGE, is_gzip=True, chip=None), {"chip": Chip.ESP32}, 403, "wrong_format"),
        (replace(IMAGE, size_bytes=0), {}, 404, "no_image"),
    ],
)
def test_what_a_device_could_not_use_is_refused(image, changes: dict, status: int, word: str):
    decision = decide(replace(NODEMCU, **changes), image)
    assert (decision.status, decision.word) == (status, word) and decision.sentence.endswith(".")


def test_what_fits_exactly_is_sent():
    assert word_of(IMAGE, free_space_bytes=400_000, chip_size_bytes=2**22) == "send"
    assert word_of(IMAGE, free_space_bytes=None, chip_size_bytes=None) == "send"


def test_an_image_for_a_second_processor_has_no_format_of_the_esp():
    stm32 = ImageFacts(64_000, "3.0", MD5_OLD, kind="raw")
    # The sketch's own MD5 says nothing about another processor, so it is not compared.
    assert word_of(stm32) == "send"
    assert word_of(stm32, version="3.0") == "same_version"
    assert word_of(stm32, free_space_bytes=1000) == "too_large"


def test_a_file_system_image_needs_no_header():
    image = ImageFacts(200_000, "7", MD5_OLD, kind="fs", chip=Chip.ESP8266)
    assert word_of(image, mode="fs") == "send" and word_of(image) == "wrong_mode"


def test_the_answer_spells_its_headers_as_updaters_look_for_them():
    assert answer_headers(replace(IMAGE, md5=MD5_NEW.upper())) == {
        "Content-Type": "application/octet-stream",
        "Content-Length": "400000",
        "x-MD5": MD5_NEW,
    }


names = st.sampled_from([name for name in NODEMCU_HEADERS if name.startswith("x-")])


@given(st.dictionaries(names, st.text(max_size=40) | st.from_regex(r"[0-9]{1,20}", fullmatch=True)))
def test_reading_and_deciding_never_raise(headers: dict[str, str]):
    found = read_request(headers)
    assert (found is None) == (not headers)
    assert found is None or decide(found, IMAGE).status in (200, 304, 403, 404)
