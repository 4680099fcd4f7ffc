"""Take fields out of MQTT packets and put them in; the errors that a peer can cause.

Errors are one family:

    ProtocolError                   the connection cannot go on
    ├── Malformed                   a rule of the protocol is broken: close, there is no answer to give
    ├── PacketTooLarge              the header announces more than the limit: close before reading the body
    └── UnsupportedVersion          a CONNECT of another MQTT version: answer connack(1), then close
"""

MAX_FIELD_BYTES = 65_535


class ProtocolError(Exception):
    """Say what the peer sent that MQTT does not allow."""


class Malformed(ProtocolError):
    """A rule of the protocol is broken."""


class PacketTooLarge(ProtocolError):
    """A header announces a packet above the limit."""

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"a packet of {size_bytes} bytes is announced, the limit is {limit_bytes} bytes")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class UnsupportedVersion(ProtocolError):
    """A CONNECT asks for an MQTT version that is not spoken here."""

    def __init__(self, protocol: str, level: int) -> None:
        super().__init__(f"protocol {protocol!r} level {level} is not supported, use MQTT 3.1.1 (level 4)")
        self.protocol = protocol
        self.level = level


class Fields:
    """Take fields from a packet's body one after the other, never past its end."""

    def __init__(self, body: bytes, name: str) -> None:
        self.body = body
        self.position = 0
        self.name = name

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        piece = self.body[self.position : self.position + count]
        if len(piece) != count:
            raise Malformed(f"a {self.name} ends in the middle of a field")
        self.position += count
        return piece

    def byte(self) -> int:
        """Return the next byte as a number."""
        return self.take(1)[0]

    def number(self) -> int:
        """Return the next big-endian 16-bit number."""
        return int.from_bytes(self.take(2), "big")

    def packet_id(self) -> int:
        """Return the packet id, which is never 0."""
        if (packet_id := self.number()) == 0:
            raise Malformed(f"a {self.name} with packet id 0")
        return packet_id

    def binary(self) -> bytes:
        """Return the next length-prefixed bytes."""
        return self.take(self.number())

    def text(self) -> str:
        """Return the next length-prefixed UTF-8 string."""
        try:
            text = self.binary().decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed(f"a {self.name} with a string that is not UTF-8") from None
        if "\0" in text:
            raise Malformed(f"a {self.name} with a NUL character in a string")
        return text

    @property
    def left(self) -> int:
        """Tell how many bytes are left."""
        return len(self.body) - self.position


def pack_text(text: str) -> bytes:
    """Write a length-prefixed UTF-8 string."""
    return pack_binary(text.encode("utf-8"))


def pack_binary(data: bytes) -> bytes:
    """Write length-prefixed bytes; Malformed above 65,535."""
    if len(data) > MAX_FIELD_BYTES:
        raise Malformed(f"a field of {len(data)} bytes, MQTT allows {MAX_FIELD_BYTES}")
    return len(data).to_bytes(2, "big") + data
