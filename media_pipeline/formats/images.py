"""Tell what a picture is from its bytes, and make its thumbnail.

PictureRefused              the bytes are not taken as a picture
├── NotImage                neither JPEG nor PNG nor WebP
└── TooManyPixels           its header promises more pixels than are safe to decode
ThumbnailFailed             the picture is kept, but nothing can be drawn from it
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import pairwise
from typing import Any

from PIL import Image

from photohub.lib.memory import scaling as picture_scaling
from photohub.lib.memory.orientation import ORIENTATION, SIDEWAYS, make_upright, read_orientation

from . import jpeg
from .faults import Fault, find_fault
from .jpeg import Buffer

MAX_PIXELS = 40_000_000
MAX_SCANS = 100
_REDUCING_GAP = 1.1

_PNG_START = b"\x89PNG\r\n\x1a\n"
# A real PNG has hundreds of chunks; one made of empty chunks counts as cut where the walk gives up.
_MAX_CHUNKS = 10_000
_END_OF_IMAGE = b"\xff\xd9"
_EXIF_DIRECTORY = 0x8769
_EXIF_TAGS = {"make": 0x010F, "model": 0x0110, "datetime": 0x0132, "orientation": ORIENTATION}
_EXIF_DETAIL_TAGS = {"datetime": 0x9003, "exposure": 0x829A, "iso": 0x8827}
_MAX_EXIF_CHARS = 64


class PictureRefused(ValueError):
    """The bytes are not taken as a picture."""


class NotImage(PictureRefused):
    """The bytes are neither a JPEG nor a PNG nor a WebP."""


class TooManyPixels(PictureRefused):
    """The header promises more pixels than are safe to decode."""

    def __init__(self, width: int, height: int, limit: int) -> None:
        super().__init__(
            f"The picture has {width} × {height} pixels, at most {limit / 1e6:g} million are taken; "
            "send it smaller."
        )
        self.width = width
        self.height = height
        self.limit = limit


class ThumbnailFailed(ValueError):
    """Nothing can be drawn from these bytes."""


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the bytes say without decoding. Sizes are None when a JPEG was cut before it said them.

    `picture_bytes` is the length without the tail; `flags` may hold "truncated" and "trailing", and what endpoints add:
    "transport" (the bytes are a whole picture, but their transport ended badly) and "clock" (the camera's time is
    wrong).
    """

    kind: str
    content_type: str
    extension: str
    width: int | None
    height: int | None
    flags: tuple[str, ...]
    picture_bytes: int


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small WebP without metadata, and what was seen while drawing it.

    `colour` is "#rrggbb", `dhash` an unsigned 64-bit number, `fault` None for a sound picture.
    """

    data: bytes
    width: int
    height: int
    colour: str
    dhash: int
    fault: Fault | None


def inspect(data: Buffer, max_pixels: int = MAX_PIXELS) -> PictureFacts:
    """Tell kind, size and faults of a picture by its bytes; raises PictureRefused."""
    start = bytes(data[:16])
    if start.startswith(b"\xff\xd8\xff"):
        facts = _inspect_jpeg(data)
    elif start.startswith(_PNG_START):
        facts = _inspect_png(data)
    elif start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        facts = _inspect_webp(data)
    else:
        raise NotImage("These bytes are neither a JPEG nor a PNG nor a WebP picture.")
    if facts.width and facts.height and facts.width * facts.height > max_pixels:
        raise TooManyPixels(facts.width, facts.height, max_pixels)
    return facts


def flagged(facts: PictureFacts, *flags: str) -> PictureFacts:
    """Return the facts with what an endpoint knows of how the picture came."""
    return replace(facts, flags=(*facts.flags, *flags)) if flags else facts


def _inspect_jpeg(data: Buffer) -> PictureFacts:
    walked = jpeg.walk(data)
    picture_bytes = len(data) - walked.trailing_bytes
    flags = _flags(walked.truncated, walked.trailing_bytes > 0)
    return PictureFacts("jpeg", "image/jpeg", "jpg", walked.width, walked.height, flags, picture_bytes)


def _inspect_png(data: Buffer) -> PictureFacts:
    """Read IHDR, then walk the chunks (u32 length, type, data, u32 checksum) to IEND."""
    if len(data) < 24 or bytes(data[8:16]) != b"\0\0\0\rIHDR":
        raise NotImage("This PNG ends before it says its size; send it again.")
    width, height = struct.unpack_from(">II", data, 16)
    if not width or not height:
        raise NotImage("This PNG says that it has no pixels; send it again.")
    end = _end_of_png(data)
    flags = _flags(end is None, end is not None and end < len(data))
    return PictureFacts("png", "image/png", "png", width, height, flags, end or len(data))


def _end_of_png(data: Buffer) -> int | None:
    position, size = len(_PNG_START), len(data)
    for _ in range(_MAX_CHUNKS):
        if position + 12 > size:
            return None
        length, kind = struct.unpack_from(">I4s", data, position)
        position += 12 + length
        if kind == b"IEND":
            return position if position <= size else None
    return None


def _inspect_webp(data: Buffer) -> PictureFacts:
    """Read the first chunk, which says the size; the RIFF header says the length of the whole."""
    width, height = _size_of_webp(bytes(data[12:30]))
    if not width or not height:
        raise NotImage("This WebP does not say its size; send it again.")
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    end += end & 1
    flags = _flags(end > len(data), end < len(data))
    return PictureFacts("webp", "image/webp", "webp", width, height, flags, min(end, len(data)))


def _size_of_webp(chunk: bytes) -> tuple[int, int]:
    """Return the size from the first 18 bytes of the first chunk, (0, 0) when it is not there.

    VP8   4 type, 4 length, 3 frame tag, 9D 01 2A, <u16 width (14 bits), <u16 height (14 bits)
    VP8L  4 type, 4 length, 2F, then 14 bits width - 1 and 14 bits height - 1, lowest first
    VP8X  4 type, 4 length, 4 flags, u24 width - 1, u24 height - 1, both little-endian
    """
    kind = chunk[:4]
    if kind == b"VP8 " and len(chunk) >= 18 and chunk[11:14] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", chunk, 14)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(chunk) >= 13 and chunk[8] == 0x2F:
        bits = int.from_bytes(chunk[9:13], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and len(chunk) >= 18:
        return int.from_bytes(chunk[12:15], "little") + 1, int.from_bytes(chunk[15:18], "little") + 1
    return 0, 0


def _flags(truncated: bool, trailing: bool) -> tuple[str, ...]:
    return ("truncated",) * truncated + ("trailing",) * trailing


def make_thumbnail(data: Buffer, side_px: int = 480, max_pixels: int = MAX_PIXELS) -> Thumbnail:
    """Draw the picture into a square of `side_px`, upright and without metadata; raises ThumbnailFailed.

    The picture is decoded once, JPEGs at a reduced scale. A cut JPEG gives the part that is there.
    """
    small = draw_upright(data, (side_px, side_px), max_pixels)
    file = BytesIO()
    # Method 0 costs a fifth of the default's time for a few more bytes.
    small.save(file, "WEBP", quality=75, method=0)
    fault = find_fault(small, "truncated" in inspect(data, max_pixels).flags)
    return Thumbnail(file.getvalue(), small.width, small.height, _main_colour(small), _dhash(small), fault)


def make_jpeg(data: Buffer, max_pixels: int) -> bytes:
    """Return a PNG or WebP as a JPEG of the same size; raises ThumbnailFailed."""
    file = BytesIO()
    draw_upright(data, (65_535, 65_535), max_pixels).save(file, "JPEG", quality=85)
    return file.getvalue()


def draw_upright(data: Buffer, box: tuple[int, int], max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Return the picture in RGB, upright, made smaller where it is larger than the box; raises ThumbnailFailed."""
    return _guarded(lambda: _draw_small(data, box, max_pixels))


