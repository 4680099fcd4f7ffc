"""Find the size and the true end of a JPEG by walking it, without decoding.

    FF D8                         SOI
    FF E1 <u16 length> …          segments; a length counts itself; an EXIF thumbnail holds its own EOI
    FF C0 <u16 length> precision(8) height(16) width(16) components(8) …        SOF, the size
    FF DA <u16 length> …          SOS, then entropy-coded bytes until the next marker: FF 00 is a data byte,
                                  FF D0-D7 are restarts, FF FF is fill; more segments and scans may follow
    FF D9                         EOI; what comes behind it is not the picture

Cameras leave junk, padding or an older frame's EOI behind the end, so searching for an EOI from either side
finds wrong ones. A file of any size is walked in time linear to it, and any bytes give facts or NotJpeg.
"""

import re
import struct
from dataclasses import dataclass
from mmap import mmap

Buffer = bytes | bytearray | memoryview | mmap

# FF 01 to FF BF are reserved or stand alone: passing over them here, with the restarts, keeps a file full of
# them a matter of one regular expression instead of one loop turn each.
_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")
_SOI, _EOI, _SOS, _DNL, _APP1 = 0xD8, 0xD9, 0xDA, 0xDC, 0xE1
_SOFS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
# A real file has some hundred; only a made one has more, and it counts as cut where the walk gives up.
_MAX_MARKERS = 20_000
_MAX_EXIF_ENTRIES = 256
_DHT = 0xC4
# SOFs of sequential Huffman coding: only with these may the tables be left out.
_SEQUENTIAL = frozenset({0xC0, 0xC1})
# The typical tables of ITU-T T.81, annex K.3, as one segment: code lengths and values of DC and AC, luminance and
# chrominance. The values of the AC tables go on row by row from where their list ends.
_AC_ROWS = bytes(row << 4 | low for row in range(16) for low in range(1, 11))


def _standard_tables() -> bytes:
    dc = bytes(range(12))
    luminance = bytes.fromhex(
        "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a"
    )
    chrominance = bytes.fromhex(
        "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a26"
        "2728292a"
    )
    tables = b"".join(
        (
            b"\x00" + bytes.fromhex("00010501010101010100000000000000") + dc,
            b"\x10" + bytes.fromhex("0002010303020403050504040000017d") + luminance + _rest(luminance),
            b"\x01" + bytes.fromhex("00030101010101010101010000000000") + dc,
            b"\x11" + bytes.fromhex("00020102040403040705040400010277") + chrominance + _rest(chrominance),
        )
    )
    return b"\xff\xc4" + struct.pack(">H", len(tables) + 2) + tables


def _rest(values: bytes) -> bytes:
    return bytes(value for value in _AC_ROWS if value not in values)


STANDARD_TABLES = _standard_tables()
_ORIENTATION = 0x0112


class NotJpeg(ValueError):
    """The bytes do not start FF D8 FF."""


@dataclass(frozen=True, slots=True)
class JpegFacts:
    """What walking a JPEG tells. Sizes are None when the file ends before they are said.

    `end` is the index behind the EOI, None without one; `trailing_bytes` are behind it, or begin with the SOI
    of a next picture when this one was cut short. `truncated`: the EOI or the picture itself is missing.
    """

    width: int | None
    height: int | None
    end: int | None
    trailing_bytes: int
    truncated: bool
    precision: int | None
    components: int | None
    progressive: bool
    orientation: int | None
    scans: int


def walk(data: Buffer) -> JpegFacts:
    """Walk a JPEG to its first true EOI; raises NotJpeg and nothing else."""
    if bytes(data[:3]) != b"\xff\xd8\xff":
        raise NotJpeg("This is not a JPEG: it does not start with the bytes FF D8 FF.")
    return _Walk(data).run()


def end_of_image(data: Buffer) -> int | None:
    """Return the index behind the first true EOI, or None when the picture is cut; raises NotJpeg."""
    return walk(data).end


