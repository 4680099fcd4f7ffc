"""What becomes of published messages: known when they come again, bounded while they are under way."""

import asyncio

import pytest

from photohub.embedded import receipts
from photohub.embedded.receipts import Outcome, Published, Receipt, Room

UNDER_WAY, KEPT, REFUSED = Outcome.UNDER_WAY, Outcome.KEPT, Outcome.REFUSED


@pytest.mark.parametrize(
    ("outcome", "sender", "packet_id", "digest", "dup", "same"),
    [
        (UNDER_WAY, "gate/one", 1, 7, True, True),
        (UNDER_WAY, "gate/one", 1, 7, False, True),  # a board that repeats without the flag
        (UNDER_WAY, "gate/two", 1, 7, True, True),  # the same device under a new client id
        (UNDER_WAY, "gate/two", 1, 7, False, False),
        (UNDER_WAY, "gate/one", 1, 8, True, False),  # other bytes
        (UNDER_WAY, "gate/one", 2, 7, True, False),
        (KEPT, "gate/one", 1, 7, True, True),
        (KEPT, "gate/one", 1, 7, False, False),  # said twice
        (REFUSED, "gate/one", 1, 7, True, False),
    ],
)
def test_a_message_is_known_again(outcome, sender, packet_id, digest, dup, same):
    published, receipt = Published(), Receipt()
    published.remember("gate/one", 1, 7, receipt)
    receipt.settle(outcome)
    assert (published.find(sender, packet_id, digest, dup) is receipt) is same


def test_what_is_remembered_is_bounded_and_never_loses_what_is_under_way():
    published, first = Published(), Receipt()
    published.remember("gate/one", 1, 7, first)
    for packet_id in range(2, 3 * receipts.REMEMBERED):
        published.remember("gate/one", packet_id, 7, Receipt(KEPT))
    assert len(published._known) == receipts.REMEMBERED
    assert published.find("gate/one", 1, 7, True) is first


def test_a_receipt_is_settled_once_and_tells_whoever_asked_before_or_after():
    receipt, told = Receipt(), []
    receipt.when_settled(lambda: told.append("before"))
    receipt.settle(KEPT)
    receipt.settle(REFUSED)
    receipt.when_settled(lambda: told.append("after"))
    assert (receipt.outcome, told) == (KEPT, ["before", "after"])


MB = 2**20


@pytest.mark.parametrize(
    ("own", "others", "size_bytes", "fits"),
    [
        ([], [], 12 * MB, True),
        ([100] * 31, [], 100, True),
        ([100] * 32, [], 100, False),
        ([10 * MB], [], 7 * MB, False),
        ([], [16 * MB] * 4, MB, False),
        ([], [16 * MB] * 4, 16 * 1024, True),  # others' pictures hold up no small message
    ],
)
async def test_room_is_bounded_for_each_account_and_in_all(own, others, size_bytes, fits):
    room, mine = Room(), Published()
    for taken in own:
        room.enter(mine, taken, Receipt())
    for taken in others:
        room.enter(Published(), taken, Receipt())
    if fits:
        await room.wait(mine, size_bytes, 0)
    else:
        with pytest.raises(TimeoutError):
            await room.wait(mine, size_bytes, 0.01)


async def test_who_waits_goes_on_when_a_message_is_settled():
    room, mine, receipt = Room(), Published(), Receipt()
    room.enter(mine, 16 * MB, receipt)
    waiting = asyncio.create_task(room.wait(mine, MB, 10))
    await asyncio.sleep(0)
    receipt.settle(KEPT)
    await waiting
    assert (mine.under_way, mine.under_way_bytes, room.under_way_bytes) == (0, 0, 0)
