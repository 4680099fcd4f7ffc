import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.firmware.esp_image import (
    Chip,
    EspHeader,
    is_gzip,
    program_of,
    read_header,
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


def test_the_program_in_flash_is_unpacked_and_has_no_signature():
    program = NODEMCU + bytes(range(100))
    assert program_of(program) == program
    assert program_of(gzip.compress(program)) == program
    assert program_of(program + b"s" * 256 + b"\0\1\0\0") == program


def test_a_packed_image_that_cannot_be_unpacked_has_no_program():
    packed = gzip.compress(NODEMCU + bytes(100))
    bomb = gzip.compress(bytes(16 * 2**20 + 1))
    assert [program_of(data) for data in (packed[:-9], packed[:12] + b"?" * 20, bomb)] == [None] * 3


@given(st.binary(max_size=12))
def test_any_bytes_have_a_program_or_are_packed(front: bytes):
    for data in (front, b"\xe9" + front):
        assert program_of(data) is not None or is_gzip(data)
