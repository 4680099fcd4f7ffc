"""Real JPEG pictures of an exact size, with room for each copy to have bytes of its own."""

import functools
import os

from benchmarks.marks import MARK, MARK_BYTES
from simulators.scenes import Scene

_SETTINGS = (
    (1600, 1200, 92),
    (1600, 1200, 85),
    (1024, 768, 75),
    (800, 600, 75),
    (320, 240, 70),
    (64, 48, 60),
)
_SEGMENT_AT_MOST = 65_000


@functools.cache
def make_picture(size_bytes: int) -> bytes:
    """Return a picture of a garden of exactly this size: the best that fits, filled up with comments."""
    marked = _comment(MARK.ljust(MARK_BYTES, b"-"))
    for width, height, quality in _SETTINGS:
        picture = Scene("garden", width=width, height=height, quality=quality).jpeg(1_000_000_000.0, 1)
        room = size_bytes - len(picture) - len(marked)
        if room == 0 or room >= 4:
            return picture[:2] + marked + _filling(room) + picture[2:]
    raise ValueError(f"A picture of {size_bytes} bytes is too small to be painted; ask for 3,000 or more.")


def _filling(room: int) -> bytes:
    count = -(-room // _SEGMENT_AT_MOST)
    lengths = [room // count + (number < room % count) for number in range(count)]
    return b"".join(_comment(os.urandom(length - 4)) for length in lengths)


def _comment(text: bytes) -> bytes:
    return b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
