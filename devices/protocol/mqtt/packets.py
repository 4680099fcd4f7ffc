"""Read and write the MQTT 3.1 and 3.1.1 packets that a broker must understand, and a client's that tests need.

Everything here is bytes in, values out (OASIS MQTT 3.1.1, sections 2 and 3). A packet on the wire:

    byte 0        kind (high four bits) and flags (low four bits)
    bytes 1..4    remaining length, seven bits per byte, lowest first, high bit = another byte follows
    then          the body, exactly "remaining length" bytes
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from .fields import (
    Fields,
    Malformed,
    PacketTooLarge,
    ProtocolError,
    UnsupportedVersion,
    pack_text,
)

MAX_LENGTH_BYTES = 4
# Only a PUBLISH carries a picture. A SUBSCRIBE of megabytes would hold a million filters.
OTHERS_AT_MOST_BYTES = 64 * 1024
PROTOCOL_LEVELS = {"MQIsdp": 3, "MQTT": 4}


class Kind(IntEnum):
    """The fourteen packet kinds of MQTT 3.1.1; 0 and 15 are reserved."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class ConnackCode(IntEnum):
    """What a CONNACK tells the client."""

    ACCEPTED = 0
    BAD_VERSION = 1
    BAD_CLIENT_ID = 2
    UNAVAILABLE = 3
    BAD_LOGIN = 4
    NOT_AUTHORISED = 5


SUBSCRIPTION_REFUSED = 0x80
FLAGS_OF_REQUESTS = {Kind.PUBREL: 2, Kind.SUBSCRIBE: 2, Kind.UNSUBSCRIBE: 2}
BODY_SIZES = {
    Kind.CONNACK: 2,
    Kind.PUBACK: 2,
    Kind.PUBREC: 2,
    Kind.PUBREL: 2,
    Kind.PUBCOMP: 2,
    Kind.UNSUBACK: 2,
    Kind.PINGREQ: 0,
    Kind.PINGRESP: 0,
    Kind.DISCONNECT: 0,
}


@dataclass(frozen=True, slots=True)
class Packet:
    """One whole packet; `raw` is header and body as they came."""

    kind: Kind
    flags: int
    body: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Connect:
    """What a client says about itself. A field that was not sent is None; "" was sent empty."""

    protocol: str = "MQTT"
    level: int = 4
    client_id: str = ""
    username: str | None = None
    password: bytes | None = None
    keepalive_s: int = 0
    clean_session: bool = True
    will_topic: str | None = None
    will_payload: bytes | None = None
    will_qos: int = 0
    will_retain: bool = False


class PublishHead(NamedTuple):
    """The front of a PUBLISH; the payload is `packet.body[payload_offset:]`."""

    topic: str
    qos: int
    retain: bool
    packet_id: int | None
    payload_offset: int
    dup: bool


class PacketReader:
    """Cut a byte stream into packets, wherever the network split it.

    `max_packet_bytes` counts the header too and may be changed between calls, for instance from a small limit
    for CONNECT to a large one for pictures. A ProtocolError is final: every later call raises it again, and
    packets that were complete in the same call are dropped with the connection they came on.
    """

    def __init__(self, max_packet_bytes: int) -> None:
        self.max_packet_bytes = max_packet_bytes
        self._buffer = bytearray()
        self._error: ProtocolError | None = None

    @property
    def buffered_bytes(self) -> int:
        """Tell how many bytes of an unfinished packet are held."""
        return len(self._buffer)

    def feed(self, data: bytes | bytearray | memoryview) -> list[Packet]:
        """Take the next bytes and return the packets that are now whole."""
        if self._error is not None:
            raise self._error
        self._buffer += data
        try:
            return self._cut_packets()
        except ProtocolError as error:
            self._error = error
            self._buffer.clear()
            raise

    def _cut_packets(self) -> list[Packet]:
        packets: list[Packet] = []
        start = 0
        while (header := _read_header(self._buffer, start, self.max_packet_bytes)) is not None:
            body_start, end = header
            if end > len(self._buffer):
                break
            raw = bytes(memoryview(self._buffer)[start:end])
            packets.append(Packet(Kind(raw[0] >> 4), raw[0] & 15, raw[body_start - start :], raw))
            start = end
        # One deletion for the whole batch keeps many small packets in one read linear.
        del self._buffer[:start]
        return packets


