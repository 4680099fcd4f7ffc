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


@pytest.fixture
async def sent(monkeypatch):
    """What goes to a layer that is not inside this process, as a queue."""
    queue: asyncio.Queue[dict] = asyncio.Queue()

    class Layer:
        async def group_send(self, group: str, message: dict) -> None:
            queue.put_nowait(message)

    layer = Layer()
    monkeypatch.setattr(notify, "get_channel_layer", lambda: layer)
    monkeypatch.setattr(notify, "_flushed_s", float("-inf"))
    notify.bind(asyncio.get_running_loop())
    yield queue
    notify.bind(None)


def event(number: int) -> dict:
    return {"type": "live.event", "n": number}


async def test_through_redis_the_first_goes_at_once_and_those_close_behind_it_together(sent, monkeypatch):
    monkeypatch.setattr(notify, "_PAGES_APART_S", 3600.0)
    await asyncio.to_thread(notify.send, notify.PAGES, [event(1)])
    assert await sent.get() == event(1)
    for number in (2, 3):
        await asyncio.to_thread(notify.send, notify.PAGES, [event(number)])
    while len(notify._gathered) < 2:  # noqa: ASYNC110 - what is waited for is the loop's own turn
        await asyncio.sleep(0)
    assert sent.empty()
    notify._flush(notify.PAGES)
    assert await sent.get() == {"type": "live.together", "messages": [event(2), event(3)]}


async def test_what_goes_together_has_a_bound(sent, monkeypatch):
    monkeypatch.setattr(notify, "_TOGETHER_AT_MOST", 2)
    await asyncio.to_thread(notify.send, notify.PAGES, [event(n) for n in range(3)])
    assert [len((await sent.get())["messages"]) for _ in range(2)] == [2, 1]


async def test_the_gateway_is_told_each_by_itself(sent):
    await asyncio.to_thread(notify.send, notify.GATEWAY, [{"type": "a"}, {"type": "b"}])
    assert [(await sent.get())["type"] for _ in range(2)] == ["a", "b"]


async def test_a_process_without_a_loop_sends_several_as_one(sent):
    notify.bind(None)
    await asyncio.to_thread(notify.send, notify.PAGES, [event(1), event(2)])
    assert (await sent.get())["messages"] == [event(1), event(2)]