def _guarded(draw: Callable[[], Image.Image]) -> Image.Image:
    try:
        return draw()
    except ThumbnailFailed:
        raise
    except PictureRefused as error:
        raise ThumbnailFailed(str(error)) from error
    # Decoders raise many kinds of errors on damaged bytes; here they all mean the same.
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ThumbnailFailed(f"No thumbnail can be drawn, the picture is damaged ({reason}).") from error


def _draw_small(data: Buffer, box: tuple[int, int], max_pixels: int) -> Image.Image:
    with _open(data, max_pixels) as image:
        orientation = read_orientation(image)
        box = box[::-1] if orientation in SIDEWAYS else box
        # Small first, upright second: turning the full picture costs more than all the rest.
        factor = int(max(image.width / box[0], image.height / box[1]) / _REDUCING_GAP)
        source = picture_scaling.reduce(image, factor, _averageable)
        source.thumbnail(box, Image.Resampling.BICUBIC, reducing_gap=_REDUCING_GAP)
        # Inside the block: a picture that was small already is decoded only here.
        small = _flatten(source)
    small = make_upright(small, orientation)
    # Whatever the picture says about itself, such as its place, must not depend on what the encoder copies.
    small.info.clear()
    return small


def _open(data: Buffer, max_pixels: int) -> Image.Image:
    """Open the picture without its tail by its own decoder alone, once its size is known to be safe."""
    facts = inspect(data, max_pixels)
    body = bytes(data[: facts.picture_bytes])
    if facts.kind == "jpeg":
        if jpeg.walk(body).scans > MAX_SCANS:
            raise ThumbnailFailed(
                f"The picture has more than {MAX_SCANS} scans, which takes too long to draw."
            )
        if "truncated" in facts.flags:
            # Pillow's switch for cut files is one for all threads and lets everything pass. With an EOI
            # behind them the decoder takes the bytes as whole and leaves the rest grey.
            body += _END_OF_IMAGE
    image = Image.open(BytesIO(body), formats=[facts.kind.upper()])
    # The decoder may have believed another header than ours; nothing is decoded yet.
    if image.width * image.height > max_pixels:
        raise TooManyPixels(image.width, image.height, max_pixels)
    return image


