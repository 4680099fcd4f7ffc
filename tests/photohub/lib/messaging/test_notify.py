import asyncio

import pytest
from channels.layers import get_channel_layer
from django.db import transaction

from photohub.lib.messaging import notify


@pytest.fixture
async def channel():
    layer = get_channel_layer()
    name = await layer.new_channel()
    await layer.group_add(notify.PAGES, name)
    notify.bind(asyncio.get_running_loop())
    yield name
    notify.bind(None)
    await layer.group_discard(notify.PAGES, name)


async def test_a_ring_from_another_thread_arrives_at_once(channel):
    await asyncio.to_thread(notify.send, notify.PAGES, [{"type": "live.event", "n": 1}])
    async with asyncio.timeout(1):
        assert (await get_channel_layer().receive(channel))["n"] == 1


@pytest.mark.django_db(transaction=True)
async def test_nobody_hears_of_what_is_not_committed_yet(channel):
    def change() -> None:
        with transaction.atomic():
            notify.send_after_commit(notify.PAGES, {"type": "live.event", "n": 2})
            notify.send(notify.PAGES, [{"type": "live.event", "n": 1}])

    await asyncio.to_thread(change)
    async with asyncio.timeout(1):
        assert [(await get_channel_layer().receive(channel))["n"] for _ in range(2)] == [1, 2]


async def test_a_broken_layer_is_not_the_callers_trouble(channel, monkeypatch):
    async def fail(*args):
        raise ConnectionError("Redis is gone")

    monkeypatch.setattr(type(get_channel_layer()), "group_send", fail)
    await asyncio.to_thread(notify.send, notify.PAGES, [{"type": "live.event"}])
    await asyncio.sleep(0)
