"""Tell by its bytes whether something is a picture that the hub takes, and where it ends while it still arrives.

FF D8 FF                            JPEG
89 50 4E 47 0D 0A 1A 0A             PNG: chunks of <u32 big> length, kind, data, checksum up to IEND
52 49 46 46 <u32> 57 45 42 50       WebP: the little-endian length is that of what follows it, then made even
"""

import re
import struct
from typing import Protocol

from .jpeg_end import SOI, EndFinder

PNG_START = b"\x89PNG\r\n\x1a\n"
# As many bytes as are needed to know every kind; no picture is shorter.
ENOUGH_BYTES = 12
START = re.compile(re.escape(SOI) + b"|" + re.escape(PNG_START) + b"|RIFF....WEBP", re.DOTALL)


def begins_like_picture(data: bytes | bytearray | memoryview) -> bool:
    """Tell whether these bytes begin like a JPEG, a PNG or a WebP."""
    return START.match(bytes(data[:ENOUGH_BYTES])) is not None


def may_begin_picture(data: bytes | bytearray | memoryview) -> bool:
    """Tell whether these bytes begin like a picture, or may do so when more have come."""
    start = bytes(data[:ENOUGH_BYTES])
    if any(mark.startswith(start[: len(mark)]) for mark in (SOI, PNG_START)):
        return True
    return b"RIFF".startswith(start[:4]) and b"WEBP".startswith(start[8:])


def bytes_of_a_beginning(data: bytes | bytearray) -> int:
    """Return how many bytes at the end of this may be the beginning of a picture."""
    lengths = range(min(ENOUGH_BYTES - 1, len(data)), 0, -1)
    return next((length for length in lengths if may_begin_picture(data[-length:])), 0)


class Finder(Protocol):
    """Looks for the end of the one picture that begins at index 0 of a growing buffer."""

    def find(self, data: bytes | bytearray) -> int | None:
        """Return the index behind the picture, None while it has not come; see `EndFinder.find`."""


class _PngEnd:
    def __init__(self) -> None:
        self._position = len(PNG_START)

    def find(self, data: bytes | bytearray) -> int | None:
        while self._position + 8 <= len(data):
            length, kind = struct.unpack_from(">I4s", data, self._position)
            end = self._position + 12 + length
            if kind == b"IEND":
                return end if end <= len(data) else None
            self._position = end
        return None


class _WebpEnd:
    def find(self, data: bytes | bytearray) -> int | None:
        if len(data) < ENOUGH_BYTES:
            return None
        size = struct.unpack_from("<I", data, 4)[0]
        end = 8 + size + (size & 1)
        return end if end <= len(data) else None


def end_finder(start: bytes | bytearray) -> Finder:
    """Return what finds the end of a picture that begins so."""
    if start[:1] == b"\x89":
        return _PngEnd()
    return _WebpEnd() if start[:1] == b"R" else EndFinder()


def is_whole(data: bytes) -> bool:
    """Tell whether the end of this picture is there."""
    end = end_finder(data).find(data)
    return end is not None and end > 0
