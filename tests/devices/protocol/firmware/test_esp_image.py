import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.firmware.esp_image import (
    Chip,
    EspHeader,
    find_fault,
    is_gzip,
    program_of,
    read_header,
    read_model,
)

# As esptool writes it for a NodeMCU (4 MB, DIO, 40 MHz) and for an ESP32-S3 camera (8 MB, DIO, 80 MHz).
NODEMCU = bytes.fromhex("e9 01 02 40 10 f0 10 40")
CAMERA = bytes.fromhex("e9 06 02 3f 1c 98 37 40")


def test_a_header_is_read():
    assert read_header(NODEMCU + bytes(100)) == EspHeader(1, 2, 4, 0x4010F010)
    assert read_header(CAMERA) == EspHeader(6, 2, 3, 0x4037981C)


def test_the_same_nibble_is_another_size_on_another_chip():
    header = read_header(NODEMCU)
    assert header.flash_bytes(Chip.ESP8266) == 4 * 2**20
    assert header.flash_bytes(Chip.ESP32) == 16 * 2**20
    assert read_header(CAMERA).flash_bytes(Chip.ESP32) == 8 * 2**20
    assert EspHeader(1, 2, 9, 0).flash_bytes(Chip.ESP32) is None


@pytest.mark.parametrize("nibble_bytes", [(0, 512), (1, 256), (2, 1024), (3, 2048), (8, 8192), (9, 16384)])
def test_sizes_of_the_esp8266(nibble_bytes: tuple[int, int]):
    assert EspHeader(1, 0, nibble_bytes[0], 0).flash_bytes(Chip.ESP8266) == nibble_bytes[1] * 1024


@pytest.mark.parametrize(
    "front", [b"", NODEMCU[:7], b"\xea" + NODEMCU[1:], b"\xe9\0" + bytes(6), b"\xe9\x11" + bytes(6)]
)
def test_other_bytes_are_no_header(front: bytes):
    assert read_header(front) is None


@pytest.mark.parametrize(
    ("front", "chip", "sentence"),
    [
        (NODEMCU, Chip.ESP8266, ""),
        (CAMERA, Chip.ESP32, ""),
        (b"\x1f\x8b\x08", Chip.ESP8266, ""),
        (b"\x1f\x8b\x08", Chip.ESP32, "An ESP32 cannot unpack a gzip file; upload the plain image."),
        (b"\xe9\1", Chip.ESP32, "The image is shorter than its header of 8 bytes."),
        (
            b"\x00\x50\x00\x20" * 2,
            Chip.ESP32,
            "The image begins with 00, not with E9; it is not an ESP program.",
        ),
        (b"\xe9\x20" + bytes(6), Chip.ESP32, "The image says it has 32 segments; 1 to 16 are possible."),
        (
            b"\xe9\1\0\xf0" + bytes(4),
            Chip.ESP8266,
            "The image's flash size has the code 15, which esp8266 does not know.",
        ),
    ],
)
def test_what_is_wrong_with_an_image_is_said(front: bytes, chip: Chip, sentence: str):
    assert find_fault(front, chip) == sentence


def test_the_model_stands_in_the_longer_header_of_the_esp32():
    rest = bytes(4) + b"\x09\0" + bytes(10)
    assert read_model(CAMERA + rest) == "esp32s3"
    assert [read_model(CAMERA + bytes(16)), read_model(CAMERA + bytes(15))] == ["esp32", ""]
    assert [read_model(bytes(8) + rest), read_model(CAMERA + b"\xff" * 16)] == ["", ""]


def test_the_program_in_flash_is_unpacked_and_has_no_signature():
    program = NODEMCU + bytes(range(100))
    assert program_of(program) == program
    assert program_of(gzip.compress(program)) == program
    assert program_of(program + b"s" * 256 + b"\0\1\0\0") == program


def test_a_packed_image_that_cannot_be_unpacked_has_no_program():
    packed = gzip.compress(NODEMCU + bytes(100))
    bomb = gzip.compress(bytes(16 * 2**20 + 1))
    assert [program_of(data) for data in (packed[:-9], packed[:12] + b"?" * 20, bomb)] == [None] * 3


@given(st.binary(max_size=12), st.sampled_from(Chip))
def test_an_image_without_fault_has_a_header_or_is_packed(front: bytes, chip: Chip):
    for data in (front, b"\xe9" + front):
        assert program_of(data) is not None or is_gzip(data)
        assert read_model(data) == "" or len(data) >= 24
        assert find_fault(data, chip) or is_gzip(data) or read_header(data).flash_bytes(chip)
