import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.mqtt.packets import (
    Connect,
    Kind,
    Malformed,
    Packet,
    PacketReader,
    PacketTooLarge,
    ProtocolError,
    UnsupportedVersion,
    build_packet,
    connack,
    parse_connect,
    parse_publish_head,
    parse_subscribe,
    parse_unsubscribe,
    puback,
    pubcomp,
    pubrec,
    suback,
    unsuback,
)
from tests.mqtt_packets import build_connect, build_publish, build_subscribe

# The ESP32's CONNECT: 3.1.1, user name and password, will "gone" at QoS 1 retained, clean session, 120 s.
CONNECT = (
    bytes.fromhex("10 26 0004 4d515454 04 ee 0078 0003 636131 0001 74 0004 676f6e65 0004 6c616d70 0006")
    + b"secret"
)
# umqtt's CONNECT: 3.1.1, clean session, no keepalive, no login.
BARE_CONNECT = bytes.fromhex("10 0e 0004 4d515454 04 02 0000 0002 6b32")
PUBLISH = bytes.fromhex("33 0a 0003 612f62 1234") + b"pic"
SUBSCRIBE = bytes.fromhex("82 0c 0007 0001 61 01 0003 622f23 00")
STREAM = CONNECT + PUBLISH + SUBSCRIBE + b"\xc0\x00" + b"\xe0\x00"

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
topic = st.text(st.characters(exclude_characters="\0+#", exclude_categories=["Cs"]), min_size=1, max_size=20)


def read_one(raw: bytes) -> Packet:
    (packet,) = PacketReader(1000).feed(raw)
    return packet


@st.composite
def connects(draw: st.DrawFn) -> Connect:
    protocol, level = draw(st.sampled_from([("MQTT", 4), ("MQIsdp", 3)]))
    username = draw(st.none() | text)
    will = draw(st.booleans())
    return Connect(
        protocol=protocol,
        level=level,
        client_id=draw(text),
        username=username,
        password=draw(st.none() | st.binary(max_size=20)) if username is not None else None,
        keepalive_s=draw(st.integers(0, 65_535)),
        clean_session=draw(st.booleans()),
        will_topic=draw(topic) if will else None,
        will_payload=draw(st.binary(max_size=20)) if will else None,
        will_qos=draw(st.integers(0, 2)) if will else 0,
        will_retain=will and draw(st.booleans()),
    )


def test_a_stream_is_cut_into_packets():
    packets = PacketReader(1000).feed(STREAM)
    kinds = [packet.kind for packet in packets]
    assert kinds == [Kind.CONNECT, Kind.PUBLISH, Kind.SUBSCRIBE, Kind.PINGREQ, Kind.DISCONNECT]
    assert b"".join(packet.raw for packet in packets) == STREAM
    assert packets[1] == Packet(Kind.PUBLISH, 3, PUBLISH[2:], PUBLISH)


def test_it_does_not_matter_where_the_network_splits():
    whole = PacketReader(1000).feed(STREAM)
    for cut in range(len(STREAM) + 1):
        reader = PacketReader(1000)
        assert reader.feed(STREAM[:cut]) + reader.feed(STREAM[cut:]) == whole
        assert reader.buffered_bytes == 0


def test_single_bytes_make_the_same_packets():
    reader = PacketReader(1000)
    packets = [packet for byte in STREAM for packet in reader.feed(bytes([byte]))]
    assert packets == PacketReader(1000).feed(STREAM)


