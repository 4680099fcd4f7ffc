r"""Turn drawn pictures into the bytes that panels take, and read such bytes back.

Rows go from top to bottom, pixels from left to right; each row begins on a new byte, and the bits left over at its
end are 0. There is no header in front of the packed formats.

    raw1    8 pixels a byte, raw2 4, raw4 2: each pixel is its colour's code in the palette.
            "msb": the leftmost pixel is in the highest bits.   raw2 of codes 0 1 2 3:  00 01 10 11 = 1B
            "lsb": it is in the lowest.                         the same:               11 10 01 00 = E4
            inverted: every code c is sent as 1 - c, 3 - c or 15 - c; bits left over stay 0.
    planes  one plane in the form of raw1 for each colour but white, in the order of the palette, one behind the
            other. A bit is 0 where the pixel has that colour; inverted, it is 1 there.
    rgb565  16 bits a pixel, RRRRRGGG GGGBBBBB. "big": the first of these bytes first; "little": the second.
            Five bits are read as (v << 3 | v >> 2), six as (v << 2 | v >> 4), so white is FF FF FF again.
    bmp     BITMAPINFOHEADER of 40 bytes, rows from the bottom up, each padded to 4 bytes; 1, 4 or 8 bits with a
            palette of 4 bytes a colour (blue, green, red, 0), or 24 bits. 1 bit is what TRMNL panels ask for.
    png     indexed pictures with 1, 2 or 4 bits; as grey when the codes are evenly spaced greys.
"""

import io
import struct
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageChops, ImageColor

