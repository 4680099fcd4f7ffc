"""Delivery between clients of the embedded broker: quality of service, kept sessions, slow readers."""

import asyncio
import socket
import tracemalloc
from dataclasses import replace

import pytest

from devices.protocol.mqtt.packets import Kind
from photohub.embedded import core, outgoing
from photohub.embedded.broker import Account, EmbeddedBroker
from tests.photohub.embedded.mqtt_people import (
    GATE,
    PEOPLE,
    WATCH,
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
PICTURE = b"p" * 300_000


async def log_in_and_subscribe(listener: BareClient, account: Account, topic: str, **options: object) -> None:
    await listener.log_in(account, **options)
    assert await listener.subscribe((topic, 1)) == [1]


async def leave(broker: EmbeddedBroker, leaver: BareClient, left: int = 0) -> None:
    leaver.writer.transport.abort()
    await until(lambda: len(broker.connections()) == left)


@pytest.mark.parametrize(("sent", "wanted", "received"), [(0, 1, 0), (1, 0, 0), (1, 1, 1), (1, 2, 1)])
async def test_message_arrives_at_the_lower_quality(sent: int, wanted: int, received: int) -> None:
    async with running_broker() as broker, client(broker, WATCH) as hub, client(broker, GATE) as gate:
        await hub.subscribe(FRAME, qos=wanted)
        await gate.publish(FRAME, b"picture", qos=sent)
        assert (await next_message(hub)).qos == received


async def test_subscribing_again_changes_the_quality() -> None:
    async with running_broker() as broker, client(broker, WATCH) as hub, client(broker, GATE) as gate:
        await hub.subscribe(FRAME, qos=0)
        await hub.subscribe(FRAME, qos=1)
        await gate.publish(FRAME, b"picture", qos=1)
        assert (await next_message(hub)).qos == 1


async def test_overlapping_filters_deliver_once() -> None:
    async with running_broker() as broker, client(broker, WATCH) as hub, client(broker, GATE) as gate:
        await hub.subscribe([("photohub/+/frame", 1), ("photohub/#", 0), (FRAME, 0)])
        await gate.publish(FRAME, b"first", qos=1)
        await gate.publish(FRAME, b"second", qos=1)
        messages = [await next_message(hub), await next_message(hub)]
        assert [(message.payload, message.qos) for message in messages] == [(b"first", 1), (b"second", 1)]


async def test_pictures_arrive_whole_and_in_order() -> None:
    async with running_broker() as broker, client(broker, WATCH) as hub, client(broker, GATE) as gate:
        await hub.subscribe(FRAME, qos=1)
        for number in range(20):
            await gate.publish(FRAME, PICTURE + bytes([number]), qos=1)
        arrived = [(await next_message(hub)).payload for _ in range(20)]
        assert arrived == [PICTURE + bytes([number]) for number in range(20)]


async def test_last_message_before_the_goodbye_arrives() -> None:
    async with running_broker() as broker, client(broker, WATCH) as hub, bare_client(broker) as gate:
        await hub.subscribe(FRAME)
        await gate.log_in(GATE)
        await gate.send(*(publish_packet(FRAME, bytes([number])) for number in range(20)), b"\xe0\x00")
        assert [(await next_message(hub)).payload[0] for _ in range(20)] == list(range(20))


async def test_device_never_gets_a_command_that_was_sent_while_it_was_away() -> None:
    async with running_broker() as broker, client(broker, WATCH) as hub, bare_client(broker) as gate:
        await log_in_and_subscribe(gate, GATE, "photohub/gate/command", clean_session=False)
        await leave(broker, gate, left=1)
        await hub.publish("photohub/gate/command", b"stale", qos=1)
        async with bare_client(broker) as gate_again:
            assert (await gate_again.log_in(GATE, clean_session=False)).body == b"\1\0"
            await hub.publish("photohub/gate/command", b"fresh", qos=1)
            assert (await gate_again.receive()).body.endswith(b"fresh")


async def test_device_gets_no_command_again_that_it_did_not_acknowledge() -> None:
    async with running_broker() as broker, client(broker, WATCH) as hub, bare_client(broker) as gate:
        await log_in_and_subscribe(gate, GATE, "photohub/gate/command", clean_session=False)
        await hub.publish("photohub/gate/command", b"stale", qos=1)
        assert (await gate.receive()).body.endswith(b"stale")
        await leave(broker, gate, left=1)
        async with bare_client(broker) as gate_again:
            await gate_again.log_in(GATE, clean_session=False)
            await gate_again.send(b"\xc0\x00")
            assert (await gate_again.receive()).kind is Kind.PINGRESP


async def test_kept_session_loses_filters_its_account_may_no_longer_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running_broker() as broker, client(broker, WATCH) as hub, bare_client(broker) as gate:
        await log_in_and_subscribe(gate, GATE, "photohub/gate/command", clean_session=False)
        await leave(broker, gate, left=1)
        monkeypatch.setitem(PEOPLE, "gate", replace(GATE, subscribe=("photohub/gate/picture",)))
        async with bare_client(broker) as gate_again:
            await gate_again.log_in(GATE, clean_session=False)
            await hub.publish("photohub/gate/command", b"secret", qos=1)
            await gate_again.send(b"\xc0\x00")
            assert (await gate_again.receive()).kind is Kind.PINGRESP


async def test_subscriptions_that_come_and_go_disturb_no_delivery() -> None:
    async def churn(visitor: BareClient) -> None:
        for number in range(200):
            await visitor.subscribe((f"photohub/yard/{number}", 0))

    async with running_broker(messages_burst=10_000) as broker, bare_client(broker) as visitor:
        async with client(broker, WATCH) as hub, client(broker, GATE) as gate:
            await hub.subscribe("photohub/#", qos=1)
            await visitor.log_in(YARD)
            churning = asyncio.create_task(churn(visitor))
            for number in range(200):
                await gate.publish(FRAME, bytes([number]), qos=1)
            assert [(await next_message(hub)).payload[0] for _ in range(200)] == list(range(200))
            await churning


async def test_filter_nobody_uses_any_more_is_forgotten() -> None:
    async with running_broker() as broker:
        async with client(broker, YARD) as yard:
            for number in range(5):
                await yard.subscribe(f"photohub/yard/{number}/+")
                await yard.unsubscribe(f"photohub/yard/{number}/+")
            await yard.subscribe("photohub/yard/#")
            assert len(broker.core.subscriptions) == 1
        await until(lambda: not len(broker.core.subscriptions) and not broker.core.sessions)


async def test_listener_that_stopped_reading_costs_neither_memory_nor_the_others() -> None:
    yard_frame = "photohub/yard/frame"
    async with running_broker(stall_s=0.5) as broker, bare_client(broker) as stopped:
        async with client(broker, WATCH) as hub, client(broker, YARD, identifier="camera") as yard:
            stopped.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await log_in_and_subscribe(stopped, YARD, yard_frame)
            stopped.writer.transport.pause_reading()
            await hub.subscribe(yard_frame, qos=0)
            tracemalloc.start()
            for _ in range(500):
                await yard.publish(yard_frame, PICTURE, qos=1)
                assert (await next_message(hub)).payload == PICTURE
            assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
            tracemalloc.stop()
            await until(lambda: len(broker.connections()) == 2)


async def test_device_that_never_acknowledges_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "UNACKNOWLEDGED_MAX", 3)
    async with running_broker() as broker, client(broker, WATCH) as hub, bare_client(broker) as gate:
        await log_in_and_subscribe(gate, GATE, "photohub/gate/command")
        for _ in range(4):
            await hub.publish("photohub/gate/command", b"{}", qos=1)
        while await gate.receive() is not None:
            pass
        await until(lambda: len(broker.connections()) == 1)


