r"""Read pictures from a TCP stream in any of its framings, without I/O.

    PHOTOHUB <code> <key>\n              hello, optional, at most 256 bytes with its line end
    00 00 00 00  <u32 big> picture …     length 0 is skipped, and so are zeros of any number between two pictures
    <u32 little> picture …               length 0 ends the stream
    <decimal>\r\n\r\n picture …          the literal letters `rnrn` do as well; length 0, zeros and white space are skipped
    FF D8 FF … FF D9  FF D8 FF …         end to end; what lies between two pictures is passed over

A picture is a JPEG, a PNG or a WebP (`picture_start`). What is passed over between two pictures may have as many bytes as
a picture.

The first four bytes tell which it is. A length whose first and last bytes are both 00 may be read either way
round: then the smaller reading is right if a picture ends inside it, and the next length is looked at afresh.

StreamError
├── BadHello                a first line that is not a hello, or too long
├── UnknownFraming          first bytes that begin none of the framings
├── BadHeader               a decimal length that is not one, or padding that never ends
├── FrameTooLarge           a length above the limit, or a picture without an end within it
├── NotPicture              a length is followed by something else than a picture
└── TooFine                 lengths and beginnings of pictures in such numbers that there is no room for pictures
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from devices.protocol.pictures.start import (
    ENOUGH_BYTES,
    START,
    Finder,
    begins_like_picture,
    bytes_of_a_beginning,
    end_finder,
    is_whole,
    may_begin_picture,
)
from devices.protocol.topics import CODE_PATTERN

MAX_FRAME_BYTES = 4 * 2**20
MAX_HELLO_BYTES = 256
MAX_DIGITS = 20
# A picture has more than a hundred bytes. What comes in smaller pieces is none, and each piece takes time.
FINEST_BYTES = 64
_FIRST_PIECES = 64

_HELLO = re.compile(rb"PHOTOHUB (" + CODE_PATTERN.encode() + rb") ([!-~]{1,200})\r?\n")
_DIGITS = re.compile(rb"[0-9]+")
_SEPARATORS = (b"\r\n\r\n", b"rnrn")
_ZEROS = re.compile(rb"\0*")
_PADDING = re.compile(rb"[\0 \t\r\n]*")


def _length_of(pattern: re.Pattern[bytes], data: bytearray) -> int:
    """Return how many bytes at the front a pattern takes that may take none."""
    found = pattern.match(data)
    return found.end() if found else 0


class StreamError(ValueError):
    """The stream cannot be read on: the connection is to be closed. Its text is translated for people."""


class BadHello(StreamError):
    """The first line is no hello."""


class UnknownFraming(StreamError):
    """The first bytes begin none of the framings."""


class BadHeader(StreamError):
    """What stands before a picture is neither a length nor short enough to pass over."""


class FrameTooLarge(StreamError):
    """A picture is larger than this stream may send."""


class NotPicture(StreamError):
    "A length is followed by something other than a picture."


class TooFine(StreamError):
    "The stream breaks into pieces too small to be pictures."


def check_pieces(pieces: int, bytes_in: int) -> None:
    """Raise TooFine when so many pieces cannot be pictures of a stream of so many bytes."""
    if pieces > _FIRST_PIECES + bytes_in // FINEST_BYTES:
        raise TooFine("The stream breaks into pieces too small to be pictures.")


@dataclass(frozen=True, slots=True)
class Hello:
    """Who is sending. `key` is the device's secret."""

    code: str
    key: str

    def __repr__(self) -> str:
        return f"Hello(code={self.code!r})"


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, with whatever the sender counted into it behind its end."""

    picture: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The sender said that nothing more comes."""


StreamEvent = Hello | Frame | Ended


class Framing(StrEnum):
    """How pictures are told apart."""

    BIG = "big-endian lengths"
    LITTLE = "little-endian lengths"
    DECIMAL = "decimal lengths"
    JPEGS = "end to end"