def _read_header(buffer: bytearray, start: int, max_packet_bytes: int) -> tuple[int, int] | None:
    """Return where the body starts and where the packet ends, or None while the header is unfinished."""
    if start >= len(buffer):
        return None
    kind = _check_first_byte(buffer[start])
    remaining = 0
    for index in range(MAX_LENGTH_BYTES):
        position = start + 1 + index
        if position >= len(buffer):
            return None
        byte = buffer[position]
        remaining |= (byte & 127) << (7 * index)
        if byte < 128:
            break
    else:
        raise Malformed("the remaining length has more than four bytes")
    size_bytes = position + 1 - start + remaining
    limit = max_packet_bytes if kind is Kind.PUBLISH else min(max_packet_bytes, OTHERS_AT_MOST_BYTES)
    if size_bytes > limit:
        raise PacketTooLarge(size_bytes, limit)
    if remaining != BODY_SIZES.get(kind, remaining):
        raise Malformed(f"a {kind.name} with a body of {remaining} bytes")
    return position + 1, start + size_bytes


def _check_first_byte(byte: int) -> Kind:
    """Return the kind; refuse reserved kinds and flags (3.1.1, 2.2)."""
    if not Kind.CONNECT <= byte >> 4 <= Kind.DISCONNECT:
        raise Malformed(f"packet kind {byte >> 4} is reserved")
    kind, flags = Kind(byte >> 4), byte & 15
    if kind is Kind.PUBLISH:
        if flags & 6 == 6:
            raise Malformed("a PUBLISH with quality of service 3")
    elif flags != FLAGS_OF_REQUESTS.get(kind, 0):
        raise Malformed(f"a {kind.name} with flags {flags}")
    return kind


def parse_connect(body: bytes) -> Connect:
    """Read the body of a CONNECT.

        string protocol | level | flags | u16 keepalive | string client id | [string will topic, binary will
        payload] | [string username] | [binary password]

        flags: 7 username, 6 password, 5 will retain, 4-3 will qos, 2 will, 1 clean session, 0 reserved

    An empty client id without a clean session is returned as it is: the caller answers connack(2).
    Raises UnsupportedVersion for MQTT 5 and anything else that is not 3.1 or 3.1.1, else Malformed.
    """
    fields = Fields(body, "CONNECT")
    protocol, level = fields.text(), fields.byte()
    if PROTOCOL_LEVELS.get(protocol) != level:
        raise UnsupportedVersion(protocol[:16], level)
    flags, keepalive_s = fields.byte(), fields.number()
    has_will = bool(flags & 4)
    _check_connect_flags(flags)
    client_id = fields.text()
    will_topic = _will_topic(fields.text()) if has_will else None
    will_payload = fields.binary() if has_will else None
    username = fields.text() if flags & 128 else None
    password = fields.binary() if flags & 64 else None
    if fields.left:
        raise Malformed(f"a CONNECT with {fields.left} bytes after its last field")
    return Connect(
        protocol=protocol,
        level=level,
        client_id=client_id,
        username=username,
        password=password,
        keepalive_s=keepalive_s,
        clean_session=bool(flags & 2),
        will_topic=will_topic,
        will_payload=will_payload,
        will_qos=flags >> 3 & 3,
        will_retain=bool(flags & 32),
    )


def _check_connect_flags(flags: int) -> None:
    if flags & 1:
        raise Malformed("a CONNECT with its reserved flag set")
    if not flags & 4 and flags & 56:
        raise Malformed("a CONNECT with will flags but no will")
    if flags & 24 == 24:
        raise Malformed("a CONNECT with a will of quality of service 3")
    if flags & 64 and not flags & 128:
        raise Malformed("a CONNECT with a password but no user name")


def _will_topic(topic: str) -> str:
    if not topic or "+" in topic or "#" in topic:
        raise Malformed("a CONNECT with a will topic that is empty or has a wildcard")
    return topic


