import asyncio

import pytest
from asgiref.sync import sync_to_async

from devices.mqtt import message_counts
from media_pipeline.picture_files.refusals import Refused
from tests.builders import make_device
from tests.photohub.gateway.test_inbox import Handler, Link, Mail, put, working
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def counted() -> dict[str, float]:
    rows = message_counts.HANDLED.read()
    return {word: rows.get(word, [0.0])[0] for word in message_counts.HANDLED.words}


async def test_every_message_is_counted_by_its_end_and_held_until_then():
    await sync_to_async(make_device)("porch")
    before = counted()
    async with working(Handler(Refused("disk_full", "Full."), ValueError("a fault"))) as box:
        mails = [Mail("porch", bytes([n])) for n in range(3)]
        await put(box, Link(), *mails)
        assert message_counts.HELD.read() == 3
        await asyncio.gather(*(mail.end for mail in mails))
        await until(lambda: message_counts.HELD.read() == 0)
    now = counted()
    assert {word: now[word] - before[word] for word in now} == {
        "handled": 1,
        "refused": 1,
        "failed": 1,
        "dropped": 0,
    }