Colour = tuple[int, int, int]
RAW_BITS = {"raw1": 1, "raw2": 2, "raw4": 4}
WHITE: Colour = (255, 255, 255)
_EVEN = {1: (0, 255), 2: (0, 85, 170, 255), 4: tuple(range(0, 256, 17))}
_CODES = 16
_FIVE = [v << 3 | v >> 2 for v in range(32)]
_SIX = [v << 2 | v >> 4 for v in range(64)]


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours a panel can show, and the code (0 to 15) by which it knows each."""

    colours: tuple[Colour, ...]
    codes: tuple[int, ...]

    @property
    def table(self) -> list[Colour]:
        """Return the colours by code; codes that nothing has are black."""
        found = dict(zip(self.codes, self.colours, strict=True))
        return [found.get(code, (0, 0, 0)) for code in range(max(self.codes) + 1)]

    @property
    def is_grey(self) -> bool:
        return all(red == green == blue for red, green, blue in self.colours)

    def nearest(self, colour: Colour) -> int:
        """Return the code of the colour that is nearest."""
        distances = [sum((a - b) ** 2 for a, b in zip(colour, own, strict=True)) for own in self.colours]
        return self.codes[distances.index(min(distances))]

    def darkest_and_lightest(self) -> tuple[int, int]:
        """Return the codes of the two colours that differ most in brightness."""
        pairs = [
            (299 * red + 587 * green + 114 * blue, code)
            for (red, green, blue), code in zip(self.colours, self.codes, strict=True)
        ]
        return min(pairs)[1], max(pairs)[1]


def _named(text: str) -> Palette:
    pairs = [part.split(":") for part in text.split()]
    colours = (ImageColor.getrgb(name) for name, _ in pairs)
    return Palette(tuple((c[0], c[1], c[2]) for c in colours), tuple(int(code) for _, code in pairs))


def _greys(bits: int) -> Palette:
    return Palette(tuple((level, level, level) for level in _EVEN[bits]), tuple(range(1 << bits)))


# The codes are those of the panels' controllers: Spectra 6 has no 4, and black-white-red is the four-colour one less.
PALETTES: dict[str, Palette] = {
    "bw": _greys(1),
    "grey4": _greys(2),
    "grey16": _greys(4),
    "bwr": _named("black:0 white:1 red:3"),
    "bwy": _named("black:0 white:1 yellow:2"),
    "bwry": _named("black:0 white:1 yellow:2 red:3"),
    "acep7": _named("black:0 white:1 #0f0:2 blue:3 red:4 yellow:5 #ff8000:6"),
    "spectra6": _named("black:0 white:1 yellow:2 red:3 blue:5 #0f0:6"),
}


def read_palette(colours: str) -> Palette | None:
    """Return the palette of `palette:<name>` or `palette:#rrggbb,#rrggbb…`, or None for other words.

    Colours of a list have the codes 0, 1, 2 … in their order. Raises ValueError for what is no palette.
    """
    kind, _, text = colours.partition(":")
    if kind != "palette":
        return None
    if text in PALETTES:
        return PALETTES[text]
    listed = tuple(ImageColor.getrgb(part.strip())[:3] for part in text.split(","))
    if not 2 <= len(set(listed)) == len(listed) <= _CODES:
        raise ValueError("A palette has 2 to 16 different colours.")
    return Palette(listed, tuple(range(len(listed))))


def attach_table(image: Image.Image, palette: Palette) -> Image.Image:
    """Give an indexed picture whose pixels are codes its colours."""
    image.putpalette([channel for colour in palette.table for channel in colour])
    return image


def pack_codes(image: Image.Image, bits: int, bit_order: str = "msb", inverted: bool = False) -> bytes:
    """Return raw1, raw2 or raw4 of a picture in mode P whose pixels are codes."""
    if inverted:
        image = image.point([(1 << bits) - 1 - min(code, (1 << bits) - 1) for code in range(256)])
    data = image.tobytes("raw", f"P;{bits}")
    return data if bit_order == "msb" else data.translate(_mirrored(bits))


def unpack_codes(
    data: bytes, size: tuple[int, int], bits: int, bit_order: str = "msb", inverted: bool = False
) -> Image.Image:
    """Return the picture in mode P that was packed."""
    if bit_order != "msb":
        data = data.translate(_mirrored(bits))
    image = Image.frombytes("P", size, data, "raw", f"P;{bits}")
    return image.point([((1 << bits) - 1 - code) & 0xFF for code in range(256)]) if inverted else image


def _mirrored(bits: int) -> bytes:
    """Return the table that puts the pixels within a byte into the opposite order."""
    mask, shifts = (1 << bits) - 1, range(0, 8, bits)
    return bytes(sum((byte >> at & mask) << (8 - bits - at) for at in shifts) for byte in range(256))


def pack_planes(
    image: Image.Image, palette: Palette, bit_order: str = "msb", inverted: bool = False
) -> bytes:
    """Return a plane for each colour but white of a picture in mode P whose pixels are codes."""
    masks = [image.point([int(code != own) for code in range(256)]) for own in _inks(palette)]
    return b"".join(pack_codes(mask, 1, bit_order, inverted) for mask in masks)


def unpack_planes(
    data: bytes, size: tuple[int, int], palette: Palette, bit_order: str = "msb", inverted: bool = False
) -> Image.Image:
    """Return the picture in mode P that was packed."""
    inks, plane_bytes = _inks(palette), (size[0] + 7) // 8 * size[1]
    image = Image.new("P", size, palette.nearest(WHITE))
    for index, code in enumerate(inks):
        plane = data[index * plane_bytes : (index + 1) * plane_bytes]
        bare = unpack_codes(plane, size, 1, bit_order, inverted)
        image.paste(code, (0, 0), bare.point([255, *[0] * 255], "L"))
    return image


def _inks(palette: Palette) -> list[int]:
    pairs = zip(palette.colours, palette.codes, strict=True)
    return [code for colour, code in pairs if colour != WHITE]


def pack_rgb565(image: Image.Image, byte_order: str = "big", ordered: bool = False) -> bytes:
    """Return rgb565 of a picture in mode RGB, to the nearest value or with an ordered dither."""
    red, green, blue = image.split()
    red, blue = (_reduce(channel, _FIVE, ordered) for channel in (red, blue))
    green = _reduce(green, _SIX, ordered)
    high = ImageChops.add(
        red.point([v & 0xF8 for v in range(256)]), green.point([v >> 5 for v in range(256)])
    )
    low = ImageChops.add(
        green.point([v << 3 & 0xE0 for v in range(256)]), blue.point([v >> 3 for v in range(256)])
    )
    pair = (high, low) if byte_order == "big" else (low, high)
    return Image.merge("LA", pair).tobytes()


def _reduce(channel: Image.Image, levels: list[int], ordered: bool) -> Image.Image:
    """Return a channel whose high bits count the level; its low bits are to be cut off."""
    step = 256 // len(levels)
    parts = [_between(v, levels, step) for v in range(256)]
    exact = channel.point([level * step + part for level, part in parts])
    if ordered:
        return ImageChops.add(exact, bayer(channel.size, 0, step))
    return exact.point([min(v + step // 2, 255) for v in range(256)])


def _between(value: int, levels: Sequence[int], parts: int) -> tuple[int, int]:
    """Return the index of the rising level below a value, and how many of `parts` lie between it and the value."""
    below = max((index for index, level in enumerate(levels) if level <= value), default=0)
    if below + 1 == len(levels) or value < levels[0]:
        return below, 0
    return below, (value - levels[below]) * parts // (levels[below + 1] - levels[below])


def unpack_rgb565(data: bytes, size: tuple[int, int], byte_order: str = "big") -> Image.Image:
    """Return the picture in mode RGB that was packed."""
    high, low = Image.frombytes("LA", size, data).split()
    if byte_order == "little":
        high, low = low, high
    green = ImageChops.add(
        high.point([v << 5 & 0xE0 for v in range(256)]), low.point([v >> 3 & 0x1C for v in range(256)])
    ).point([v & 0xFC | v >> 6 for v in range(256)])
    return Image.merge(
        "RGB",
        (
            high.point([_FIVE[v >> 3] for v in range(256)]),
            green,
            low.point([_FIVE[v & 0x1F] for v in range(256)]),
        ),
    )


def bayer(size: tuple[int, int], lowest: int, span: int) -> Image.Image:
    """Return a picture in mode L tiled with the 8 × 8 matrix, whose 64 steps spread from `lowest` over `span`."""
    width, height = size
    rows = []
    for y in range(8):
        row = bytes(lowest + _bayer_at(x, y) * span // 64 for x in range(8))
        rows.append((row * (width // 8 + 1))[:width])
    return Image.frombytes("L", size, (b"".join(rows) * (height // 8 + 1))[: width * height])


def _bayer_at(x: int, y: int) -> int:
    """Return 0 to 63: the bits of x ^ y and y, the lowest first."""
    value = 0
    for bit in range(3):
        value = value << 2 | ((x ^ y) >> bit & 1) << 1 | (y >> bit & 1)
    return value


def build_bmp(image: Image.Image) -> bytes:
    """Return a BMP of a picture in mode P, L or RGB."""
    table = _bmp_table(image)
    bits = 24 if image.mode == "RGB" else 8 if image.mode == "L" else 1 if len(table) <= 2 else 4
    stride = (image.width * bits + 31) // 32 * 4
    rawmode = {"RGB": "BGR", "L": "L"}.get(image.mode, f"P;{bits}")
    pixels = image.tobytes("raw", rawmode, stride, -1)
    colours = b"".join(bytes((blue, green, red, 0)) for red, green, blue in table)
    start = 54 + len(colours)
    info = struct.pack(
        "<IiiHHIIiiII", 40, image.width, image.height, 1, bits, 0, len(pixels), 2835, 2835, len(table), 0
    )
    return struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start) + info + colours + pixels


def _bmp_table(image: Image.Image) -> list[Colour]:
    if image.mode == "L":
        return [(level, level, level) for level in range(256)]
    return _table_of(image) if image.mode == "P" else []


def _table_of(image: Image.Image) -> list[Colour]:
    flat = image.getpalette() or []
    return [(flat[at], flat[at + 1], flat[at + 2]) for at in range(0, len(flat), 3)]


def build_png(image: Image.Image) -> bytes:
    """Return a PNG of a picture in mode P (with at most 16 colours), L or RGB."""
    if image.mode != "P":
        out = io.BytesIO()
        image.save(out, "PNG")
        return out.getvalue()
    table = _table_of(image)
    bits = next(bits for bits in (1, 2, 4) if len(table) <= 1 << bits)
    is_grey = table == [(level, level, level) for level in _EVEN[bits]]
    row_bytes = (image.width * bits + 7) // 8
    packed = pack_codes(image, bits)
    rows = b"".join(b"\0" + packed[at : at + row_bytes] for at in range(0, len(packed), row_bytes))
    head = struct.pack(">IIBBBBB", image.width, image.height, bits, 0 if is_grey else 3, 0, 0, 0)
    parts = [_chunk(b"IHDR", head)]
    if not is_grey:
        parts.append(_chunk(b"PLTE", b"".join(bytes(colour) for colour in table)))
    parts += [_chunk(b"IDAT", zlib.compress(rows, 9)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def reduce_colours(image: Image.Image, palette: Palette, dither: str) -> Image.Image:
    """Return the picture in mode P, its pixels being codes of the palette.

    `dither` is "floyd-steinberg", "ordered" (an 8 × 8 Bayer matrix) or "none".
    """
    if palette.is_grey:
        image = image.convert("L")
        if dither != "floyd-steinberg":
            return attach_table(_choose_greys(image, palette, dither == "ordered"), palette)
    image = image.convert("RGB")
    if dither == "ordered":
        pattern = bayer(image.size, 128 - _reach(palette), 2 * _reach(palette) + 1)
        image = Image.merge("RGB", [ImageChops.add(part, pattern, 1, -128) for part in image.split()])
    last = len(palette.colours) - 1
    # All 256 entries are given, or Pillow would fill the rest with colours of its own.
    entries = [palette.colours[min(index, last)] for index in range(256)]
    swatch = Image.new("P", (1, 1))
    swatch.putpalette([channel for colour in entries for channel in colour])
    how = Image.Dither.FLOYDSTEINBERG if dither == "floyd-steinberg" else Image.Dither.NONE
    coded = image.quantize(palette=swatch, dither=how)
    return attach_table(coded.point([palette.codes[min(index, last)] for index in range(256)]), palette)


def _choose_greys(image: Image.Image, palette: Palette, ordered: bool) -> Image.Image:
    """Return codes: of the grey below each pixel or of the one above, by the matrix or by which is nearer."""
    pairs = sorted((colour[0], code) for colour, code in zip(palette.colours, palette.codes, strict=True))
    levels, codes = zip(*pairs, strict=True)
    found = [_between(value, levels, 64) for value in range(256)]
    threshold = bayer(image.size, 0, 64) if ordered else Image.new("L", image.size, 31)
    over = ImageChops.subtract(image.point([part for _, part in found]), threshold)
    coded, above = (
        image.point([codes[min(below + up, len(codes) - 1)] for below, _ in found]) for up in (0, 1)
    )
    coded.paste(above, (0, 0), over.point([0, *[255] * 255]))
    return Image.frombytes("P", image.size, coded.tobytes())


def _within(channel: int) -> int:
    return max(0, min(255, channel))


@lru_cache(maxsize=64)
def _reach(palette: Palette) -> int:
    """Return how far the matrix may push a colour of the panel without making it another one."""

    def holds(reach: int) -> bool:
        moved = (
            ((_within(red + push), _within(green + push), _within(blue + push)), code)
            for (red, green, blue), code in zip(palette.colours, palette.codes, strict=True)
            for push in (-reach, reach)
        )
        return all(palette.nearest(colour) == code for colour, code in moved)

    reach = bisect_left(range(128), True, key=lambda push: not holds(push)) - 1
    # Pillow looks colours up in steps of four.
    return max(0, reach - 4)