def parse_publish_head(packet: Packet) -> PublishHead:
    """Read the front of a PUBLISH without copying its payload; `packet_id` is None at QoS 0."""
    fields = Fields(packet.body, "PUBLISH")
    topic = fields.text()
    if not topic or "+" in topic or "#" in topic:
        raise Malformed("a PUBLISH to a topic that is empty or has a wildcard")
    qos = packet.flags >> 1 & 3
    if qos == 3:
        raise Malformed("a PUBLISH with quality of service 3")
    packet_id = fields.packet_id() if qos else None
    dup = bool(packet.flags & 8) and qos > 0
    return PublishHead(topic, qos, bool(packet.flags & 1), packet_id, fields.position, dup)


def build_publish_head(
    topic: str,
    payload_bytes: int,
    qos: int = 0,
    packet_id: int = 0,
    *,
    dup: bool = False,
    retained: bool = False,
) -> bytes:
    """Write all of a PUBLISH but its payload, so that many can share one."""
    named = pack_text(topic) + (packet_id.to_bytes(2, "big") if qos else b"")
    return _build_header(Kind.PUBLISH, dup << 3 | qos << 1 | retained, len(named) + payload_bytes) + named


def parse_packet_id(body: bytes, kind: Kind) -> int:
    """Read the body of a packet that holds a packet id and nothing else."""
    return Fields(body, kind.name).packet_id()


def parse_subscribe(body: bytes) -> tuple[int, list[tuple[str, int]]]:
    """Return the packet id and the filters with their QoS, in the order the SUBACK must answer them.

    Whether a filter is well formed is not checked here: SUBACK has a way to refuse a single one.
    """
    fields = Fields(body, "SUBSCRIBE")
    packet_id = fields.packet_id()
    filters: list[tuple[str, int]] = []
    while fields.left:
        topic_filter, qos = fields.text(), fields.byte()
        if qos > 2:
            raise Malformed(f"a SUBSCRIBE with quality of service byte {qos}")
        filters.append((topic_filter, qos))
    if not filters:
        raise Malformed("a SUBSCRIBE without a filter")
    return packet_id, filters


def parse_unsubscribe(body: bytes) -> tuple[int, list[str]]:
    """Return the packet id and the filters."""
    fields = Fields(body, "UNSUBSCRIBE")
    packet_id = fields.packet_id()
    filters: list[str] = []
    while fields.left:
        filters.append(fields.text())
    if not filters:
        raise Malformed("an UNSUBSCRIBE without a filter")
    return packet_id, filters


def connack(code: int, session_present: bool = False) -> bytes:
    """Write a CONNACK packet."""
    return bytes([Kind.CONNACK << 4, 2, session_present, code])


def suback(packet_id: int, codes: list[int]) -> bytes:
    """Write a SUBACK packet with one code per filter of the SUBSCRIBE, in its order."""
    return build_packet(Kind.SUBACK, 0, packet_id.to_bytes(2, "big") + bytes(codes))


def unsuback(packet_id: int) -> bytes:
    """Write an UNSUBACK packet."""
    return build_packet(Kind.UNSUBACK, 0, packet_id.to_bytes(2, "big"))


def puback(packet_id: int) -> bytes:
    """Write a PUBACK packet: a QoS 1 message was kept."""
    return build_packet(Kind.PUBACK, 0, packet_id.to_bytes(2, "big"))


def pubrec(packet_id: int) -> bytes:
    """Write a PUBREC packet: a QoS 2 message was kept."""
    return build_packet(Kind.PUBREC, 0, packet_id.to_bytes(2, "big"))


def pubcomp(packet_id: int) -> bytes:
    """Write a PUBCOMP packet: the packet id is free again."""
    return build_packet(Kind.PUBCOMP, 0, packet_id.to_bytes(2, "big"))


def build_packet(kind: Kind, flags: int, body: bytes) -> bytes:
    """Write any packet: header, remaining length, body."""
    return _build_header(kind, flags, len(body)) + body


def _build_header(kind: Kind, flags: int, body_bytes: int) -> bytes:
    remaining = body_bytes
    header = bytearray([kind << 4 | flags])
    while remaining > 127:
        header.append(remaining & 127 | 128)
        remaining >>= 7
    header.append(remaining)
    if len(header) > 1 + MAX_LENGTH_BYTES:
        raise Malformed(f"a body of {body_bytes} bytes does not fit into an MQTT packet")
    return bytes(header)
