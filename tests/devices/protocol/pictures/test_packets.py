import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.pictures.packets import (
    DATA_BYTES,
    MAX_BYTES,
    MAX_PACKETS,
    Ack,
    EmptyPicture,
    FailWord,
    Function,
    Packet,
    Sender,
    SenderState,
    TooManyPackets,
    count_packets,
    decode_ack,
    decode_packet,
    encode_ack,
    encode_begin,
    encode_data,
    encode_end,
)
from devices.protocol.pictures.receiver import Receiver

PICTURE = random.Random(4).randbytes(3 * DATA_BYTES + 17)
SIZES = st.integers(1, 5 * DATA_BYTES) | st.builds(
    lambda packets, off: packets * DATA_BYTES + off, st.integers(1, 6), st.integers(-1, 1)
)
BASES = st.sampled_from([0, 1])
STYLES = st.sampled_from(["data", "all"])
BEGIN, DATA, END = Function
GOOD_BEGIN = encode_ack(BEGIN, 0, True)


def begun(picture: bytes = PICTURE, now_s: float = 0.0, **options) -> tuple[Sender, list[bytes]]:
    """Return a sender whose begin has been acknowledged, and the packets that followed."""
    sender = Sender(picture, **options)
    sender.start(now_s)
    return sender, sender.take_ack(GOOD_BEGIN, now_s)


def deliver(sender: Sender, receiver: Receiver) -> list[bytes]:
    """Carry everything to and fro over a perfect network; return all packets."""
    carried: list[bytes] = []
    waiting = sender.start(0)
    while waiting:
        carried.append(waiting.pop(0))
        waiting += sender.take_ack(receiver.take(carried[-1]), 0)
    return carried


def heads(packets: list[bytes]) -> list[tuple[Function, int]]:
    return [(packet.function, packet.number) for packet in map(decode_packet, packets)]


# --- bytes


def test_the_begin_of_a_picture_of_4200_bytes():
    assert encode_begin(4200) == bytes.fromhex("eeeeffff 01 0000 0e00") + b"image.jpg;4200"


def test_the_first_full_data_packet():
    assert encode_data(0, bytes(1400)) == bytes.fromhex("eeeeffff 02 0000 7805") + bytes(1400)


def test_the_end():
    assert encode_end() == bytes.fromhex("eeeeffff 03 0000 0000")


def test_an_acknowledgement_has_eight_bytes():
    assert encode_ack(DATA, 258, True) == bytes.fromhex("ffffeeee 02 0201 01")
    assert decode_ack(bytes.fromhex("ffffeeee 03 0000 00")) == Ack(END, 0, whole=False)


def test_the_greatest_number_fits_in_both_bases():
    assert encode_data(MAX_PACKETS - 1, b"x")[5:7] == b"\xfe\x7f"
    assert decode_ack(encode_ack(DATA, MAX_PACKETS, True)).number == MAX_PACKETS


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        encode_ack(DATA, 0, True)[:7],
        encode_ack(DATA, 0, True) + b"\0",
        b"\xff\xff\xff\xff" + encode_ack(DATA, 0, True)[4:],
        bytes.fromhex("eeeeffff 02 0000 01"),
        bytes.fromhex("ffffeeee 00 0000 01"),
        bytes.fromhex("ffffeeee 04 0000 01"),
        bytes.fromhex("ffffeeee 02 0000 02"),
        bytes.fromhex("ffffeeee 02 0000 ff"),
        b"\xff\xd8\xff" * 1000,
    ],
)
def test_what_is_no_acknowledgement_is_counted_and_changes_nothing(payload):
    sender, _ = begun()
    assert decode_ack(payload) is None and sender.take_ack(payload, 1.0) == []
    assert (sender.bad_acks, sender.ignored_acks, sender.deadline_s) == (1, 0, 5.0)


@given(st.binary(max_size=20) | st.builds(lambda tail: b"\xff\xff\xee\xee" + tail, st.binary(max_size=6)))
def test_no_bytes_break_the_reading_of_acknowledgements(payload):
    ack = decode_ack(payload)
    assert ack is None or encode_ack(*ack) == payload


@given(st.binary(max_size=20) | st.builds(lambda tail: b"\xee\xee\xff\xff" + tail, st.binary(max_size=9)))
def test_no_bytes_break_the_reading_of_packets(payload):
    packet = decode_packet(payload)
    assert packet is None or packet.data == payload[9:]


@pytest.mark.parametrize("payload", [encode_data(3, b"abc") + b"d", encode_data(3, b"abcde")[:-1]])
def test_a_packet_whose_length_is_wrong_is_not_whole(payload):
    assert decode_packet(payload) == Packet(DATA, 3, b"abcd", whole=False)


