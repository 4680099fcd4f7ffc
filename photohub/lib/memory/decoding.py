"""What decoding a picture takes of a process's memory, told by its header, and waiting until there is so much."""

import io
import struct
from collections.abc import Generator
from contextlib import contextmanager

from PIL import Image

from photohub.lib.memory import budget as memory

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
# Bytes for each pixel, as measured with Pillow 12; a JPEG is decoded at the scale that is wanted, unless it is
# progressive: then all its coefficients are kept.
_WEBP = 16
_JPEG_PROGRESSIVE = 4
_JPEG_SCALED = 1
_BY_MODE = {"1": 2, "L": 1, "P": 2, "I;16": 3}
_OTHERS = 4
_AT_LEAST = 4 * 2**20
# The C library gives blocks above 32 MB back to the system at once. Pillow's usual ones of 1 MB stay with the thread that
# freed them, so a large picture in each of five threads would hold the memory of five.
Image.core.set_block_size(64 * 2**20)


def cost_of(picture: bytes, *, scaled: bool = True) -> int:
    """Return about how many bytes decoding takes. `scaled`: much smaller than it is, as for previews.

    What no decoder takes costs next to nothing: it fails at its header.
    """
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        # Its decoder allots the whole canvas as soon as it is opened.
        return _AT_LEAST + _webp_pixels(picture) * _WEBP
    try:
        with Image.open(io.BytesIO(picture), formats=_FORMATS) as image:
            return _AT_LEAST + len(picture) + image.width * image.height * _bytes_each(image, scaled)
    except Exception:
        # Decoders raise many kinds of errors on damaged bytes, and will again.
        return _AT_LEAST


def _bytes_each(image: Image.Image, scaled: bool) -> int:
    if image.format != "JPEG":
        return _BY_MODE.get(image.mode, _OTHERS)
    if image.info.get("progressive"):
        return _JPEG_PROGRESSIVE
    return _JPEG_SCALED if scaled else _OTHERS


def _webp_pixels(picture: bytes) -> int:
    """Return the pixels of the canvas by the first chunk; the largest there can be when it does not say."""
    kind, head = picture[12:16], picture[20:30]
    if kind == b"VP8 " and len(head) == 10:
        width, height = struct.unpack_from("<HH", head, 6)
        return (width & 0x3FFF) * (height & 0x3FFF)
    if kind == b"VP8L" and len(head) >= 5:
        bits = int.from_bytes(head[1:5], "little")
        return ((bits & 0x3FFF) + 1) * ((bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X" and len(head) == 10:
        return (int.from_bytes(head[4:7], "little") + 1) * (int.from_bytes(head[7:10], "little") + 1)
    return 0


@contextmanager
def room_for(picture: bytes, *, scaled: bool = True, within_s: float = memory.WAIT_S) -> Generator[None]:
    """Wait until there is memory to decode this picture, and hold it. Raises memory.Crowded and memory.TooLarge."""
    with memory.room.take(cost_of(picture, scaled=scaled), within_s):
        yield
