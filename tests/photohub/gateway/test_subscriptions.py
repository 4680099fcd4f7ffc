"""What a gateway listens to when it is alone, when it shares, and what it leaves of a session that the broker kept."""

import asyncio

import pytest

from devices.mqtt.client import connect
from devices.mqtt.sharing import WHOLE, Share, owner_of
from devices.protocol import topics
from photohub.gateway.subscriptions import Subscriptions
from tests.brokers import running_mosquitto
from tests.builders import make_device

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = frozenset({"a", "b"})
CODES = [f"camera-{number}" for number in range(8)]


class Link:
    """Notes what is asked of the broker, in order."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self.asked: list[str] = []

    async def subscribe(self, filters: list[str]) -> list[str]:
        self.asked.append("subscribe")
        self.heard.update(filters)
        return []

    async def unsubscribe(self, filters: list[str]) -> None:
        self.asked.append("unsubscribe")
        self.heard.difference_update(filters)

    def hears(self, code: str) -> bool:
        return any(topics.matches(f, f"photohub/{code}/status") for f in self.heard)


async def make_devices() -> None:
    for code in CODES:
        await asyncio.to_thread(make_device, code)


async def test_from_one_to_two_and_back_a_device_of_ours_is_heard_all_the_time():
    await make_devices()
    share, link = [WHOLE], Link()
    room = Subscriptions(lambda: share[0], set)
    await room.begin(None)
    assert await room.bring_in_step(link) == (WHOLE, len(CODES))
    assert "photohub/+/status" in link.heard and link.asked == ["subscribe"]
    share[0] = Share("a", BOTH)
    ours = {code for code in CODES if owner_of(code, BOTH) == "a"}
    assert await room.bring_in_step(link) == (share[0], len(ours))
    assert {code for code in CODES if link.hears(code)} == ours and 0 < len(ours) < len(CODES)
    # First what is missing, then what is too much.
    assert link.asked == ["subscribe", "subscribe", "unsubscribe"]
    share[0] = Share("a", frozenset("a"))
    await room.bring_in_step(link)
    assert all(link.hears(code) for code in CODES) and not any("camera-1" in f for f in link.heard)


async def test_who_leaves_hears_when_the_broker_has_been_told():
    await make_devices()
    share, link = [Share("a", BOTH)], Link()
    room = Subscriptions(lambda: share[0], lambda: {"a/transfer/that/goes/on"})
    await room.begin(None)
    await room.bring_in_step(link)
    share[0] = Share("a", frozenset("b"))
    leaving = asyncio.create_task(room.leave(share[0]))
    await asyncio.wait_for(room.changed.wait(), 5)
    assert not leaving.done()
    await room.bring_in_step(link)
    await asyncio.wait_for(leaving, 5)
    assert link.heard == {"a/transfer/that/goes/on"}


@pytest.mark.parametrize("former", [None, Share("a", frozenset("a"))])
async def test_what_a_kept_session_was_subscribed_to_is_left(tmp_path, former):
    await make_devices()
    away = next(code for code in CODES if owner_of(code, BOTH) == "b")
    with running_mosquitto(tmp_path) as address:
        async with connect(address) as link:
            await link.subscribe(["photohub/+/status"])
        async with connect(address) as link, asyncio.timeout(20):
            assert link.resumed
            room = Subscriptions(lambda: Share("a", BOTH), lambda: {"mark"})
            await room.begin(former)
            await room.bring_in_step(link)
            await link.publish(f"photohub/{away}/status", b"")
            await link.publish("mark", b"")
            first = await anext(aiter(link.messages()))
    assert first.topic == ("mark" if former else f"photohub/{away}/status")


@pytest.mark.parametrize("share", [WHOLE, Share("a", BOTH)])
async def test_a_device_is_listened_to_when_the_broker_was_told(share):
    device = await asyncio.to_thread(make_device, next(c for c in CODES if owner_of(c, BOTH) == "a"))
    device.frame_topic = "cam/frames"
    await device.asave()
    room, link = Subscriptions(lambda: share, set), Link()
    room.listening.set()
    await room.begin(None)
    waiting = asyncio.ensure_future(room.listen_to_devices([device]))
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done() and room.changed.is_set()
    await room.bring_in_step(link)
    await asyncio.wait_for(waiting, 5)
    assert link.hears(device.code) and "cam/frames" in link.heard