def test_a_packet_above_1400_bytes_is_not_whole():
    assert not decode_packet(encode_data(0, bytes(1401))).whole


# --- what can be sent


@pytest.mark.parametrize(
    ("size", "packets"), [(1, 1), (1400, 1), (1401, 2), (2800, 2), (MAX_BYTES, MAX_PACKETS)]
)
def test_packets_are_counted(size, packets):
    assert count_packets(size) == packets


def test_an_empty_picture_is_refused():
    with pytest.raises(EmptyPicture, match="An empty picture cannot be sent"):
        Sender(b"")


def test_one_byte_too_many_is_refused_before_the_start():
    with pytest.raises(TooManyPackets, match="send at most 45873800 bytes"):
        Sender(bytes(MAX_BYTES + 1))


@pytest.mark.parametrize("name", ["", "a;b", "图.jpg", "a\n", "n" * 1400])
def test_a_name_that_the_protocol_cannot_carry_is_refused(name):
    with pytest.raises(ValueError, match=r"file name"):
        Sender(b"x", filename=name)


@pytest.mark.parametrize("options", [{"ack_base": 2}, {"window": 0}, {"tries": 0}, {"ack_timeout_s": 0}])
def test_senseless_options_are_refused(options):
    with pytest.raises(ValueError, match=r"from 0 or 1|above zero"):
        Sender(b"x", **options)


# --- a transfer


@given(SIZES, BASES, STYLES, st.integers(1, 9))
def test_every_byte_of_every_size_arrives(size, base, style, window):
    picture = random.Random(size).randbytes(size)
    sender, receiver = Sender(picture, ack_base=base, window=window), Receiver(base, style, window)
    carried = deliver(sender, receiver)
    assert receiver.picture == picture and sender.state == "delivered"
    assert len(carried) == sender.packets_total + 2 and sender.packets_acked == sender.packets_total
    assert b"".join(packet[9:] for packet in carried[1:-1]) == picture


@pytest.mark.parametrize("base", [0, 1])
def test_a_transfer_of_the_greatest_size_reaches_its_last_packet(base):
    sender = Sender(bytes(MAX_BYTES), ack_base=base)
    packets, last = sender.start(0), b""
    packets = sender.take_ack(GOOD_BEGIN, 0)
    for number in range(MAX_PACKETS):
        last = packets[0]
        packets = sender.take_ack(encode_ack(DATA, number + base, True), 0)
    assert heads([last, *packets]) == [(DATA, MAX_PACKETS - 1), (END, 0)] and len(last) == 1409


def test_one_packet_is_on_its_way_at_a_time():
    sender, packets = begun()
    assert heads(packets) == [(DATA, 0)]
    assert heads(sender.take_ack(encode_ack(DATA, 0, True), 0)) == [(DATA, 1)]
    assert (sender.packets_total, sender.packets_acked) == (4, 1)


def test_a_transfer_starts_once():
    sender, _ = begun()
    with pytest.raises(ValueError, match="starts once"):
        sender.start(0)


def test_after_a_broken_transfer_the_line_is_quiet_first():
    sender = Sender(PICTURE)
    assert sender.start(100.0, quiet_s=5.0) == [] and sender.deadline_s == 105.0
    assert sender.take_ack(GOOD_BEGIN, 101.0) == [] and sender.ignored_acks == 1
    assert sender.tick(104.9) == [] and heads(sender.tick(105.0)) == [(BEGIN, 0)]


@pytest.mark.parametrize(
    "ack",
    [
        encode_ack(BEGIN, 0, True),  # again, what was taken before
        encode_ack(DATA, 0, True),  # an old packet
        encode_ack(DATA, 2, True),  # a packet that was not sent yet
        encode_ack(DATA, -1, True),
        encode_ack(DATA, 0, False),  # an old packet, bad
        encode_ack(END, 0, True),
    ],
)
def test_acknowledgements_of_other_packets_are_ignored(ack):
    sender, _ = begun()
    sender.take_ack(encode_ack(DATA, 0, True), 1.0)
    assert sender.take_ack(ack, 2.0) == [] and sender.deadline_s == 6.0
    assert (sender.ignored_acks, sender.packets_acked, sender.resent) == (1, 1, 0)


def test_the_first_packet_that_came_broken_is_sent_again_itself():
    sender, packets = begun()
    assert sender.take_ack(encode_ack(DATA, 0, False), 2.0) == packets
    assert (sender.resent, sender.deadline_s) == (1, 7.0)


def test_the_first_packet_that_came_broken_counts_as_one_in_base_one():
    sender, packets = begun(ack_base=1)
    assert sender.take_ack(encode_ack(DATA, 0, False), 2.0) == []
    assert sender.take_ack(encode_ack(DATA, 1, False), 2.0) == packets