class StreamReader:
    """Turn the bytes of one connection into events.

    After `feed` look at `error`: when it is set the stream cannot be read on, and the events that `feed`
    returned came before the fault. `framing` is None until it is known. Give it to read a body whose framing
    is told elsewhere: JPEGS passes over the part headers of a multipart stream. `empty_frames` counts the
    lengths of 0, by which a camera shows that it is alive.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES, framing: Framing | None = None) -> None:
        self.max_frame_bytes = max_frame_bytes
        self.framing = framing
        self.error: StreamError | None = None
        self.ended = False
        self.empty_frames = 0
        self._buffer = bytearray()
        self._finder: Finder | None = None
        self._junk_bytes = 0
        # How many zeros were passed over since the last picture.
        self._zeros = 0
        self._may_greet = framing is None

    @property
    def may_greet(self) -> bool:
        """Tell whether the sender may still say hello: it has not, and sent nothing else."""
        return self._may_greet and self.framing is None and self.error is None

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Take what arrived and return what it completed. After an error or the end, bytes are ignored."""
        events: list[StreamEvent] = []
        if self.error or self.ended:
            return events
        self._buffer += data
        bytes_in, pieces = len(self._buffer), 0
        try:
            while (step := self._next_step()) is not None and step(events):
                pieces += 1
                check_pieces(pieces, bytes_in)
        except StreamError as error:
            self.error = error
            self._buffer.clear()
        return events

    def _next_step(self) -> Callable[[list[StreamEvent]], bool] | None:
        """Return what reads the front of the buffer: it tells whether it got on or needs more bytes."""
        if self.framing is Framing.JPEGS:
            return self._take_end_to_end
        if len(self._buffer) < 4:
            return None
        if self.framing is Framing.DECIMAL:
            return self._take_decimal
        if self.framing is not None:
            return self._take_binary
        return self._detect

    # --- which framing it is

    def _detect(self, events: list[StreamEvent]) -> bool:
        first = bytes(self._buffer[:4])
        if first == b"\0\0\0\0":
            self._skip_zeros()
            self._may_greet = False
            return True
        if first[3] and may_begin_picture(self._buffer):
            if begins_like_picture(self._buffer):
                self.framing = Framing.JPEGS
            return self.framing is not None
        if first[:1].isdigit() and first[3]:
            self.framing = Framing.DECIMAL
            return True
        if first[:1] == b"P" and first[3] and self._may_greet:
            return self._take_hello(events)
        self._may_greet = False
        return self._detect_order(first, events)

    def _detect_order(self, first: bytes, events: list[StreamEvent]) -> bool:
        if first[0] and first[3]:
            raise UnknownFraming("The first bytes are neither a length nor a picture.")
        big, little = int.from_bytes(first, "big"), int.from_bytes(first, "little")
        fits = [size for size in (big, little) if size <= self.max_frame_bytes]
        if not fits:
            raise self._too_large(min(big, little))
        if len(fits) == 1 or big == little:
            if big != little:
                self.framing = Framing.BIG if fits[0] == big else Framing.LITTLE
            return self._take_body(4, fits[0], events)
        smaller = min(fits)
        self._check_start(4, smaller)
        if len(self._buffer) < 4 + smaller:
            return False
        whole = is_whole(bytes(self._buffer[4 : 4 + smaller]))
        self.framing = Framing.BIG if (smaller == big) is whole else Framing.LITTLE
        return True

    def _take_hello(self, events: list[StreamEvent]) -> bool:
        end = self._buffer.find(b"\n", 0, MAX_HELLO_BYTES)
        begun = bytes(self._buffer[:9])
        if not b"PHOTOHUB ".startswith(begun) or (end < 0 and len(self._buffer) >= MAX_HELLO_BYTES):
            raise BadHello("The first line is not a hello.")
        if end < 0:
            return False
        match = _HELLO.fullmatch(self._buffer, 0, end + 1)
        if match is None:
            raise BadHello("The hello line is not of the form PHOTOHUB <code> <key>.")
        events.append(Hello(match[1].decode(), match[2].decode()))
        self._drop(end + 1)
        self._may_greet = False
        return True

    # --- pictures

    def _take_binary(self, events: list[StreamEvent]) -> bool:
        size = int.from_bytes(self._buffer[:4], "big" if self.framing is Framing.BIG else "little")
        if size == 0 and self.framing is Framing.LITTLE:
            self._drop(4)
            self.ended = True
            events.append(Ended())
            return False
        if size == 0:
            self._zeros += self._skip_zeros()
            return True
        if self.framing is Framing.BIG and (aligned := self._align()) is not None:
            return aligned
        return self._take_body(4, size, events)

    def _skip_zeros(self) -> int:
        """Drop all lengths of 0 at the front, and return how many bytes those were."""
        zeros = _length_of(_ZEROS, self._buffer) // 4 * 4
        self._drop(zeros)
        self.empty_frames += zeros // 4
        return zeros

    def _align(self) -> bool | None:
        """Find the length behind zeros whose number is no multiple of four.

        Some of the zeros that were passed over may be the length's own. True: the buffer begins with it now; False: more
        bytes must come; None: nothing has to be done, or can be.
        """
        if not self._zeros and self._buffer[0]:
            return None
        undecided = False
        for shift in (0, 1, 2, 3, -1, -2, -3):
            begun = bytes(self._buffer[4 + shift : 4 + shift + ENOUGH_BYTES])
            may_be = not any(self._buffer[:shift]) if shift >= 0 else self._zeros >= -shift
            if may_be and begins_like_picture(begun):
                self._shift(shift)
                return None if shift == 0 else True
            undecided |= may_be and may_begin_picture(begun)
        return False if undecided else None

    def _shift(self, count: int) -> None:
        if count > 0:
            self._drop(count)
        self._buffer[:0] = bytes(max(0, -count))
        self._zeros = 0

    def _take_decimal(self, events: list[StreamEvent]) -> bool:
        padding = _length_of(_PADDING, self._buffer)
        if padding:
            self._pass_over(padding)
            return True
        digits = _DIGITS.match(self._buffer, 0, MAX_DIGITS + 1)
        if digits is None or digits.end() > MAX_DIGITS:
            raise BadHeader("The length before a picture has no decimal digits, or too many.")
        behind = bytes(self._buffer[digits.end() : digits.end() + 4])
        if behind not in _SEPARATORS:
            if any(separator.startswith(behind) for separator in _SEPARATORS):
                return False
            raise BadHeader("A decimal length must be followed by an empty line.")
        size = int(digits[0])
        if size == 0:
            self._drop(digits.end() + 4)
            self.empty_frames += 1
            self._junk_bytes = 0
            return True
        return self._take_body(digits.end() + 4, size, events)

    def _take_body(self, start: int, size: int, events: list[StreamEvent]) -> bool:
        if size > self.max_frame_bytes:
            raise self._too_large(size)
        self._check_start(start, size)
        if len(self._buffer) < start + size:
            return False
        events.append(Frame(bytes(self._buffer[start : start + size])))
        self._drop(start + size)
        self._junk_bytes = self._zeros = 0
        return True

    def _check_start(self, start: int, size: int) -> None:
        if size < 4 or not may_begin_picture(self._buffer[start : start + ENOUGH_BYTES]):
            raise NotPicture("A length is followed by something other than a picture.")

    def _take_end_to_end(self, events: list[StreamEvent]) -> bool:
        if self._finder is None:
            if not self._skip_junk():
                return False
            self._finder = end_finder(self._buffer)
        end = self._finder.find(self._buffer)
        if (abs(end) if end is not None else len(self._buffer)) > self.max_frame_bytes:
            raise self._too_large(len(self._buffer))
        if end is None:
            return False
        self._finder = None
        if end > 0:
            events.append(Frame(bytes(self._buffer[:end])))
        # A picture cut short by the next one's SOI is thrown away.
        self._drop(abs(end))
        return True

    def _skip_junk(self) -> bool:
        """Drop padding and part headers up to the next picture; tell whether one is there."""
        start = START.search(self._buffer)
        self._pass_over(start.start() if start else len(self._buffer) - bytes_of_a_beginning(self._buffer))
        if start:
            self._junk_bytes = 0
        return start is not None

    def _pass_over(self, count: int) -> None:
        self._junk_bytes += count
        self._drop(count)
        if self._junk_bytes > self.max_frame_bytes:
            raise BadHeader("The data between two pictures does not end.")

    def _drop(self, count: int) -> None:
        del self._buffer[:count]

    def _too_large(self, size: int) -> FrameTooLarge:
        return FrameTooLarge(f"A picture of {size} bytes is above the limit of {self.max_frame_bytes} bytes.")
