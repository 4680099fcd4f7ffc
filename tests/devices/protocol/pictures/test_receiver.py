"""A device by the protocol, and whole transfers over networks that lose, repeat, delay and mix up."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from devices.protocol.pictures.packets import (
    DATA_BYTES,
    Function,
    Sender,
    SenderState,
    encode_ack,
    encode_begin,
    encode_data,
    encode_end,
)
from devices.protocol.pictures.receiver import Receiver
from simulators.lossy import BadPost

BEGIN, DATA, END = Function
FIRST = random.Random(1).randbytes(4 * DATA_BYTES + 5)
SECOND = random.Random(2).randbytes(len(FIRST))


def pieces(picture: bytes) -> list[bytes]:
    return [picture[at : at + DATA_BYTES] for at in range(0, len(picture), DATA_BYTES)]


def packets_of(picture: bytes) -> list[bytes]:
    data = [encode_data(number, piece) for number, piece in enumerate(pieces(picture))]
    return [encode_begin(len(picture)), *data, encode_end()]


def test_a_picture_is_whole_with_its_end():
    receiver, packets = Receiver(), packets_of(FIRST)
    answers = [receiver.take(packet) for packet in packets[:-1]]
    assert answers == [encode_ack(BEGIN, 0, True), *(encode_ack(DATA, n, True) for n in range(5))]
    assert receiver.picture is None and receiver.take(packets[-1]) == encode_ack(END, 0, True)
    assert (receiver.picture, receiver.filename) == (FIRST, "image.jpg")


@pytest.mark.parametrize(("style", "number"), [("data", 0), ("all", 1)])
def test_in_base_one_begin_and_end_are_shifted_or_not(style, number):
    receiver = Receiver(ack_base=1, ack_style=style)
    answers = [receiver.take(packet) for packet in packets_of(b"x")]
    assert answers == [encode_ack(f, n, True) for f, n in ((BEGIN, number), (DATA, 1), (END, number))]


def test_what_is_repeated_is_acknowledged_again_and_counts_once():
    receiver = Receiver()
    doubled = [packet for packet in packets_of(FIRST) for _ in range(2)]
    assert all(receiver.take(packet)[-1] == 1 for packet in doubled)
    assert receiver.picture == FIRST and receiver.counters["picture"] == 1


def test_a_gap_and_an_early_end_are_bad():
    receiver, packets = Receiver(), packets_of(FIRST)
    receiver.take(packets[0])
    assert receiver.take(packets[2]) == encode_ack(DATA, 1, False)
    assert receiver.take(packets[-1]) == encode_ack(END, 0, False) and receiver.picture is None


def test_a_cut_packet_is_bad_and_can_be_mended():
    receiver, packets = Receiver(), packets_of(FIRST)
    receiver.take(packets[0])
    assert receiver.take(packets[1][:-1]) == encode_ack(DATA, 0, False)
    assert receiver.take(packets[1]) == encode_ack(DATA, 0, True)


def test_a_packet_shorter_than_its_place_is_bad():
    receiver = Receiver()
    receiver.take(encode_begin(len(FIRST)))
    assert receiver.take(encode_data(0, FIRST[:700])) == encode_ack(DATA, 0, False)


def test_data_without_a_begin_are_bad():
    receiver = Receiver()
    assert receiver.take(encode_data(0, b"x")) == encode_ack(DATA, 0, False)
    assert receiver.take(encode_end()) == encode_ack(END, 0, False)


@pytest.mark.parametrize("data", [b"", b"a.jpg", b";7", b"a;", b"a;0", b"a;-1", b"a;7x", b"a;45873801"])
def test_a_begin_that_cannot_be_is_bad(data):
    begin = encode_begin(1)[:7] + len(data).to_bytes(2, "little") + data
    assert Receiver().take(begin) == encode_ack(BEGIN, 0, False)


def test_a_picture_above_the_board_s_memory_is_refused_at_its_begin():
    receiver = Receiver(max_bytes=1000)
    assert receiver.take(encode_begin(1001)) == encode_ack(BEGIN, 0, False)
    assert receiver.take(encode_data(0, bytes(1001))) == encode_ack(DATA, 0, False)


def test_a_new_begin_forgets_the_older_picture():
    receiver = Receiver()
    for packet in [*packets_of(FIRST)[:3], *packets_of(SECOND)]:
        receiver.take(packet)
    assert receiver.picture == SECOND


def test_data_of_another_picture_are_noticed_when_its_begin_was_lost():
    receiver = Receiver()
    for packet in packets_of(FIRST)[:3]:
        receiver.take(packet)
    answers = [receiver.take(packet) for packet in packets_of(SECOND)[1:]]
    assert {answer[-1] for answer in answers} == {0} and receiver.counters["mixed"] == 1


@given(st.binary(max_size=30) | st.builds(lambda tail: b"\xee\xee\xff\xff" + tail, st.binary(max_size=30)))
def test_no_bytes_break_a_receiver(payload):
    for receiver in (Receiver(), Receiver(1, "all", 4)):
        answer = receiver.take(payload)
        assert answer is None or len(answer) == 8


# --- bad networks


def run_over(
    sender: Sender,
    receiver: Receiver,
    there: BadPost,
    back: BadPost,
    packets: list[bytes],
    now_s: float = 0.0,
) -> float:
    """Carry packets and answers until the transfer ends; return the time from the last progress to failure."""
    progress_s = now_s
    while sender.state is SenderState.SENDING:
        arrived = [a for p in packets for a in there.carry(p)]
        answers = [b for p in arrived if (answer := receiver.take(p)) for b in back.carry(answer)]
        resent = sender.resent
        packets = [packet for answer in answers for packet in sender.take_ack(answer, now_s)]
        if len(packets) > sender.resent - resent:
            progress_s = now_s
        if not packets and sender.state is SenderState.SENDING:
            now_s = sender.deadline_s
            packets = sender.tick(now_s)
    return now_s - progress_s if sender.state is SenderState.FAILED else 0.0


@given(st.integers(0, 2**32), st.integers(1, 6 * DATA_BYTES), st.sampled_from([0, 1]), st.integers(1, 6))
def test_under_loss_repetition_and_disorder_it_arrives_whole_or_fails_in_time(seed, size, base, window):
    picture = random.Random(seed).randbytes(size)
    there, back = (BadPost(lost=0.3, repeated=0.2, swapped=0.2, seed=seed + n) for n in range(2))
    sender, receiver = Sender(picture, ack_base=base, window=window), Receiver(base, window=window)
    assert run_over(sender, receiver, there, back, sender.start(0.0)) <= 25.0
    assert receiver.picture in (None, picture)
    assert sender.state == "failed" or receiver.picture == picture


@pytest.mark.parametrize("window", [1, 8])
def test_with_a_tenth_lost_most_pictures_arrive(window):
    states = []
    for seed in range(40):
        there, back = BadPost(lost=0.1, seed=seed), BadPost(lost=0.1, seed=1000 + seed)
        sender, receiver = Sender(FIRST * 8, window=window), Receiver(window=window)
        run_over(sender, receiver, there, back, sender.start(0.0))
        states.append(sender.state)
        assert sender.state == "failed" or receiver.picture == FIRST * 8
    assert states.count("delivered") >= 30


@given(st.integers(0, 2**32), st.integers(0, 7), st.integers(1, 4))
def test_two_pictures_never_mix_when_the_line_was_quiet_between_them(seed, taken, window):
    receiver, there, back = (
        Receiver(window=window),
        BadPost(lost=0.3, seed=seed),
        BadPost(lost=0.3, seed=seed),
    )
    late = [answer for packet in packets_of(FIRST)[:taken] if (answer := receiver.take(packet))]
    sender, now_s = Sender(SECOND, window=window), 5.0
    assert sender.start(0.0, quiet_s=5.0) == []
    assert [packet for answer in late for packet in sender.take_ack(answer, 4.9)] == []
    run_over(sender, receiver, there, back, sender.tick(now_s), now_s)
    assert receiver.picture in (None, FIRST, SECOND)
    assert sender.state == "failed" or receiver.picture == SECOND


class AnyNetwork(RuleBasedStateMachine):
    """One transfer over a network that may do with every message whatever it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.base = 1
        self.sender = Sender(FIRST, ack_base=self.base, window=self.window)
        self.receiver = Receiver(self.base, "all", self.window)
        self.there, self.back = list(self.sender.start(0.0)), []

    window = 1

    @precondition(lambda self: self.there)
    @rule(data=st.data(), keep=st.booleans(), cut=st.booleans())
    def a_packet_arrives(self, data, keep: bool, cut: bool) -> None:
        at = data.draw(st.integers(0, len(self.there) - 1))
        packet = self.there[at] if keep else self.there.pop(at)
        answer = self.receiver.take(packet[:-1] if cut else packet)
        self.back += [answer] if answer else []

    @precondition(lambda self: self.back)
    @rule(data=st.data(), keep=st.booleans())
    def an_answer_arrives(self, data, keep: bool) -> None:
        at = data.draw(st.integers(0, len(self.back) - 1))
        answer = self.back[at] if keep else self.back.pop(at)
        self.there += self.sender.take_ack(answer, self.now_s)

    @rule(function=st.sampled_from(Function), number=st.sampled_from([-5, 6, 30_000]), whole=st.booleans())
    def a_strange_answer_arrives(self, function, number: int, whole: bool) -> None:
        before = (self.sender.state, self.sender.packets_acked, self.sender.deadline_s)
        assert self.sender.take_ack(encode_ack(function, number, whole), self.now_s) == []
        assert before == (self.sender.state, self.sender.packets_acked, self.sender.deadline_s)

    @rule(number=st.integers(0, 3))
    def messages_are_lost(self, number: int) -> None:
        del self.there[:number], self.back[:number]

    @rule(pause_s=st.floats(0.0, 6.0))
    def time_passes(self, pause_s: float) -> None:
        self.now_s += pause_s
        self.there += self.sender.tick(self.now_s)

    @invariant()
    def what_is_delivered_is_there(self) -> None:
        assert self.receiver.picture in (None, FIRST)
        assert self.sender.state != "delivered" or self.receiver.picture == FIRST

    @invariant()
    def figures_make_sense(self) -> None:
        sender = self.sender
        assert sender.packets_acked <= sender.packets_total == 5
        assert (sender.deadline_s is None) == (sender.state in ("delivered", "failed"))
        assert (sender.reason is None) == (sender.state != "failed")


class AnyNetworkWithWindow(AnyNetwork):
    window = 3


TestOneAtATime = AnyNetwork.TestCase
TestWithAWindow = AnyNetworkWithWindow.TestCase
