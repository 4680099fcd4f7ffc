"""What devices publish to the hub: acknowledged when it is kept, and the same message known again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from devices.mqtt.client import Incoming, MqttDown
from devices.protocol.mqtt.packets import Kind, puback, pubcomp, pubrec
from photohub.embedded import answers, receipts
from photohub.embedded.broker import EmbeddedBroker
from photohub.embedded.hub_link import HubLink
from tests.photohub.embedded.mqtt_people import (
    GATE,
    PEOPLE,
    WAIT_S,
    YARD,
    BareClient,
    bare_client,
    client,
    next_message,
    publish_packet,
    running_broker,
    until,
)

FRAME = "photohub/gate/frame"
PING = b"\xc0\x00"
DUP, QOS_2 = 2 | 8, 4
PUBREL = b"\x62\x02\x00\x01"


@asynccontextmanager
async def hub_at(broker: EmbeddedBroker) -> AsyncIterator[tuple[HubLink, Callable]]:
    """Connect the hub, and yield its link and a function that returns its next message."""
    async with broker.core.hub.open() as link:
        await link.subscribe(["photohub/+/frame", "photohub/+/status"])
        messages = link.messages()

        async def heard() -> Incoming:
            async with asyncio.timeout(WAIT_S):
                return await anext(messages)

        yield link, heard


async def answers_now(device: BareClient) -> list[bytes]:
    """Return what the broker has answered so far."""
    await device.send(PING)
    packets = []
    while (packet := await device.receive()).kind is not Kind.PINGRESP:
        packets.append(packet.raw)
    return packets


@pytest.mark.parametrize(("flags", "answer"), [(2, puback(1)), (QOS_2, pubrec(1))])
async def test_a_message_is_acknowledged_when_the_hub_has_kept_it(flags: int, answer: bytes) -> None:
    async with running_broker() as broker, hub_at(broker) as (_, heard), bare_client(broker) as gate:
        await gate.log_in(GATE)
        await gate.send(publish_packet(FRAME, packet_id=1, flags=flags))
        message = await heard()
        assert (message.topic, message.payload, message.repeated) == (FRAME, b"picture", False)
        assert await answers_now(gate) == []
        message.ack()
        assert (await gate.receive()).raw == answer


async def test_what_the_hub_does_not_listen_to_is_acknowledged_at_once() -> None:
    async with running_broker() as broker, hub_at(broker), bare_client(broker) as yard:
        await yard.log_in(YARD)
        await yard.send(publish_packet("photohub/yard/other", packet_id=1))
        assert (await yard.receive()).raw == puback(1)


async def test_a_refused_message_is_not_acknowledged_and_taken_when_it_is_repeated() -> None:
    async with running_broker() as broker, hub_at(broker) as (_, heard), bare_client(broker) as gate:
        await gate.log_in(GATE)
        await gate.send(publish_packet(FRAME, packet_id=1))
        (await heard()).refuse()
        assert await answers_now(gate) == []
        await gate.send(publish_packet(FRAME, packet_id=1, flags=DUP))
        again = await heard()
        assert again.repeated
        again.ack()
        assert (await gate.receive()).raw == puback(1)


async def test_a_client_that_does_not_repeat_a_refused_message_is_ended_so_that_it_does() -> None:
    async with running_broker() as broker, hub_at(broker) as (_, heard), bare_client(broker) as gate:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(answers, "AGAIN_WITHIN_S", 0.01)
            await gate.log_in(GATE)
            await gate.send(publish_packet(FRAME, packet_id=1))
            (await heard()).refuse()
            assert await gate.receive() is None


@pytest.mark.parametrize("flags", [DUP, 2])
async def test_a_message_repeated_while_it_is_under_way_is_handed_in_and_acknowledged_once(flags) -> None:
    async with running_broker() as broker, hub_at(broker) as (_, heard), bare_client(broker) as gate:
        await gate.log_in(GATE)
        await gate.send(publish_packet(FRAME, packet_id=1), publish_packet(FRAME, packet_id=1, flags=flags))
        await gate.send(publish_packet(FRAME, b"next", packet_id=2))
        first, second = await heard(), await heard()
        assert second.payload == b"next"
        first.ack()
        second.ack()
        assert await answers_now(gate) == [puback(1), puback(2)]


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("kept_before", [True, False])
async def test_a_message_repeated_on_a_new_connection_is_handed_in_once(clean, kept_before) -> None:
    async with running_broker() as broker, hub_at(broker) as (_, heard):
        async with bare_client(broker) as gate:
            await gate.log_in(GATE, clean_session=clean)
            await gate.send(publish_packet(FRAME, packet_id=1))
            message = await heard()
        if kept_before:
            message.ack()
        async with bare_client(broker) as gate:
            await gate.log_in(GATE, clean_session=clean)
            await gate.send(publish_packet(FRAME, packet_id=1, flags=DUP))
            await gate.send(publish_packet(FRAME, b"next", packet_id=2))
            assert (await heard()).payload == b"next"
            message.ack()
            assert (await gate.receive()).raw == puback(1)


async def test_a_repetition_that_the_broker_knows_nothing_of_is_handed_in_as_repeated() -> None:
    async with running_broker() as broker, hub_at(broker) as (_, heard), bare_client(broker) as gate:
        await gate.log_in(GATE)
        await gate.send(publish_packet(FRAME, packet_id=1, flags=DUP))
        assert (await heard()).repeated


@pytest.mark.parametrize("answered", [False, True])
async def test_the_same_on_a_new_connection_without_the_flag_may_be_repeated(answered: bool) -> None:
    async with running_broker() as broker, hub_at(broker) as (_, heard):
        async with bare_client(broker) as gate:
            await gate.log_in(GATE)
            await gate.send(publish_packet(FRAME, packet_id=1))
            message = await heard()
            if answered:
                message.ack()
                await gate.receive()
        await until(lambda: not broker.connections())
        message.ack()
        async with bare_client(broker) as gate:
            await gate.log_in(GATE)
            await gate.send(publish_packet(FRAME, packet_id=1))
            assert (await heard()).repeated is not answered


async def test_the_same_bytes_as_a_new_message_are_handed_in_again() -> None:
    async with running_broker() as broker, hub_at(broker) as (_, heard), bare_client(broker) as gate:
        await gate.log_in(GATE)
        for _ in range(2):
            await gate.send(publish_packet(FRAME, packet_id=1))
            message = await heard()
            message.ack()
            assert (await gate.receive()).raw == puback(1) and not message.repeated


@pytest.mark.parametrize("flags", [QOS_2, QOS_2 | 8])
async def test_quality_2_is_handed_in_once_until_it_is_released(flags: int) -> None:
    async with running_broker() as broker, hub_at(broker) as (_, heard), bare_client(broker) as gate:
        await gate.log_in(GATE)
        await gate.send(publish_packet(FRAME, packet_id=1, flags=QOS_2))
        (await heard()).ack()
        await gate.send(publish_packet(FRAME, packet_id=1, flags=flags), PUBREL, PUBREL)
        assert await answers_now(gate) == [pubrec(1), pubrec(1), pubcomp(1), pubcomp(1)]
        await gate.send(publish_packet(FRAME, b"next", packet_id=1, flags=QOS_2))
        assert (await heard()).payload == b"next"


async def test_quality_2_of_a_kept_session_is_known_on_its_next_connection() -> None:
    async with running_broker() as broker, hub_at(broker) as (_, heard):
        async with bare_client(broker) as gate:
            await gate.log_in(GATE, clean_session=False)
            await gate.send(publish_packet(FRAME, packet_id=1, flags=QOS_2))
            (await heard()).ack()
        async with bare_client(broker) as gate:
            assert (await gate.log_in(GATE, clean_session=False)).body == b"\1\0"
            await gate.send(publish_packet(FRAME, packet_id=1, flags=QOS_2), PUBREL)
            assert await answers_now(gate) == [pubrec(1), pubcomp(1)]


async def test_one_device_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "UNDER_WAY_AT_MOST", 2)
    async with running_broker() as broker, hub_at(broker) as (_, heard):
        async with bare_client(broker) as gate, bare_client(broker) as yard:
            await gate.log_in(GATE)
            await yard.log_in(YARD)
            await gate.send(*(publish_packet(FRAME, bytes([n]), packet_id=n) for n in (1, 2, 3)))
            held = [await heard(), await heard()]
            await yard.send(publish_packet("photohub/yard/frame", packet_id=1))
            other = await heard()
            assert other.topic == "photohub/yard/frame"
            other.ack()
            assert (await yard.receive()).raw == puback(1)
            held[0].ack()
            assert (await heard()).payload == b"\3"


async def test_a_hub_that_stays_busy_leaves_the_message_with_the_device(monkeypatch) -> None:
    monkeypatch.setattr(receipts, "UNDER_WAY_AT_MOST", 1)
    monkeypatch.setattr("photohub.embedded.broker.HUB_PATIENCE_S", 0.05)
    async with running_broker() as broker, hub_at(broker), bare_client(broker) as gate:
        await gate.log_in(GATE)
        await gate.send(*(publish_packet(FRAME, bytes([n]), packet_id=n) for n in (1, 2)))
        assert await gate.receive() is None


async def test_what_the_hub_had_in_hand_when_it_left_it_gets_again_in_order() -> None:
    async with running_broker() as broker, bare_client(broker) as gate:
        async with hub_at(broker) as (link, heard):
            await gate.log_in(GATE)
            await gate.send(*(publish_packet(FRAME, bytes([n]), packet_id=n) for n in (1, 2, 3)))
            (await heard()).ack()
            lost = await heard()
        with pytest.raises(MqttDown):
            await link.publish("photohub/gate/command", b"{}")
        assert await answers_now(gate) == [puback(1)]
        await gate.send(publish_packet(FRAME, b"away", packet_id=4))
        async with hub_at(broker) as (_, heard):
            said = [await heard() for _ in range(3)]
            assert [(m.payload, m.repeated) for m in said] == [
                (b"\2", True),
                (b"\3", False),
                (b"away", False),
            ]
            lost.ack()  # by a thread that was still at it
            assert (await gate.receive()).raw == puback(2)


async def test_the_hub_reaches_devices_and_does_not_hear_itself() -> None:
    async with running_broker() as broker, hub_at(broker) as (link, heard), client(broker, GATE) as gate:
        await gate.subscribe("photohub/gate/command", qos=1)
        await link.publish("photohub/gate/command", b"{}", expiry_s=30)
        assert (await next_message(gate)).payload == b"{}"
        link.publish_now("photohub/gate/command", b"packet")
        assert (await next_message(gate)).qos == 0
        await link.publish_unheard("photohub/gate/status", b"own")
        await asyncio.gather(gate.publish("photohub/gate/status", b"online"), take(heard, b"online"))


async def take(heard: Callable, payload: bytes) -> None:
    message = await heard()
    assert message.payload == payload
    message.ack()


async def test_a_listener_gets_a_topic_past_the_queue_until_it_is_forgotten() -> None:
    taken: list[bytes] = []
    async with running_broker() as broker, hub_at(broker) as (link, heard), client(broker, GATE) as gate:
        link.listen("photohub/gate/status", taken.append)
        await gate.publish("photohub/gate/status", b"one", qos=1)
        assert taken == [b"one"]
        link.forget("photohub/gate/status")
        await asyncio.gather(gate.publish("photohub/gate/status", b"two", qos=1), take(heard, b"two"))


async def test_the_hub_listens_no_more_to_what_it_unsubscribed() -> None:
    async with running_broker() as broker, hub_at(broker) as (link, _), client(broker, GATE) as gate:
        assert await link.subscribe(["photohub/#"]) == []
        await link.unsubscribe(["photohub/#", "photohub/+/frame"])
        await gate.publish(FRAME, b"unheard", qos=1)


async def test_a_will_is_heard_before_the_next_connection_of_its_client_begins() -> None:
    async with running_broker() as broker, hub_at(broker) as (_, heard):
        async with bare_client(broker) as old, bare_client(broker) as new:
            await old.log_in(GATE, will_topic="photohub/gate/status", will_payload=b"offline", will_qos=1)
            greeted = asyncio.create_task(new.log_in(GATE))
            will = await heard()
            assert will.payload == b"offline" and not greeted.done()
            will.ack()
            assert (await greeted).body == b"\0\0"


async def test_automatic_subscriptions_stand_at_once_are_told_and_heard(monkeypatch) -> None:
    told: list[str] = []

    async def on_subscribe(account, topic_filter: str) -> None:
        told.append(topic_filter)

    automatic = replace(GATE, automatic=GATE.subscribe)
    monkeypatch.setitem(PEOPLE, "gate", automatic)
    async with running_broker(on_subscribe=on_subscribe) as broker, hub_at(broker) as (link, _):
        async with bare_client(broker) as gate:
            await gate.log_in(automatic)
            await until(lambda: told == ["photohub/gate/command"])
            assert broker.hears("gate", "photohub/gate/command") and not broker.hears("gate", FRAME)
            await link.publish("photohub/gate/command", b"{}")
            assert (await gate.receive()).body.endswith(b"{}")
        await until(lambda: not broker.connections())
        assert not broker.hears("gate", "photohub/gate/command") and not broker.hears("nobody", FRAME)
