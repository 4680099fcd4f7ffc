"""Read the header of an image for ESP8266 or ESP32, as `esptool` writes it.

    byte 0      0xE9                                1F 8B instead: gzip, which ESP8266 cores unpack themselves
    byte 1      number of segments, 1 to 16
    byte 2      flash mode: 0 QIO, 1 QOUT, 2 DIO, 3 DOUT, …
    byte 3      high nibble: flash size             low nibble: flash frequency
    bytes 4-7   entry address, little-endian
    bytes 12-13 model, little-endian, on ESP32 only: its header has 24 bytes

A signed image for ESP8266 ends with 256 bytes of RSA signature and the number 256 as u32 little-endian.

The same nibble means another size on ESP8266 and on ESP32.
"""

import zlib
from dataclasses import dataclass
from enum import StrEnum

MAGIC = 0xE9
GZIP_MAGIC = b"\x1f\x8b"
HEADER_BYTES = 8
LONG_HEADER_BYTES = 24
MAX_SEGMENTS = 16
MAX_PROGRAM_BYTES = 16 * 2**20

_SIGNATURE_BYTES = 256
_SIGNATURE_END = _SIGNATURE_BYTES.to_bytes(4, "little")

_KIB, _MIB = 2**10, 2**20
_FLASH_BYTES_8266 = {
    0: 512 * _KIB,
    1: 256 * _KIB,
    2: _MIB,
    3: 2 * _MIB,
    4: 4 * _MIB,
    5: 2 * _MIB,
    6: 4 * _MIB,
    8: 8 * _MIB,
    9: 16 * _MIB,
}
_FLASH_BYTES_32 = {nibble: _MIB << nibble for nibble in range(8)}


class Chip(StrEnum):
    """The two families, each with its own updater."""

    ESP8266 = "esp8266"
    ESP32 = "esp32"


@dataclass(frozen=True, slots=True)
class EspHeader:
    """The first bytes of an image, read."""

    segments: int
    flash_mode: int
    flash_nibble: int
    entry: int

    def flash_bytes(self, chip: Chip) -> int | None:
        """Return the flash size that the image was made for; None for a nibble without meaning."""
        sizes = _FLASH_BYTES_8266 if chip is Chip.ESP8266 else _FLASH_BYTES_32
        return sizes.get(self.flash_nibble)


def read_header(front: bytes) -> EspHeader | None:
    """Read the front of an image (8 bytes are enough); None when it is no such image."""
    if len(front) < HEADER_BYTES or front[0] != MAGIC or not 1 <= front[1] <= MAX_SEGMENTS:
        return None
    return EspHeader(front[1], front[2], front[3] >> 4, int.from_bytes(front[4:8], "little"))


def program_of(image: bytes) -> bytes | None:
    """Return the program as it will lie in flash, unpacked and without its signature.

    Its MD5 is what an ESP8266 reports as `sketch-md5`. None for a gzip file that is broken or unpacks to more
    than 16 MiB.
    """
    if is_gzip(image):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            program = unpacker.decompress(image, MAX_PROGRAM_BYTES)
        except zlib.error:
            return None
        return program if unpacker.eof else None
    if image.endswith(_SIGNATURE_END) and len(image) > HEADER_BYTES + _SIGNATURE_BYTES + 4:
        return image[: -_SIGNATURE_BYTES - 4]
    return image


def is_gzip(front: bytes) -> bool:
    """Tell whether this is packed with gzip."""
    return front.startswith(GZIP_MAGIC)
