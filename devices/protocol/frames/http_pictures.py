"""Read what a camera that is a server answers, without I/O: one picture, or pictures without end.

The bytes tell which: a body of parts is read by `part_stream`, one that begins like a picture is a snapshot until, behind its
end, another of its kind begins: then it is a stream, whatever its type says. Only the JPEGs that announce several pictures in one
file (MPF) may have others behind them.
"""

from devices.protocol.pictures.start import (
    ENOUGH_BYTES,
    START,
    Finder,
    begins_like_picture,
    end_finder,
    may_begin_picture,
)

from .framing import MAX_FRAME_BYTES, Frame, FrameTooLarge, Framing, NotPicture, StreamError, StreamReader
from .part_stream import PICTURE_LINE, PartStream

_SEVERAL = b"MPF\0"
_HEAD_BYTES = 65_536


class BadlySent(bytes):
    """A picture that is whole, although its transport ended badly."""


class HttpPictures:
    """One answer's body. `is_stream` is None until it is known. After `feed` look at `error`."""

    def __init__(self, content_type: str = "", max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self.max_frame_bytes = max_frame_bytes
        self.error: StreamError | None = None
        self.is_stream: bool | None = None
        self._is_parts = content_type.strip().lower().startswith("multipart/")
        self._content_type = content_type
        self._reader: PartStream | StreamReader | None = None
        self._buffer = bytearray()
        self._finder: Finder | None = None
        self._end: int | None = None
        # Where to go on looking for another picture, so that a tail in many pieces is looked at once.
        self._searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take what arrived and return the pictures of a stream that it completed. A snapshot is given by `finish`."""
        if self.error is not None:
            return []
        if self._reader is not None:
            return self._read_on(data)
        self._buffer += data
        if self._is_parts or self._looks_like_parts():
            return self._become(PartStream(self._content_type, self.max_frame_bytes))
        if not may_begin_picture(self._buffer):
            if not self._may_be_parts():
                self.error = NotPicture("The answer is not a picture.")
            return []
        if self._goes_on():
            return self._become(StreamReader(self.max_frame_bytes, Framing.JPEGS))
        if len(self._buffer) > 2 * self.max_frame_bytes:
            self.error = self._too_large()
        return []

    def finish(self, *, broken: bool = False) -> bytes | None:
        """Return the snapshot, or the last picture of a stream that ended behind it. Call it when no more comes.

        The snapshot is what came, with its tail, whole or not; when the transport is `broken` only a whole one counts.
        """
        if isinstance(self._reader, PartStream):
            return self._reader.finish()
        if self._reader is not None or self.error is not None or not begins_like_picture(self._buffer):
            return None
        if len(self._buffer) > self.max_frame_bytes:
            self.error = self._too_large()
            return None
        self.is_stream = False
        if not broken:
            return bytes(self._buffer)
        return BadlySent(self._buffer) if self.is_whole else None

    @property
    def is_whole(self) -> bool:
        """Tell whether the snapshot's end has come."""
        return self._find_end() is not None

    def _looks_like_parts(self) -> bool:
        start = bytes(self._buffer[:512]).lstrip(b"\r\n")
        return start.startswith(b"--") and (
            b"content-" in start.lower() or PICTURE_LINE.search(start) is not None
        )

    def _may_be_parts(self) -> bool:
        start = bytes(self._buffer[:512]).lstrip(b"\r\n")
        return len(self._buffer) < 512 and (start.startswith(b"--") or b"--".startswith(start))

    def _find_end(self) -> int | None:
        if self._end is None and begins_like_picture(self._buffer):
            self._finder = self._finder or end_finder(self._buffer)
            end = self._finder.find(self._buffer)
            self._end = end if end is not None and end > 0 else None
        return self._end

    def _goes_on(self) -> bool:
        """Tell whether another picture of its kind begins behind the end of the first."""
        end = self._find_end()
        if end is None or (not self._searched and _SEVERAL in self._buffer[: min(end, _HEAD_BYTES)]):
            return False
        kind = self._buffer[:3]
        starts = (match.start() for match in START.finditer(self._buffer, max(end, self._searched)))
        self._searched = max(end, len(self._buffer) - ENOUGH_BYTES + 1)
        return any(self._buffer[start : start + 3] == kind for start in starts)

    def _become(self, reader: PartStream | StreamReader) -> list[bytes]:
        self.is_stream, self._reader = True, reader
        came = bytes(self._buffer)
        self._buffer.clear()
        return self._read_on(came)

    def _read_on(self, data: bytes) -> list[bytes]:
        if self._reader is None:
            return []
        came = self._reader.feed(data)
        self.error = self._reader.error
        pictures = (one.picture if isinstance(one, Frame) else one for one in came)
        return [picture for picture in pictures if isinstance(picture, bytes)]

    def _too_large(self) -> FrameTooLarge:
        return FrameTooLarge(f"A picture is above the limit of {self.max_frame_bytes} bytes.")
