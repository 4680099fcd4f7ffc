"""What the gateway sends, and when."""

import asyncio
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async

from devices import commands
from photohub import gateway
from tests.builders import make_device

pytestmark = pytest.mark.django_db(transaction=True)


class Broker:
    """Takes everything at once."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self._more = asyncio.Condition()

    async def publish(self, topic: str, payload: bytes, expiry_s: int = 0) -> None:
        async with self._more:
            self.topics.append(topic)
            self._more.notify_all()

    async def took(self, count: int) -> None:
        async with self._more:
            await self._more.wait_for(lambda: len(self.topics) >= count)


async def test_more_commands_than_are_claimed_at_once_do_not_wait_for_the_next_look(monkeypatch):
    monkeypatch.setattr(gateway, "_LOOK_EVERY_S", 3600.0)
    # Else the last note might still be written when the test is over.
    monkeypatch.setattr(commands, "note_all_sent", lambda sent: [None] * len(sent))
    count = 2 * commands.CLAIM_AT_MOST + 5

    def ask_many() -> None:
        commands.capture_many([make_device(f"cam-{number}") for number in range(count)])

    await sync_to_async(ask_many)()
    broker, intake = Broker(), SimpleNamespace(desk=None)
    sending = asyncio.create_task(gateway.Gateway(None, intake, lambda _device, _topic: True)._send(broker))
    async with asyncio.timeout(20):
        await broker.took(count)
    sending.cancel()
    assert len(broker.topics) == len(set(broker.topics)) == count
