r"""Read the pictures of a multipart stream (multipart/x-mixed-replace), without I/O.

    --boundary\r\n
    Content-Type: image/jpeg\r\n
    Content-Length: 7\r\n
    \r\n
    <picture>\r\n
    --boundary …

A part ends by its Content-Length, else at the boundary; what the sender counted into it behind the picture belongs to it,
up to the limit of a frame. A length with which the picture does not end is believed when a boundary stands behind it.
Cameras write the boundary with or without leading dashes, in the header or in the body, and end lines with a bare LF.
Parts that hold no picture are passed over.
"""

import re

from devices.protocol.pictures.form_data import boundary_of, read_headers
from devices.protocol.pictures.start import START, Finder, begins_like_picture, end_finder, may_begin_picture

from .framing import MAX_FRAME_BYTES, BadHeader, FrameTooLarge, StreamError, check_pieces

MAX_HEAD_BYTES = 8192
_BLANK = re.compile(rb"\r?\n\r?\n")
_LINE_ENDS = b"\r\n"
_EMPTY_LINES = re.compile(rb"[\r\n]*")
_GAPS = (b"\r\n", b"\n", b"")
# A part without an empty line above its picture.
PICTURE_LINE = re.compile(b"\n(?:" + START.pattern + b")", re.DOTALL)


def _length_of(pattern: re.Pattern[bytes], data: bytearray) -> int:
    """Return how many bytes at the front a pattern takes that may take none."""
    found = pattern.match(data)
    return found.end() if found else 0


