"""What a client of the embedded broker can cost, whatever it sends within the rules of MQTT."""

import asyncio

from devices.protocol.mqtt.packets import Kind, pubrec
from photohub.embedded import outgoing
from photohub.embedded.broker import Account
from photohub.embedded.outgoing import Backlogs, Outgoing
from photohub.embedded.receipts import UNDER_WAY_AT_MOST
from tests.mqtt_packets import build_subscribe, build_unsubscribe
from tests.photohub.embedded.mqtt_people import GATE, YARD, bare_client, publish_packet, running_broker, until
from tests.photohub.embedded.test_hub_link import hub_at

FRAME, STATUS = "photohub/gate/frame", "photohub/gate/status"
OWN = ("photohub/yard/command", 1)


async def test_a_subscribe_of_megabytes_ends_the_connection_before_it_is_read() -> None:
    async with running_broker() as broker, bare_client(broker) as yard:
        await yard.log_in(YARD)
        await yard.send(build_subscribe(1, [OWN] * 4000)[:5000])
        assert await yard.receive() is None


async def test_a_subscription_is_told_once_while_it_waits_and_again_later() -> None:
    told, gate = [], asyncio.Event()

    async def listens(account: Account, topic_filter: str) -> None:
        await gate.wait()
        told.append(topic_filter)

    async with running_broker(on_subscribe=listens) as broker, bare_client(broker) as yard:
        await yard.log_in(YARD)
        # The first is being told, and one more waits.
        assert len(await yard.subscribe(*[OWN] * 1000)) == 1000
        assert len(await yard.subscribe(*[OWN] * 1000)) == 1000
        gate.set()
        await until(lambda: len(told) >= 1)
        await yard.subscribe(OWN)
        await until(lambda: len(told) in (2, 3) and not broker._telling)


async def test_the_end_of_a_subscription_is_told_and_that_of_none_is_not() -> None:
    told: list[str] = []

    async def listens(account: Account, topic_filter: str) -> None:
        told.append(topic_filter)

    async with running_broker(on_subscribe=listens) as broker, bare_client(broker) as yard:
        await yard.log_in(YARD)
        await yard.subscribe(OWN)
        await until(lambda: told == [OWN[0]])
        await yard.send(build_unsubscribe(2, [OWN[0], "photohub/nobody/command"]))
        await until(lambda: told == [OWN[0], OWN[0]])
        assert (await yard.receive()).kind == Kind.UNSUBACK and not broker.hears(YARD.username, OWN[0])
        await until(lambda: not broker._telling)
    assert told == [OWN[0], OWN[0]]


async def test_who_comes_and_goes_faster_than_it_is_told_waits_outside() -> None:
    gate = asyncio.Event()

    async def came(account: Account, client_id: str, peer: str) -> None:
        await gate.wait()

    async with running_broker(on_connect=came) as broker:
        codes = []
        for _ in range(250):
            async with bare_client(broker) as yard:
                codes.append((await yard.log_in(YARD)).body[1])
        assert codes[0] == 0 and codes[-1] == 3 and len(broker._telling) < 450
        gate.set()


async def test_wills_take_no_more_room_than_other_messages(monkeypatch) -> None:
    monkeypatch.setattr("photohub.embedded.connection.WILL_S", 0.05)
    async with running_broker() as broker, hub_at(broker):
        for number in range(UNDER_WAY_AT_MOST + 8):
            async with bare_client(broker) as gate:
                await gate.log_in(GATE, client_id=f"c{number}", will_topic=STATUS, will_payload=b"offline")
            await until(lambda: not broker._connections)
        assert len(broker.core.hub._waiting) == UNDER_WAY_AT_MOST


async def test_other_bytes_under_an_id_that_was_never_released_are_another_message() -> None:
    async with running_broker() as broker, hub_at(broker) as (_, heard):
        for payload in (b"before the restart", b"behind it"):
            async with bare_client(broker) as gate:
                await gate.log_in(GATE, clean_session=False)
                await gate.send(publish_packet(FRAME, payload, packet_id=1, flags=4))
                message = await heard()
                message.ack()
                assert message.payload == payload and (await gate.receive()).raw == pubrec(1)


async def test_slow_readers_share_a_large_message_and_one_bound(monkeypatch) -> None:
    monkeypatch.setattr(outgoing, "BACKLOGS_MAX_BYTES", 250_000)
    ended, backlogs, payload = [], Backlogs(), bytes(100_000)
    clients = [Outgoing(ended.append, backlogs) for _ in range(4)]
    for each in clients:
        each.deliver("a", payload, 0)
    assert [each.dropped for each in clients] == [0, 0, 0, 0] and (
        await clients[0].next(),
        await clients[0].next(),
    )[1] is payload
    for each in clients:
        each.deliver("a", payload, 0)
    assert [each.dropped for each in clients] == [1, 1, 1, 1] and not ended
    for each in clients:
        each.drop()
    assert backlogs.size_bytes == 0
