"""Read frames out of MQTT payloads.

    FF D8 FF …                                          a JPEG, or a PNG or WebP by its own beginning
    ticks_ms(u32 little) size(u32 little) FF D8 FF …    `ticks_ms` counts from the device's start and wraps
    /9j/4AAQ…  data:image/jpeg;base64,…  {"image":"…"}  a picture written as text (`picture_text`)

or in parts, one message each on …/part1, …/part2, …: the first begins with SOI, the last holds the EOI.

FrameRefused
├── NotAFrame               none of these forms
├── SizeMismatch            the header's size is not that of the picture behind it
├── FrameTooLarge           more bytes than a frame may have
├── TooManyInOne            a JSON payload that holds several pictures
└── PartsBroken             a part is missing, came out of order or too late
"""

import struct
from dataclasses import dataclass

from devices.protocol.pictures.jpeg_end import SOI, EndFinder
from devices.protocol.pictures.start import ENOUGH_BYTES, begins_like_picture
from devices.protocol.pictures.text import SeveralPictures, read_picture_text, text_limit

from .framing import MAX_FRAME_BYTES

PARTS_WITHIN_S = 10.0
_HEADER = struct.Struct("<II")


class FrameRefused(ValueError):
    """A payload that holds no frame: it is counted and dropped. `word` and `values` say why to people."""

    word = "frames_waiting"

    def __init__(self, sentence: str, **values: int) -> None:
        super().__init__(sentence)
        self.values = values


class NotAFrame(FrameRefused):
    """The payload is a picture in none of the forms."""

    word = "frame_no_picture"


class SizeMismatch(FrameRefused):
    """The header names another size than that of the picture behind it."""

    word = "frame_size"


class FrameTooLarge(FrameRefused):
    """The frame has more bytes than a frame may have."""

    word = "frame_too_large"


class TooManyInOne(FrameRefused):
    """The payload holds several pictures, and nothing says which is the frame."""

    word = "frame_several"


class PartsBroken(FrameRefused):
    """The parts do not make a picture."""

    word = "frame_parts"


@dataclass(frozen=True, slots=True)
class MqttFrame:
    """One picture, for nearly all cameras a JPEG; `ticks_ms` only when the device sent its clock."""

    jpeg: bytes
    ticks_ms: int | None = None


def read_frame(payload: bytes, max_frame_bytes: int = MAX_FRAME_BYTES) -> MqttFrame:
    """Read a payload of any form; raises FrameRefused."""
    behind = payload[_HEADER.size : _HEADER.size + ENOUGH_BYTES]
    headed = begins_like_picture(behind)
    # The header is tried first: the ticks themselves may read FF D8 FF.
    size = 0
    if headed:
        ticks_ms, size = _HEADER.unpack_from(payload)
        if size == len(payload) - _HEADER.size:
            return MqttFrame(_within(payload[_HEADER.size :], max_frame_bytes), ticks_ms)
    if begins_like_picture(payload):
        return MqttFrame(_within(payload, max_frame_bytes))
    if headed and len(payload) > max_frame_bytes + _HEADER.size:
        raise _too_large(len(payload), max_frame_bytes)
    if headed:
        raise SizeMismatch(
            f"The header says {size} bytes, {len(payload) - _HEADER.size} came.",
            said=size,
            size=len(payload) - _HEADER.size,
        )
    return MqttFrame(_read_text(payload, max_frame_bytes))


def _read_text(payload: bytes, max_frame_bytes: int) -> bytes:
    if len(payload) > text_limit(max_frame_bytes):
        raise _too_large(len(payload), max_frame_bytes)
    try:
        picture = read_picture_text(payload, max_frame_bytes)
    except SeveralPictures as error:
        raise TooManyInOne("The payload holds several pictures.") from error
    if picture is None:
        raise NotAFrame("A frame's payload is no picture in any of the forms.", size=len(payload))
    return _within(picture, max_frame_bytes)


def _within(picture: bytes, max_frame_bytes: int) -> bytes:
    if len(picture) > max_frame_bytes:
        raise _too_large(len(picture), max_frame_bytes)
    return picture


def _too_large(size: int, max_frame_bytes: int) -> FrameTooLarge:
    return FrameTooLarge(
        f"A frame of {size} bytes is above the limit of {max_frame_bytes} bytes.", limit=max_frame_bytes
    )


class PartJoiner:
    """Join the parts of one device's frames. It holds one picture of at most `max_frame_bytes`."""

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES, within_s: float = PARTS_WITHIN_S) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._within_s = within_s
        self._buffer = bytearray()
        self._finder = EndFinder()
        self._last: tuple[int, bytes] = (0, b"")
        self._began_at_s = 0.0

    @property
    def held_bytes(self) -> int:
        return len(self._buffer)

    def add(self, part: int, payload: bytes, now_s: float) -> bytes | None:
        """Take one part; return the picture when this was its last. Raises FrameRefused and starts afresh."""
        self.expire(now_s)
        if self._buffer and (part, payload) == self._last:
            return None  # QoS 1 may bring a message twice.
        if payload.startswith(SOI):
            self.clear()
            self._began_at_s = now_s
        elif not self._buffer:
            raise PartsBroken(f"Part {part} came without the one that begins the picture.")
        elif part != self._last[0] + 1:
            expected = self._last[0] + 1
            self.clear()
            raise PartsBroken(f"Part {part} came where part {expected} was due.")
        if len(self._buffer) + len(payload) > self._max_frame_bytes:
            self.clear()
            raise FrameTooLarge(
                f"The parts exceed the limit of {self._max_frame_bytes} bytes.", limit=self._max_frame_bytes
            )
        self._buffer += payload
        self._last = (part, payload)
        return self._finish()

    def expire(self, now_s: float) -> bool:
        """Forget a picture whose last part is overdue; tell whether there was one."""
        overdue = bool(self._buffer) and now_s - self._began_at_s > self._within_s
        if overdue:
            self.clear()
        return overdue

    def clear(self) -> None:
        """Forget what has come."""
        self._buffer = bytearray()
        self._finder = EndFinder()
        self._last = (0, b"")

    def _finish(self) -> bytes | None:
        end = self._finder.find(self._buffer)
        if end is None:
            return None
        jpeg = bytes(self._buffer)
        self.clear()
        if end < 0:
            raise PartsBroken("A new picture began inside a part.")
        return jpeg
