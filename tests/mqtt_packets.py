"""The packets that only clients of a broker write, for tests that speak MQTT byte by byte."""

from devices.protocol.mqtt.fields import pack_binary, pack_text
from devices.protocol.mqtt.packets import Connect, Kind, build_packet, build_publish_head


def build_connect(connect: Connect) -> bytes:
    """Write a whole CONNECT packet. Raises Malformed when a field is above 65,535 bytes."""
    has_will = connect.will_topic is not None
    flags = connect.clean_session << 1
    if has_will:
        flags |= 4 | connect.will_qos << 3 | connect.will_retain << 5
    flags |= (connect.password is not None) << 6 | (connect.username is not None) << 7
    parts = [
        pack_text(connect.protocol),
        bytes([connect.level, flags]),
        connect.keepalive_s.to_bytes(2, "big"),
        pack_text(connect.client_id),
    ]
    if connect.will_topic is not None:
        parts += [pack_text(connect.will_topic), pack_binary(connect.will_payload or b"")]
    if connect.username is not None:
        parts.append(pack_text(connect.username))
    if connect.password is not None:
        parts.append(pack_binary(connect.password))
    return build_packet(Kind.CONNECT, 0, b"".join(parts))


def build_publish(
    topic: str, payload: bytes, qos: int = 0, packet_id: int = 0, *, dup: bool = False
) -> bytes:
    """Write a PUBLISH that is not retained; one at QoS 1 or 2 has a packet id."""
    return build_publish_head(topic, len(payload), qos, packet_id, dup=dup) + payload


def build_subscribe(packet_id: int, filters: list[tuple[str, int]]) -> bytes:
    """Write a SUBSCRIBE packet."""
    parts = [pack_text(topic_filter) + bytes([qos]) for topic_filter, qos in filters]
    return build_packet(Kind.SUBSCRIBE, 2, packet_id.to_bytes(2, "big") + b"".join(parts))


def build_unsubscribe(packet_id: int, filters: list[str]) -> bytes:
    """Write an UNSUBSCRIBE packet."""
    return build_packet(
        Kind.UNSUBSCRIBE, 2, packet_id.to_bytes(2, "big") + b"".join(pack_text(f) for f in filters)
    )