async def test_full_backlog_drops_frames_of_quality_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "BACKLOG_MAX_BYTES", 1)
    async with running_broker() as broker, client(broker, WATCH) as hub, client(broker, YARD) as yard:
        await yard.subscribe("photohub/yard/picture", qos=1)
        connection = next(each for each in broker._by_key.values() if each.account is YARD)
        connection.outgoing.backlog_bytes = 1
        await hub.publish("photohub/yard/picture", b"late", qos=0)
        await until(lambda: connection.outgoing.dropped == 1)
        connection.outgoing.backlog_bytes = 0
        await hub.publish("photohub/yard/picture", b"new", qos=0)
        assert (await next_message(yard)).payload == b"new"


async def test_forgotten_session_is_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photohub.embedded.broker.REVALIDATE_S", 0.01)
    monkeypatch.setattr(core, "SESSION_KEEP_S", 0)
    async with running_broker() as broker:
        async with bare_client(broker) as gate:
            await gate.log_in(GATE, clean_session=False)
        await until(lambda: not broker.core.sessions)


async def test_a_topic_is_heard_while_a_connected_client_listens() -> None:
    async with running_broker() as broker:
        async with client(broker, WATCH) as hub:
            assert not broker.core.is_heard(FRAME)
            await hub.subscribe("photohub/+/frame", qos=1)
            assert broker.core.is_heard(FRAME) and not broker.core.is_heard("photohub/gate/result")
        await until(lambda: not broker.connections())
        assert not broker.core.is_heard(FRAME)


async def test_what_the_hub_retains_comes_with_each_subscription_until_it_is_taken_back() -> None:
    async with running_broker() as broker, broker.core.hub.open() as link:
        await link.publish(FRAME, b"older", retain=True)
        await link.publish(FRAME, b"newer", retain=True)
        await link.publish("photohub/gate/status", b"not kept")
        async with client(broker, WATCH) as first:
            await first.subscribe("photohub/#", qos=1)
            message = await next_message(first)
            assert (message.payload, message.retain, str(message.topic)) == (b"newer", True, FRAME)
            await link.publish(FRAME, b"", retain=True)
            told = await next_message(first)
            assert (told.payload, told.retain) == (b"", False)
        async with client(broker, WATCH, identifier="two") as second:
            await second.subscribe("photohub/#")
            await link.publish(FRAME, b"now")
            assert (await next_message(second)).payload == b"now"


async def test_a_client_has_nothing_retained() -> None:
    async with running_broker() as broker, client(broker, GATE) as gate, client(broker, WATCH) as late:
        await gate.publish(FRAME, b"kept?", qos=1, retain=True)
        await late.subscribe("photohub/#")
        await gate.publish(FRAME, b"now", qos=1)
        assert (await next_message(late)).payload == b"now"


def test_what_is_retained_is_bounded(monkeypatch) -> None:
    kept = core.Core()
    monkeypatch.setattr(core, "RETAINED_AT_MOST", 3)
    monkeypatch.setattr(core, "RETAINED_AT_MOST_BYTES", 100)
    for number in range(5):
        kept.retain(f"t/{number}", b"x" * 10)
    assert list(kept._retained) == ["t/2", "t/3", "t/4"]
    kept.retain("t/5", b"x" * 95)
    assert list(kept._retained) == ["t/5"] and kept._retained_bytes == 95
    kept.retain("t/5", b"")
    assert not kept._retained and kept._retained_bytes == 0