@pytest.mark.parametrize("size_bytes", [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_lengths_at_the_borders_of_their_encoding(size_bytes: int):
    raw = build_packet(Kind.PUBLISH, 0, bytes(size_bytes))
    (packet,) = PacketReader(3_000_000).feed(raw)
    assert len(packet.body) == size_bytes


def test_the_limit_counts_the_whole_packet_and_needs_no_body():
    assert PacketReader(203).feed(b"\x30\xc8\x01" + bytes(200))
    with pytest.raises(PacketTooLarge) as caught:
        PacketReader(202).feed(b"\x30\xc8\x01")
    assert (caught.value.size_bytes, caught.value.limit_bytes) == (203, 202)


def test_the_limit_may_grow_after_connect():
    reader = PacketReader(len(CONNECT))
    assert len(reader.feed(CONNECT)) == 1
    reader.max_packet_bytes = 1000
    assert len(reader.feed(b"\x30\xc8\x01" + bytes(200))) == 1


def test_a_remaining_length_of_five_bytes_is_malformed():
    with pytest.raises(Malformed, match="four bytes"):
        PacketReader(2**40).feed(b"\x30\xff\xff\xff\xff")


@pytest.mark.parametrize(
    "raw", ["00", "f0", "36", "37", "80", "83", "60", "11", "c1", "c001", "4003", "e001"]
)
def test_reserved_kinds_flags_and_wrong_sizes_are_malformed(raw: str):
    with pytest.raises(Malformed):
        PacketReader(1000).feed(bytes.fromhex(raw))


def test_an_error_is_final():
    reader = PacketReader(1000)
    for data in (b"\x00", CONNECT):
        with pytest.raises(Malformed):
            reader.feed(data)
    assert reader.buffered_bytes == 0


def test_a_full_connect_is_read():
    assert parse_connect(read_one(CONNECT).body) == Connect(
        client_id="ca1",
        username="lamp",
        password=b"secret",
        keepalive_s=120,
        will_topic="t",
        will_payload=b"gone",
        will_qos=1,
        will_retain=True,
    )


def test_a_bare_connect_is_read():
    assert parse_connect(read_one(BARE_CONNECT).body) == Connect(client_id="k2")


def test_a_connect_of_version_3_1_is_read():
    connect = parse_connect(bytes.fromhex("0006 4d5149736470 03 02 003c 0001 78"))
    assert (connect.protocol, connect.level, connect.keepalive_s) == ("MQIsdp", 3, 60)


def test_a_rebuilt_connect_is_the_same_bytes():
    for raw in (CONNECT, BARE_CONNECT):
        assert build_connect(parse_connect(read_one(raw).body)) == raw


@given(connects())
def test_any_connect_survives_writing_and_reading(connect: Connect):
    assert parse_connect(read_one(build_connect(connect)).body) == connect


@pytest.mark.parametrize(
    "head", ["0004 4d515454 05", "0004 4d515454 84", "0006 4d5149736470 04", "0003 484921 04"]
)
def test_other_versions_are_told_apart_from_broken_packets(head: str):
    with pytest.raises(UnsupportedVersion):
        parse_connect(bytes.fromhex(head + "02 0000 0000"))


@pytest.mark.parametrize(
    ("flags", "rest"),
    [
        ("03", "0001 61"),  # reserved flag
        ("0a", "0001 61"),  # will qos without a will
        ("22", "0001 61"),  # will retain without a will
        ("1e", "0001 61 0001 74 0000"),  # will qos 3
        ("06", "0001 61 0001 23 0000"),  # a wildcard as will topic
        ("06", "0001 61 0000 0000"),  # an empty will topic
        ("42", "0001 61 0001 70"),  # password without user name
        ("02", "0001 61 00"),  # a byte too much
        ("82", "0001 61"),  # the user name is missing
    ],
)
def test_a_connect_that_breaks_a_rule_is_malformed(flags: str, rest: str):
    with pytest.raises(Malformed):
        parse_connect(bytes.fromhex("0004 4d515454 04" + flags + "0000" + rest))


def test_a_connect_cut_anywhere_is_malformed():
    body = read_one(CONNECT).body
    for cut in range(len(body)):
        with pytest.raises(Malformed):
            parse_connect(body[:cut])


def test_the_front_of_a_publish_is_read():
    packet = read_one(PUBLISH)
    assert parse_publish_head(packet) == ("a/b", 1, True, 0x1234, 7, False)
    assert packet.body[7:] == b"pic"


def test_a_publish_at_qos_0_has_no_packet_id():
    packet = read_one(bytes.fromhex("30 05 0001 61") + b"hi")
    assert parse_publish_head(packet) == ("a", 0, False, None, 3, False)


@pytest.mark.parametrize(("qos", "dup"), [(0, False), (1, False), (1, True), (2, True)])
def test_a_publish_is_written_as_it_is_read(qos: int, dup: bool):
    packet = read_one(build_publish("a/b", b"pic", qos, 7, dup=dup))
    head = parse_publish_head(packet)
    assert head[:4] == ("a/b", qos, False, 7 if qos else None)
    assert (head.dup, packet.body[head.payload_offset :]) == (dup, b"pic")


@pytest.mark.parametrize("body", ["0000", "0001 23", "0003 612f2b", "0001 61 0000", "0001 61 00", "0005 61"])
def test_a_publish_that_breaks_a_rule_is_malformed(body: str):
    with pytest.raises(Malformed):
        parse_publish_head(read_one(build_packet(Kind.PUBLISH, 2, bytes.fromhex(body))))


def test_a_subscribe_is_read_in_order_and_rebuilt():
    packet = read_one(SUBSCRIBE)
    assert parse_subscribe(packet.body) == (7, [("a", 1), ("b/#", 0)])
    assert build_subscribe(7, [("a", 1), ("b/#", 0)]) == SUBSCRIBE


@pytest.mark.parametrize(
    "body", ["", "0007", "0000 0001 61 00", "0007 0001 61 03", "0007 0001 61", "0007 0001 61 80"]
)
def test_a_subscribe_that_breaks_a_rule_is_malformed(body: str):
    with pytest.raises(Malformed):
        parse_subscribe(bytes.fromhex(body))


def test_an_unsubscribe_is_read():
    assert parse_unsubscribe(bytes.fromhex("0008 0001 61 0003 622f23")) == (8, ["a", "b/#"])
    with pytest.raises(Malformed):
        parse_unsubscribe(b"\x00\x08")


def test_answers_are_written_byte_for_byte():
    assert connack(5) == b"\x20\x02\x00\x05"
    assert connack(0, session_present=True) == b"\x20\x02\x01\x00"
    assert puback(0x1234) == b"\x40\x02\x12\x34"
    assert unsuback(8) == b"\xb0\x02\x00\x08"
    assert suback(7, [1, 0x80, 0]) == b"\x90\x05\x00\x07\x01\x80\x00"
    assert (pubrec(1), pubcomp(2)) == (b"\x50\x02\0\1", b"\x70\x02\0\2")


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_the_reader_raises_only_protocol_errors(pieces: list[bytes]):
    reader = PacketReader(64)
    try:
        for piece in pieces:
            reader.feed(piece)
    except ProtocolError:
        pass
    assert reader.buffered_bytes <= 64


@given(st.binary(max_size=60), st.sampled_from([b"", b"\0\4MQTT\4", b"\0\6MQIsdp\3"]), st.integers(0, 15))
def test_the_parsers_raise_only_protocol_errors(body: bytes, front: bytes, flags: int):
    packet = Packet(Kind.PUBLISH, flags, body, b"\x30" + body)
    calls = [lambda: parse_connect(front + body), lambda: parse_publish_head(packet)]
    calls += [lambda parse=parse: parse(body) for parse in (parse_subscribe, parse_unsubscribe)]
    for call in calls:
        try:
            call()
        except ProtocolError as error:
            assert str(error)
