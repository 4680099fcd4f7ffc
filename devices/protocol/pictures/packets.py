"""Send a picture to a device in small packets over MQTT, one acknowledgement each. All numbers are little-endian.

    hub → device   magic(u32) EE EE FF FF   function(i8)   number(i16)   length(i16)   data, `length` bytes
    device → hub   magic(u32) FF FF EE EE   function(i8)   number(i16)   status(i8)

    function       number       data
    1 begin        0            <file name>;<size in decimal>
    2 data         0, 1, 2 …    1400 bytes of the picture, in the last packet what is left
    3 end          0            none

`status` is 1 when the packet came whole and 0 when it did not. A device counts the numbers of its
acknowledgements from its base, 0 or 1:

    base   begin       data number n    end
    0      0           n                0
    1      0 or 1      n + 1            0 or 1

With base 1 some devices shift all numbers and others those of data only. Both are taken, because the function
tells begin and end apart from data. With data there is no such choice: with the wrong base no transfer completes.

A transfer, driven by a `Sender`:

          start           begin acked           all data acked         end acked
    ready ─────► [begin] ─────────────► [data] ────────────────► [end] ─────────► delivered
                    │                      │                       │
                    └──────────────────────┴───────────────────────┴────────────► failed

In each step the packets in flight, one or at most `window`, wait for their own acknowledgement. A bad one, or
none within `ack_timeout_s`, sends that packet again, and so often that it was sent `tries` times. Anything else
that arrives is counted and changes nothing.

A packet is first sent when the transfer starts or moves on. So a transfer that does not move ends `failed`
after at most tries * ack_timeout_s, 25 s by default, plus what the caller's calls of `tick` come late.

The protocol has no number for a transfer, so a late answer to an older one looks like an answer to this one. Taken
as such, it would hide the loss of a packet, of the begin too, and the device would join two pictures. So after a
transfer that did not end as delivered, `start` keeps quiet for QUIET_S and ignores what arrives meanwhile.

PictureRefused
├── EmptyPicture            there is nothing to send
└── TooManyPackets          packet numbers are signed 16-bit
"""

import struct
from enum import IntEnum, StrEnum
from typing import NamedTuple

DATA_BYTES = 1400
MAX_PACKETS = 32_767
MAX_BYTES = MAX_PACKETS * DATA_BYTES
FILE_NAME = "image.jpg"
ACK_TIMEOUT_S = 5.0
TRIES = 5
# An answer that is later than this does not come any more; a packet is sent again after the same time.
QUIET_S = 5.0

_PACKET = struct.Struct("<Lbhh")
_ACK = struct.Struct("<Lbhb")
_PACKET_MAGIC = 0xFFFFEEEE
_ACK_MAGIC = 0xEEEEFFFF


class PictureRefused(ValueError):
    """A picture that cannot be sent, known before the first packet."""


class EmptyPicture(PictureRefused):
    """There is nothing to send."""


class TooManyPackets(PictureRefused):
    """Packet numbers are signed 16-bit."""


class Function(IntEnum):
    """What a packet is for."""

    BEGIN = 1
    DATA = 2
    END = 3


# A dictionary look-up costs a fifth of calling the enum, and does not raise.
_FUNCTIONS = {int(function): function for function in Function}


class Packet(NamedTuple):
    """A packet as a device reads it; not `whole` when its length is not that of its data."""

    function: Function
    number: int
    data: bytes
    whole: bool


class Ack(NamedTuple):
    """An acknowledgement; `number` counts from the device's base."""

    function: Function
    number: int
    whole: bool


