"""The acknowledgements that a connection owes."""

import asyncio

import pytest

from photohub.embedded import answers
from photohub.embedded.answers import Answers
from photohub.embedded.receipts import Outcome, Receipt

KEPT, REFUSED = Outcome.KEPT, Outcome.REFUSED


async def test_answers_go_out_in_the_order_of_the_publishes_without_those_refused():
    sent: list[bytes] = []
    owed, receipts = Answers(sent.append, lambda reason: None), [Receipt() for _ in range(3)]
    for number, receipt in enumerate(receipts):
        owed.send_when_kept(receipt, number, b"%d" % number)
    receipts[2].settle(KEPT)
    assert sent == []
    receipts[0].settle(KEPT)
    receipts[1].settle(REFUSED)
    assert sent == [b"0", b"2"]
    owed.stop()


async def test_a_message_that_came_twice_while_it_was_under_way_is_answered_once():
    sent: list[bytes] = []
    owed, receipt = Answers(sent.append, lambda reason: None), Receipt()
    owed.send_when_kept(receipt, 1, b"1")
    owed.send_when_kept(receipt, 1, b"1")
    receipt.settle(KEPT)
    owed.send_when_kept(receipt, 1, b"1")
    assert sent == [b"1", b"1"]


@pytest.mark.parametrize("repeats", [False, True])
async def test_a_client_that_does_not_repeat_what_was_refused_is_ended(repeats, monkeypatch):
    monkeypatch.setattr(answers, "AGAIN_WITHIN_S", 0.0)
    ended: list[str] = []
    owed = Answers(lambda packet: None, ended.append)
    owed.send_when_kept(Receipt(REFUSED), 1, b"1")
    if repeats:
        owed.note_repeated(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert bool(ended) is not repeats


async def test_a_connection_that_is_over_owes_nothing():
    sent: list[bytes] = []
    owed, receipt = Answers(sent.append, lambda reason: None), Receipt()
    owed.send_when_kept(receipt, 1, b"1")
    owed.stop()
    receipt.settle(KEPT)
    assert sent == []