@pytest.mark.parametrize("number", [0, 1])
def test_begin_and_end_have_either_number_in_base_one(number):
    sender = Sender(b"x", ack_base=1)
    sender.start(0)
    assert heads(sender.take_ack(encode_ack(BEGIN, number, True), 0)) == [(DATA, 0)]
    assert heads(sender.take_ack(encode_ack(DATA, 1, True), 0)) == [(END, 0)]
    sender.take_ack(encode_ack(END, number, True), 0)
    assert sender.state is SenderState.DELIVERED and sender.deadline_s is None


@pytest.mark.parametrize("number", [-1, 1, 2])
def test_begin_has_number_zero_in_base_zero(number):
    sender = Sender(b"x")
    sender.start(0)
    assert sender.take_ack(encode_ack(BEGIN, number, True), 0) == []


def test_an_end_that_came_broken_is_sent_again():
    sender, _ = begun(b"x")
    sender.take_ack(encode_ack(DATA, 0, True), 0)
    assert sender.take_ack(encode_ack(END, 0, False), 0) == [encode_end()]
    assert sender.state is SenderState.SENDING


# --- time


def test_silence_sends_the_same_packet_again_after_five_seconds():
    sender, packets = begun(now_s=10.0)
    assert sender.tick(14.9) == [] and sender.tick(15.0) == packets
    assert sender.deadline_s == 20.0 and sender.tick(15.0) == []


@pytest.mark.parametrize("acks", [0, 1, 5])
def test_five_tries_of_any_packet_and_the_transfer_has_failed(acks):
    sender, now_s = Sender(PICTURE), 0.0
    answers = [GOOD_BEGIN, *(encode_ack(DATA, number, True) for number in range(4))]
    packets = sender.start(0)
    for ack in answers[:acks]:
        packets = sender.take_ack(ack, now_s := now_s + 1)
    for again in range(1, 5):
        assert sender.tick(now_s + 5 * again) == packets
    assert sender.tick(now_s + 25) == [] and sender.state == "failed" and sender.deadline_s is None
    word = {0: FailWord.NO_ACK_BEGIN, 1: FailWord.NO_ACK_DATA, 5: FailWord.NO_ACK_END}[acks]
    assert sender.reason == (word, 0, 5)


def test_five_bad_answers_fail_at_once():
    sender, _ = begun()
    for _ in range(4):
        assert len(sender.take_ack(encode_ack(DATA, 0, False), 0)) == 1
    assert sender.take_ack(encode_ack(DATA, 0, False), 0) == []
    assert sender.reason == (FailWord.BAD_DATA, 0, 5)
    assert sender.take_ack(encode_ack(DATA, 0, True), 0) == [] and sender.state == "failed"


@pytest.mark.parametrize("base", [0, 1])
def test_a_device_of_the_other_base_is_recognised(base):
    sender, receiver = Sender(PICTURE, ack_base=base), Receiver(1 - base)
    packets = sender.start(0)
    while sender.state is SenderState.SENDING:
        for packet in packets:
            sender.take_ack(
                GOOD_BEGIN if packet[4] == BEGIN else receiver.take(packet), sender.deadline_s - 1
            )
        packets = sender.tick(sender.deadline_s)
    assert sender.reason == (FailWord.ACK_BASE, 0, 5) and sender.packets_acked == 0


# --- a window


def test_a_window_keeps_several_packets_on_their_way():
    sender, packets = begun(window=3)
    assert heads(packets) == [(DATA, 0), (DATA, 1), (DATA, 2)]
    assert heads(sender.take_ack(encode_ack(DATA, 1, True), 0)) == []
    assert heads(sender.take_ack(encode_ack(DATA, 0, True), 0)) == [(DATA, 3)]


def test_in_a_window_only_the_missing_packet_is_sent_again():
    sender, _ = begun(window=4)
    for number in (0, 2, 3):
        assert sender.take_ack(encode_ack(DATA, number, True), 1.0) == []
    assert heads(sender.tick(5.0)) == [(DATA, 1)]
    assert heads(sender.take_ack(encode_ack(DATA, 1, False), 6.0)) == [(DATA, 1)]
    assert heads(sender.take_ack(encode_ack(DATA, 1, True), 7.0)) == [(END, 0)]


def test_in_a_window_one_packet_given_up_ends_the_transfer():
    sender, _ = begun(window=4)
    for number in (0, 1, 3):
        sender.take_ack(encode_ack(DATA, number, True), 0)
    sent_again = [sender.tick(5.0 * n) for n in range(1, 6)]
    assert [len(packets) for packets in sent_again] == [1, 1, 1, 1, 0]
    assert sender.reason == (FailWord.NO_ACK_DATA, 2, 5)