def count_packets(size_bytes: int) -> int:
    """Return how many data packets a picture of this size takes; raises PictureRefused."""
    if size_bytes < 1:
        raise EmptyPicture("An empty picture cannot be sent; choose one that has bytes.")
    if size_bytes > MAX_BYTES:
        raise TooManyPackets(
            f"A picture of {size_bytes} bytes needs more than {MAX_PACKETS} packets; send at most {MAX_BYTES} bytes."
        )
    return -(-size_bytes // DATA_BYTES)


def encode_begin(size_bytes: int, filename: str = FILE_NAME) -> bytes:
    """Return the packet that announces a picture; the name is printable ASCII without a semicolon."""
    data = f"{filename};{size_bytes}".encode("ascii", "replace")
    if not filename or ";" in filename or not (filename.isascii() and filename.isprintable()):
        raise ValueError(f"{filename!r} cannot be a file name here; use printable ASCII without a semicolon.")
    if len(data) > DATA_BYTES:
        raise ValueError(f"A file name of {len(filename)} characters does not fit into a packet.")
    return _PACKET.pack(_PACKET_MAGIC, Function.BEGIN, 0, len(data)) + data


def encode_data(number: int, data: bytes | memoryview) -> bytes:
    """Return a packet of 1 to 1400 bytes of the picture."""
    return b"".join((_PACKET.pack(_PACKET_MAGIC, Function.DATA, number, len(data)), data))


def encode_end() -> bytes:
    """Return the packet that says the picture is complete."""
    return _PACKET.pack(_PACKET_MAGIC, Function.END, 0, 0)


def encode_ack(function: Function, number: int, whole: bool) -> bytes:
    """Return a device's answer; `number` counts from its base."""
    return _ACK.pack(_ACK_MAGIC, function, number, whole)


def decode_packet(payload: bytes) -> Packet | None:
    """Read a packet as a device does; None when it is none."""
    if len(payload) < _PACKET.size:
        return None
    magic, code, number, length = _PACKET.unpack_from(payload)
    function = _FUNCTIONS.get(code)
    if magic != _PACKET_MAGIC or function is None:
        return None
    data = bytes(payload[_PACKET.size :])
    return Packet(function, number, data, length == len(data) <= DATA_BYTES)


def decode_ack(payload: bytes) -> Ack | None:
    """Read a device's answer; None when it is none."""
    if len(payload) != _ACK.size:
        return None
    magic, code, number, status = _ACK.unpack(payload)
    function = _FUNCTIONS.get(code)
    if magic != _ACK_MAGIC or function is None or status not in (0, 1):
        return None
    return Ack(function, number, status == 1)


class SenderState(StrEnum):
    """How a transfer stands; `ready` until it is started."""

    READY = "ready"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


class FailWord(StrEnum):
    """Why a transfer failed: what came last to the packet that was given up."""

    NO_ACK_BEGIN = "no_ack_begin"
    NO_ACK_DATA = "no_ack_data"
    NO_ACK_END = "no_ack_end"
    BAD_BEGIN = "bad_begin"
    BAD_DATA = "bad_data"
    BAD_END = "bad_end"
    # The device answers the first data packet, with the number that belongs to the other base.
    ACK_BASE = "ack_base"


_NO_ACK = {
    Function.BEGIN: FailWord.NO_ACK_BEGIN,
    Function.DATA: FailWord.NO_ACK_DATA,
    Function.END: FailWord.NO_ACK_END,
}
_BAD = {
    Function.BEGIN: FailWord.BAD_BEGIN,
    Function.DATA: FailWord.BAD_DATA,
    Function.END: FailWord.BAD_END,
}


class Failure(NamedTuple):
    """Why a transfer failed, which packet was given up (data counts from 0), and how often it was sent."""

    word: FailWord
    number: int
    tries: int


class _Flight:
    """A packet that waits for its acknowledgement."""

    __slots__ = ("due_s", "tries")

    def __init__(self, due_s: float) -> None:
        self.tries = 1
        self.due_s = due_s


class Sender:
    """One transfer. Publish in order what `start`, `take_ack` and `tick` return; call `tick` at `deadline_s`.

    `ack_base` is the device's, 0 or 1. A `window` above 1 is for devices that keep data which come out of
    order; only the missing packet is sent again. Raises PictureRefused, or ValueError for another argument.
    """

    def __init__(
        self,
        picture: bytes,
        filename: str = FILE_NAME,
        ack_base: int = 0,
        window: int = 1,
        ack_timeout_s: float = ACK_TIMEOUT_S,
        tries: int = TRIES,
    ) -> None:
        if ack_base not in (0, 1):
            raise ValueError(f"Acknowledgements count from 0 or 1, not from {ack_base!r}.")
        if window < 1 or tries < 1 or not ack_timeout_s > 0:
            raise ValueError("Window, tries and time must be above zero.")
        self.packets_total = count_packets(len(picture))
        self.packets_acked = 0
        self.resent = self.bad_acks = self.ignored_acks = 0
        self.state = SenderState.READY
        self.reason: Failure | None = None
        self._picture = memoryview(picture)
        self._begin = encode_begin(len(picture), filename)
        self._ack_base = ack_base
        self._window = window
        self._ack_timeout_s = ack_timeout_s
        self._tries = tries
        self._step = Function.BEGIN
        self._next = 0
        # By packet number, lowest first: a packet that is sent again keeps its place.
        self._flights: dict[int, _Flight] = {}
        self._begin_at_s = 0.0
        self._answered_in_other_base = False

    @property
    def deadline_s(self) -> float | None:
        """When `tick` has something to do; None when nothing is awaited."""
        if self.state is not SenderState.SENDING:
            return None
        if not self._flights:
            return self._begin_at_s
        return min(flight.due_s for flight in self._flights.values())

    def start(self, now_s: float, quiet_s: float = 0.0) -> list[bytes]:
        """Begin; or keep quiet first, and `tick` begins: QUIET_S after a transfer to this device was broken off."""
        if self.state is not SenderState.READY:
            raise ValueError("A transfer starts once; make another for the next picture.")
        self.state = SenderState.SENDING
        self._begin_at_s = now_s + quiet_s
        return [] if quiet_s > 0 else [self._send(0, now_s)]

    def take_ack(self, payload: bytes, now_s: float) -> list[bytes]:
        """Take what came on the acknowledgement topic, whatever it is."""
        ack = decode_ack(payload)
        if ack is None:
            self.bad_acks += 1
            return []
        number = self._number_of(ack)
        if number not in self._flights:
            self.ignored_acks += 1
            self._answered_in_other_base |= self._is_other_base(ack)
            return []
        if not ack.whole:
            return self._send_again(number, now_s, _BAD)
        del self._flights[number]
        if self._step is Function.DATA:
            self.packets_acked += 1
        return self._go_on(now_s)

    def tick(self, now_s: float) -> list[bytes]:
        """Send again what was not acknowledged in time, or give up."""
        due_s = self.deadline_s
        if due_s is None or now_s < due_s:
            return []
        if not self._flights:
            return [self._send(0, now_s)]
        packets: list[bytes] = []
        for number in [number for number, flight in self._flights.items() if flight.due_s <= now_s]:
            packets += self._send_again(number, now_s, _NO_ACK)
            if self.state is SenderState.FAILED:
                return []
        return packets

    def _number_of(self, ack: Ack) -> int | None:
        """Return the number of the packet that is meant; None when it is of another step or none at all."""
        if ack.function is not self._step:
            return None
        if ack.function is Function.DATA:
            return ack.number - self._ack_base
        return 0 if 0 <= ack.number <= self._ack_base else None

    def _is_other_base(self, ack: Ack) -> bool:
        """Tell whether this would be the newest packet's number, or the first one's, in the other base."""
        return (
            ack.function is Function.DATA
            and self._step is Function.DATA
            and ack.number == (0 if self._ack_base else self._next)
        )

    def _go_on(self, now_s: float) -> list[bytes]:
        """Return what may be sent now that a packet has been acknowledged."""
        if self._step is Function.END:
            self.state = SenderState.DELIVERED
            return []
        self._step = Function.DATA
        packets = []
        lowest = next(iter(self._flights), self._next)
        # The window spans numbers, so that a device needs room for no more than so many packets out of order.
        while self._next < min(lowest + self._window, self.packets_total):
            packets.append(self._send(self._next, now_s))
            self._next += 1
        if not self._flights:
            self._step = Function.END
            packets.append(self._send(0, now_s))
        return packets

    def _send(self, number: int, now_s: float) -> bytes:
        self._flights[number] = _Flight(now_s + self._ack_timeout_s)
        return self._packet(number)

    def _send_again(self, number: int, now_s: float, words: dict[Function, FailWord]) -> list[bytes]:
        flight = self._flights[number]
        if flight.tries >= self._tries:
            self._fail(words[self._step], number, flight.tries)
            return []
        flight.tries += 1
        flight.due_s = now_s + self._ack_timeout_s
        self.resent += 1
        return [self._packet(number)]

    def _fail(self, word: FailWord, number: int, tries: int) -> None:
        if self._answered_in_other_base and not self.packets_acked:
            word = FailWord.ACK_BASE
        self.state = SenderState.FAILED
        self.reason = Failure(word, number, tries)
        self._flights.clear()

    def _packet(self, number: int) -> bytes:
        if self._step is Function.DATA:
            return encode_data(number, self._picture[number * DATA_BYTES : (number + 1) * DATA_BYTES])
        return self._begin if self._step is Function.BEGIN else encode_end()