def with_tables(data: bytes) -> bytes:
    """Return the picture with the usual Huffman tables where it has none, as frames of motion JPEG have none.

    Decoders for video know the tables by heart; many programs and small displays need them in the file.
    """
    if data[:2] != b"\xff\xd8":
        return data
    position, sequential = 2, False
    for _ in range(_MAX_MARKERS):
        match = _MARKER.search(data, position)
        if match is None or match.end() + 2 > len(data):
            return data
        marker, start = match[1][0], match.end()
        if marker in (_DHT, _SOI, _EOI):
            return data
        if marker == _SOS:
            before = match.start()
            return data[:before] + STANDARD_TABLES + data[before:] if sequential else data
        sequential = sequential or marker in _SEQUENTIAL
        position = start + struct.unpack_from(">H", data, start)[0]
    return data


class _Walk:
    """The state of one walk."""

    def __init__(self, data: Buffer) -> None:
        self.data = data
        self.size = len(data)
        self.width: int | None = None
        self.height: int | None = None
        self.precision: int | None = None
        self.components: int | None = None
        self.progressive = False
        self.orientation: int | None = None
        self.has_exif = False
        self.scans = 0

    def run(self) -> JpegFacts:
        """Go from marker to marker."""
        position = 2
        for _ in range(_MAX_MARKERS):
            match = _MARKER.search(self.data, position)
            if match is None:
                break
            marker, position = match[1][0], match.end()
            if marker == _EOI:
                return self._facts(end=position, trailing_bytes=self.size - position)
            if marker == _SOI:
                # The camera began a new picture without ending this one.
                return self._facts(end=None, trailing_bytes=self.size - position + 2)
            position = self._pass_segment(marker, position)
        return self._facts(end=None, trailing_bytes=0)

    def _pass_segment(self, marker: int, start: int) -> int:
        """Take what a segment says and return the index behind it; `start` is that of its length."""
        if start + 2 > self.size:
            return self.size
        length = self._u16(start)
        end = start + length
        if self._is_noise(marker, start, length):
            return start
        if marker in _SOFS and self.precision is None:
            self._take_frame(marker, start, length)
        elif marker == _DNL and length == 4 and end <= self.size and self.precision is not None:
            # The number of lines, said after the first scan because the SOF said 0.
            self.height = self.height or self._u16(start + 2) or None
        elif marker == _APP1 and not self.has_exif and bytes(self.data[start + 2 : start + 8]) == b"Exif\0\0":
            self.has_exif = True
            self.orientation = _read_orientation(bytes(self.data[start + 8 : end]))
        elif marker == _SOS and end <= self.size:
            self.scans += 1
        return min(end, self.size)

    def _is_noise(self, marker: int, start: int, length: int) -> bool:
        """Tell whether this is no segment but two damaged bytes, whose "length" could jump over the EOI."""
        if length < 2:
            return True
        if not self.scans:
            return False
        if marker == _SOS:
            return start + 2 < self.size and length != 6 + 2 * self.data[start + 2]
        end = start + length
        return end < self.size and self.data[end] != 0xFF

    def _take_frame(self, marker: int, start: int, length: int) -> None:
        if length < 8 or start + 8 > self.size:
            return
        precision, height, width, components = struct.unpack_from(">BHHB", self.data, start + 2)
        self.precision, self.components = precision, components
        self.width, self.height = width or None, height or None
        self.progressive = marker in _PROGRESSIVE

    def _u16(self, position: int) -> int:
        return struct.unpack_from(">H", self.data, position)[0]

    def _facts(self, end: int | None, trailing_bytes: int) -> JpegFacts:
        return JpegFacts(
            width=self.width,
            height=self.height,
            end=end,
            trailing_bytes=trailing_bytes,
            truncated=end is None or not self.scans,
            precision=self.precision,
            components=self.components,
            progressive=self.progressive,
            orientation=self.orientation,
            scans=self.scans,
        )


def _read_orientation(tiff: bytes) -> int | None:
    """Return the orientation (1 to 8) from an EXIF block's first directory, or None."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return None
    directory = struct.unpack_from(f"{order}I", tiff, 4)[0]
    if directory + 2 > len(tiff):
        return None
    count = struct.unpack_from(f"{order}H", tiff, directory)[0]
    for index in range(min(count, _MAX_EXIF_ENTRIES)):
        entry = directory + 2 + 12 * index
        if entry + 12 > len(tiff):
            return None
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
        if tag == _ORIENTATION and kind == 3 and 1 <= value <= 8:
            return value
    return None