def _averageable(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that can be made smaller: palettes and 16-bit greys cannot be averaged."""
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda level: level * (1 / 257)).convert("L")
    return image.convert("L") if image.mode == "1" else image


def _flatten(image: Image.Image) -> Image.Image:
    """Return the picture in RGB, on white where it is transparent."""
    if "A" not in image.mode and "transparency" not in image.info:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(ground, layer).convert("RGB")


def _main_colour(small: Image.Image) -> str:
    """Return the colour that covers most of the picture, after joining similar ones."""
    tiny = small.resize((48, 48), Image.Resampling.BOX).quantize(6)
    counts = tiny.histogram()
    index = max(range(len(counts)), key=lambda code: (counts[code], code))
    red, green, blue = (tiny.getpalette() or [])[3 * index : 3 * index + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def _dhash(small: Image.Image) -> int:
    """Return 64 bits, row by row: is a cell of the 9 × 8 grey picture brighter than the next to its right?"""
    grey = small.convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(8):
        for left, right in pairwise(grey[9 * row : 9 * row + 9]):
            bits = bits << 1 | (left > right)
    return bits


def describe_exif(data: Buffer) -> dict[str, str]:
    """Return what the camera says about itself and its settings, in few short texts; never where it was.

    Keys, each only when it is there: make, model, datetime, exposure ("1/60 s"), iso, orientation.
    """
    # A picture without readable EXIF is an ordinary one, so no damage is worth an error here.
    try:
        with _open(data, MAX_PIXELS) as image:
            exif = image.getexif()
            details = exif.get_ifd(_EXIF_DIRECTORY)
            found = {name: exif.get(tag) for name, tag in _EXIF_TAGS.items()}
            found |= {name: details[tag] for name, tag in _EXIF_DETAIL_TAGS.items() if tag in details}
            texts = {name: _exif_text(name, value) for name, value in found.items()}
    except Exception:
        return {}
    return {name: text for name, text in texts.items() if text}


def _exif_text(name: str, value: Any) -> str:
    if isinstance(value, tuple) and value:
        value = value[0]
    if isinstance(value, bytes):
        value = value[: 2 * _MAX_EXIF_CHARS].decode("utf-8", "replace")
    if value is None or isinstance(value, tuple | dict):
        return ""
    if name == "exposure":
        return _exposure_text(float(value))
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", str(value)[:_MAX_EXIF_CHARS]).split())


def _exposure_text(seconds: float) -> str:
    if not 0 < seconds < 1e6:
        return ""
    return f"1/{round(1 / seconds)} s" if seconds < 0.5 else f"{seconds:g} s"
