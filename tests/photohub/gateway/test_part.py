"""Messages while devices move: whoever gets them stays behind whoever gives them away."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from unittest.mock import AsyncMock

import aiomqtt
import pytest

from devices.mqtt.client import CLIENT_ID, UNDER_WAY_AT_MOST, Address, Incoming, MqttDown, connect
from devices.mqtt.sharing import Share, owner_of
from photohub.gateway import part as parts
from photohub.gateway.part import Part
from tests.brokers import running_mosquitto


class Members(SimpleNamespace):
    """What a membership says, as the test wants it."""


def members(*names: str, is_alone: bool = False) -> Members:
    process = SimpleNamespace(word="1" * 16)
    share = Share("a", frozenset(names))
    words = ("1" * 16, "2" * 16)
    return Members(process=process, share=share, coming=share.names, is_alone=is_alone, living=words)


async def say(*payloads: bytes) -> AsyncIterator[Incoming]:
    for payload in payloads:
        yield Incoming("t", payload, retained=False, ack=lambda: None)
    raise MqttDown("away")


async def heard(part: Part) -> list[tuple[bytes, bool, float]]:
    """Return what came, whether as repeated, and after how long."""
    found, began_s = [], asyncio.get_running_loop().time()
    with pytest.raises(MqttDown):
        async for message in part.in_time(say(b"1", b"2")):
            after_s = asyncio.get_running_loop().time() - began_s
            found.append((message.payload, message.repeated, after_s))
    return found


async def test_who_gets_devices_is_a_moment_behind_and_who_gives_them_away_is_not(monkeypatch):
    monkeypatch.setattr(parts, "_BEHIND_S", 0.2)
    gives, gets = Part(Address("h", 1), members("a")), Part(Address("h", 1), members())
    for part in (gives, gets):
        part.note_change()
        part._unsettled_until_s = part._gained_until_s = 0.0
        part.membership.share = Share("a", frozenset("ab"))
        part.note_change()
    first, second = await heard(gives), await heard(gets)
    assert [repeated for _p, repeated, _s in (*first, *second)] == [False] * 4
    assert [payload for payload, _r, _s in second] == [b"1", b"2"]
    assert max(s for *_p, s in first) < 0.15 and min(s for *_p, s in second) >= 0.19


def codes_of(name: str) -> list[str]:
    """Return devices that belong to this gateway of two."""
    return [code for n in range(40) if owner_of(code := f"camera-{n}", "ab") == name]


async def test_only_devices_that_come_or_go_move_and_only_for_a_while(monkeypatch):
    part = Part(Address("h", 1), members("a"))
    part.note_change()
    part._unsettled_until_s = 0.0
    ours, theirs = codes_of("a")[0], codes_of("b")[0]
    assert not part.moves(ours) and not part.moves(theirs)
    # Another is connected, and may be subscribed before we are told that it is.
    part.membership.coming = frozenset("ab")
    assert part.moves(theirs) and not part.moves(ours)
    part.membership.share = Share("a", frozenset("ab"))
    part.note_change()
    assert part.moves(theirs) and not part.moves(ours)
    part._unsettled_until_s = 0.0
    assert not part.moves(theirs) and not Part(Address("h", 1), None).moves(theirs)


async def test_who_is_alone_waits_for_nobody():
    part = Part(Address("h", 1), members("a", is_alone=True))
    part.note_change()
    assert [repeated for _p, repeated, _s in await heard(part)] == [False, False]
    assert [repeated for _p, repeated, _s in await heard(Part(Address("h", 1), None))] == [False, False]


@pytest.mark.parametrize(("dynsec", "first"), [(False, CLIENT_ID), (True, "hub")])
def test_each_gateway_has_a_session_of_its_own_and_the_first_that_of_a_lone_one(settings, dynsec, first):
    settings.MQTT_DYNSEC = dynsec
    part = Part(Address("h", 1, username="hub"), members("a"))
    assert [part.address_of(number).client_id for number in (1, 2)] == [first, f"{first}-2"]


async def test_who_leaves_first_hears_all_that_the_broker_had_for_it(tmp_path):
    member = members("b")
    member.leave = AsyncMock(return_value=True)
    taken = []
    with running_mosquitto(tmp_path) as address:
        part = Part(address, member)
        async with aiomqtt.Client(address.host, address.port) as camera, connect(address) as link:
            part.link = link
            await link.subscribe(["x"])
            # More than the broker lets be on their way to us at once.
            for number in range(2 * UNDER_WAY_AT_MOST):
                await camera.publish("x", str(number), qos=1)

            async def work() -> None:
                async for message in part.in_time(link.messages()):
                    await asyncio.sleep(0)
                    taken.append(int(message.payload))
                    message.ack()

            task = asyncio.create_task(work())
            await part.leave(lambda _share: link.unsubscribe(["x"]), lambda: True)
            heard_until_then = list(taken)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert part._has_left and heard_until_then == list(range(2 * UNDER_WAY_AT_MOST))


async def test_what_cannot_be_finished_is_left_to_another_gateway(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_FINISHED_WITHIN_S", 0.2)
    member = members("b")
    member.leave, member.stop, member.forget = AsyncMock(return_value=True), AsyncMock(), AsyncMock()
    with running_mosquitto(tmp_path) as address:
        part = Part(address, member)
        async with connect(address) as link:
            part.link = link
            await part.leave(lambda _share: link.unsubscribe(["x"]), lambda: False)
        await part.end()
    assert member.stop.await_count == 1 and not member.forget.await_count
