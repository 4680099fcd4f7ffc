"""Find the true end of a JPEG while its bytes are still arriving.

    FF D8                     SOI
    FF xx <u16 length> …      segments; a length counts itself, and a thumbnail inside one has its own EOI
    FF DA <u16 length> …      SOS, then coded bytes until the next marker; FF 00, FF D0-D7, FF FF are theirs
    FF D9                     EOI

The finder remembers where it stopped, so a picture that comes one byte at a time is still looked at once.
"""

import re
import struct

SOI = b"\xff\xd8\xff"

_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
# A real picture has some hundred; the rest of one made of nothing but markers is passed over as coded bytes.
_MAX_MARKERS = 20_000


class EndFinder:
    """Look for the end of the one picture that begins at index 0 of a growing buffer."""

    def __init__(self) -> None:
        self._position = 2
        self._in_scan = False
        self._markers = 0

    def find(self, data: bytes | bytearray) -> int | None:
        """Return the index behind the EOI, None while it has not come.

        A new SOI where a marker may stand ends a cut picture: its index is returned, negated.
        """
        while (match := _MARKER.search(data, self._position)) is not None:
            marker, start = match[1][0], match.end()
            if marker == _EOI:
                return start
            if marker == _SOI:
                return -(start - 2)
            behind = start if self._markers >= _MAX_MARKERS else self._pass_segment(data, marker, start)
            if behind is None:
                self._position = start - 2
                return None
            self._position = behind
            self._markers += 1
        # The last byte may be the first half of a marker.
        self._position = max(self._position, len(data) - 1)
        return None

    def _pass_segment(self, data: bytes | bytearray, marker: int, start: int) -> int | None:
        """Return the index behind a segment whose length stands at `start`; None: more bytes must come."""
        if start + 2 > len(data):
            return None
        length = struct.unpack_from(">H", data, start)[0]
        end = start + length
        if length < 2:
            return start
        if marker == _SOS:
            return self._pass_scan_header(data, start, length)
        if self._in_scan:
            # Among coded bytes a damaged one may look like a marker: a true segment is followed by another.
            if end >= len(data):
                return None
            return end if data[end] == 0xFF else start
        return end

    def _pass_scan_header(self, data: bytes | bytearray, start: int, length: int) -> int | None:
        if start + 3 > len(data):
            return None
        if length != 6 + 2 * data[start + 2]:
            return start
        self._in_scan = True
        return start + length
