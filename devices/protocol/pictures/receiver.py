"""Receive pictures as a device does that was written from the published protocol alone.

Every packet is answered, so that a lost answer is repeated when the packet is. A begin always starts afresh and
forgets what came before it. Data are taken in order; with a window also those of the next few numbers. The end
is good only when every byte is there.

A number that comes again with other bytes belongs to another picture, whose begin was lost: it is answered as
bad, and what was gathered is forgotten.
"""

from collections import Counter
from typing import Literal

from .packets import (
    DATA_BYTES,
    MAX_BYTES,
    Function,
    Packet,
    PictureRefused,
    count_packets,
    decode_packet,
    encode_ack,
)

SIZE_DIGITS = 10

# Which numbers a device of base 1 shifts: those of data, or all.
AckStyle = Literal["data", "all"]


class Receiver:
    """One device. `picture` is the newest that came whole; `counters` tell what happened."""

    def __init__(
        self,
        ack_base: int = 0,
        ack_style: AckStyle = "data",
        window: int = 1,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.picture: bytes | None = None
        self.filename = ""
        self.counters: Counter[str] = Counter()
        self._ack_base = ack_base
        self._ack_style = ack_style
        self._window = window
        self._max_bytes = max_bytes
        self.restart()

    def restart(self) -> None:
        """Forget the transfer under way, as a board does when its power fails."""
        self._size_bytes = 0
        self._expected = 0
        self._whole = False
        self._pieces: dict[int, bytes] = {}

    def take(self, payload: bytes) -> bytes | None:
        """Take a packet and return the answer to it; None for what is no packet."""
        packet = decode_packet(payload)
        if packet is None:
            self.counters["junk"] += 1
            return None
        work = {Function.BEGIN: self._begin, Function.DATA: self._keep, Function.END: self._end}
        good = packet.whole and work[packet.function](packet)
        self.counters["good" if good else "bad"] += 1
        shifts = packet.function is Function.DATA or self._ack_style == "all"
        number = packet.number + (self._ack_base if shifts else 0)
        # A broken header may hold any number, and one more than the greatest cannot be said.
        return encode_ack(packet.function, min(number, 0x7FFF), good)

    def _begin(self, packet: Packet) -> bool:
        self.restart()
        name, _, digits = packet.data.decode("ascii", "replace").rpartition(";")
        if not (name and digits.isascii() and digits.isdecimal() and len(digits) <= SIZE_DIGITS):
            return False
        size_bytes = int(digits)
        try:
            self._expected = count_packets(size_bytes)
        except PictureRefused:
            return False
        if size_bytes > self._max_bytes:
            self._expected = 0
            return False
        self.filename, self._size_bytes = name, size_bytes
        return True

    def _keep(self, packet: Packet) -> bool:
        number, data = packet.number, packet.data
        known = self._pieces.get(number)
        if known is not None and known != data:
            self.counters["mixed"] += 1
            self.restart()
            return False
        if known is not None:
            return True
        if not 0 <= number < min(self._first_missing() + self._window, self._expected):
            return False
        if len(data) != min(DATA_BYTES, self._size_bytes - number * DATA_BYTES):
            return False
        self._pieces[number] = data
        return True

    def _first_missing(self) -> int:
        if self._window == 1:
            return len(self._pieces)
        # At most a window of numbers above the first missing one is held, so it is near the end.
        number = max(0, len(self._pieces) - self._window)
        while number in self._pieces:
            number += 1
        return number

    def _end(self, _packet: Packet) -> bool:
        if not self._expected or len(self._pieces) < self._expected:
            return False
        if not self._whole:
            self._whole = True
            self.picture = b"".join(self._pieces[number] for number in range(self._expected))
            self.counters["picture"] += 1
        return True