class PartStream:
    """Turn the body of a multipart answer into pictures. After `feed` look at `error`: when it is set nothing more comes."""

    def __init__(self, content_type: str = "", max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self.max_frame_bytes = max_frame_bytes
        self.error: StreamError | None = None
        said = boundary_of(content_type).strip(b"-")
        # As a part is preceded by it; what the body writes counts more than what the header says.
        self._boundary = b"--" + said if said else b""
        self._buffer = bytearray()
        self._take = self._take_head
        self._length: int | None = None
        self._searched = 0
        self._finder: Finder | None = None
        self._end: int | None = None
        self._passed_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take what arrived and return the pictures that it completed."""
        pictures: list[bytes] = []
        if self.error is None:
            self._buffer += data
            bytes_in, pieces = len(self._buffer), 0
            try:
                while self._take(pictures):
                    pieces += 1
                    check_pieces(pieces, bytes_in)
            except StreamError as error:
                self.error = error
                self._buffer.clear()
        return pictures

    def finish(self) -> bytes | None:
        """Return the picture of the last part, when the stream ended behind it and not inside of it."""
        whole = self._take == self._take_part and begins_like_picture(self._buffer) and self._find_end()
        picture = bytes(self._buffer).rstrip(_LINE_ENDS) if whole else None
        self._buffer.clear()
        return picture

    # --- the head of a part

    def _take_head(self, pictures: list[bytes], /) -> bool:
        """Pass over everything up to a part's content; tell whether to go on."""
        # A line end that belongs to the part before.
        self._pass_over(_length_of(_EMPTY_LINES, self._buffer))
        if begins_like_picture(self._buffer):
            return self._begin_part(None)
        blank = _BLANK.search(self._buffer, 0, MAX_HEAD_BYTES)
        picture = PICTURE_LINE.search(self._buffer, 0, blank.start() if blank else MAX_HEAD_BYTES)
        if picture is not None:
            return self._end_head(picture.start() + 1, bytes(self._buffer[: picture.start()]))
        if blank is not None:
            return self._end_head(blank.end(), bytes(self._buffer[: blank.start()]))
        if len(self._buffer) > MAX_HEAD_BYTES:
            # No head of a part but padding, or a part that is no picture and said no length.
            self._pass_over(MAX_HEAD_BYTES // 2)
            return True
        return False

    def _end_head(self, end: int, head: bytes) -> bool:
        self._boundary = _boundary_line(head, self._boundary) or self._boundary
        length = read_headers(head).get("content-length", "")
        self._pass_over(end)
        return self._begin_part(
            int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None
        )

    def _begin_part(self, length: int | None) -> bool:
        usable = length is not None and 0 < length <= self.max_frame_bytes
        self._length, self._searched = length if usable else None, 0
        self._finder, self._end = None, None
        self._take = self._take_part
        return True

    # --- its content

    def _take_part(self, pictures: list[bytes], /) -> bool:
        """Take the part's content when all of it is there."""
        if not may_begin_picture(self._buffer):
            self._take = self._skip_part
            return True
        end = self._find_part_end() if len(self._buffer) > 3 and begins_like_picture(self._buffer) else None
        if end is None:
            if len(self._buffer) > self.max_frame_bytes + len(self._boundary) + 8:
                raise self._too_large(len(self._buffer))
            return False
        if end > self.max_frame_bytes:
            raise self._too_large(end)
        # A picture that was cut by the beginning of another is thrown away.
        if end > 0:
            pictures.append(bytes(self._buffer[:end]))
            self._passed_bytes = 0
        self._drop(abs(end))
        self._take = self._take_head
        return True

    def _find_part_end(self) -> int | None:
        """Return where the part ends, None while that cannot be told."""
        length, end = self._length, self._find_end()
        if length is None:
            return self._find_boundary()
        if end is not None and 0 < end < length:
            between = bytes(self._buffer[end:length])
            early = self._boundary_at(end) if between.strip(_LINE_ENDS) else False
            if early is not False or len(self._buffer) < length:
                return end if early else None
            return length
        if len(self._buffer) < length:
            return None
        if end == length:
            return length
        behind = self._boundary_at(length)
        if behind is None:
            return None
        return length if behind else self._find_boundary()

    def _find_end(self) -> int | None:
        """Return where the picture ends, negated when another begins there; None while it has not ended."""
        if self._end is None:
            self._finder = self._finder or end_finder(self._buffer)
            self._end = self._finder.find(self._buffer)
        return self._end

    def _boundary_at(self, position: int) -> bool | None:
        """Tell whether the boundary stands here, None when more bytes must come to tell."""
        if not self._boundary:
            return False
        behind = bytes(self._buffer[position : position + len(self._boundary) + 2])
        # Without its dashes it is one only at the beginning of a line.
        gaps = _GAPS if self._boundary.startswith(b"--") else _GAPS[:2]
        if any(behind.startswith(gap + self._boundary) for gap in gaps):
            return True
        return None if any((gap + self._boundary).startswith(behind) for gap in gaps) else False

    def _find_boundary(self) -> int | None:
        if not self._boundary:
            # Nothing tells where the part ends but the picture.
            return self._find_end()
        is_dashed = self._boundary.startswith(b"--")
        wanted = self._boundary if is_dashed else b"\n" + self._boundary
        at = self._buffer.find(wanted, self._searched)
        if at < 0:
            self._searched = max(0, len(self._buffer) - len(wanted))
            return None
        at += 0 if is_dashed else 1
        while at > 0 and self._buffer[at - 1] == 0x2D:
            at -= 1
        return at - next(len(gap) for gap in _GAPS if self._buffer.endswith(gap, 0, at))

    def _skip_part(self, pictures: list[bytes], /) -> bool:
        """Pass over a part that is no picture: by its length, else up to what looks like the next head."""
        left = (self._length or 0) - len(self._buffer)
        self._pass_over(min(self._length or 0, len(self._buffer)))
        if left > 0:
            self._length = left
            return False
        self._take = self._take_head
        return True

    def _pass_over(self, count: int) -> None:
        self._drop(count)
        self._passed_bytes += count
        if self._passed_bytes > self.max_frame_bytes:
            raise BadHeader("The data between two pictures does not end.")

    def _drop(self, count: int) -> None:
        del self._buffer[:count]

    def _too_large(self, size: int) -> FrameTooLarge:
        return FrameTooLarge(f"A part of {size} bytes is above the limit of {self.max_frame_bytes} bytes.")


def _boundary_line(head: bytes, expected: bytes) -> bytes:
    """Return the boundary's line in what stands above a part: the one that is expected, else one that looks like it."""
    lines = [line.strip() for line in head.split(b"\n")]
    for line in reversed(lines):
        if line.strip(b"-") and line.strip(b"-") == expected.strip(b"-"):
            return line
    return next((line for line in reversed(lines) if line.startswith(b"--") and line.strip(b"-")), b"")
