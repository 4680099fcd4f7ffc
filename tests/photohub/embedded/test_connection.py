"""What a client may do to the embedded broker, and what it may not."""

import asyncio
import time
from dataclasses import replace

import aiomqtt
import pytest

from devices.protocol.mqtt.packets import ConnackCode, Connect, Kind, build_packet, puback
from photohub.embedded import connection
from photohub.embedded.broker import Account
from photohub.embedded.outgoing import UNACKNOWLEDGED_MAX
from tests.photohub.embedded.mqtt_people import (
    GATE,
    WATCH,
    YARD,
    bare_client,
    client,
    connect_packet,
    next_message,
    publish_packet,
    running_broker,
    until,
)

PING = b"\xc0\x00"


async def test_silent_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_PACKET_S", 0.05)
    async with running_broker() as broker, bare_client(broker) as silent:
        assert await silent.receive() is None


async def test_first_packet_must_be_connect() -> None:
    async with running_broker() as broker, bare_client(broker) as stranger:
        await stranger.send(PING)
        assert await stranger.receive() is None


async def test_connect_of_70_kb_is_closed_without_asking_who_it_is() -> None:
    asked: list[Connect] = []

    async def authenticate(connect: Connect, peer: str) -> None:
        asked.append(connect)

    async with running_broker(authenticate=authenticate) as broker, bare_client(broker) as stranger:
        will = {"will_topic": "t", "will_payload": b"x" * 65000}
        await stranger.send(connect_packet(GATE, client_id="c" * 6000, **will))
        assert await stranger.receive() is None
        assert not asked


async def test_wrong_password_gets_connack_4_and_is_disconnected() -> None:
    async with running_broker() as broker, bare_client(broker) as stranger:
        answer = await stranger.log_in(GATE, password=b"guess")
        assert answer.body == bytes([0, ConnackCode.BAD_LOGIN])
        assert await stranger.receive() is None


async def test_mqtt_5_gets_connack_1() -> None:
    async with running_broker() as broker, bare_client(broker) as modern:
        answer = await modern.log_in(GATE, level=5)
        assert answer.body == bytes([0, ConnackCode.BAD_VERSION])


async def test_mqtt_3_1_is_served() -> None:
    async with running_broker() as broker, bare_client(broker) as old:
        answer = await old.log_in(GATE, protocol="MQIsdp", level=3)
        assert answer.body == bytes([0, ConnackCode.ACCEPTED])


async def test_login_that_cannot_be_checked_gets_connack_3() -> None:
    async def authenticate(connect: Connect, peer: str) -> Account:
        raise ConnectionError("no database")

    async with running_broker(authenticate=authenticate) as broker, bare_client(broker) as gate:
        answer = await gate.log_in(GATE)
        assert answer.body == bytes([0, ConnackCode.UNAVAILABLE])


async def test_will_on_a_foreign_topic_gets_connack_5() -> None:
    async with running_broker() as broker, bare_client(broker) as gate:
        answer = await gate.log_in(GATE, will_topic="photohub/yard/status", will_payload=b"offline")
        assert answer.body == bytes([0, ConnackCode.NOT_AUTHORISED])


async def test_kept_session_needs_a_client_id() -> None:
    async with running_broker() as broker, bare_client(broker) as gate:
        answer = await gate.log_in(GATE, client_id="", clean_session=False)
        assert answer.body == bytes([0, ConnackCode.BAD_CLIENT_ID])


async def test_clean_session_without_a_client_id_is_welcome() -> None:
    async with running_broker() as broker, bare_client(broker) as gate:
        assert (await gate.log_in(GATE, client_id="")).body == b"\0\0"
        assert broker.connections()[0].client_id.startswith("anonymous-")


async def test_account_name_with_a_slash_is_refused() -> None:
    async def authenticate(connect: Connect, peer: str) -> Account:
        return replace(GATE, username="gate/one")

    async with running_broker(authenticate=authenticate) as broker, bare_client(broker) as gate:
        assert (await gate.log_in(GATE)).body == bytes([0, ConnackCode.NOT_AUTHORISED])


@pytest.mark.parametrize("intruder", [{"password": b"guess"}, {"username": "yard"}])
async def test_nobody_wipes_another_accounts_session(intruder: dict[str, object]) -> None:
    async with running_broker() as broker:
        async with bare_client(broker) as gate:
            await gate.log_in(GATE, clean_session=False)
        await until(lambda: not broker.connections())
        async with bare_client(broker) as stranger:
            await stranger.log_in(GATE, clean_session=True, **intruder)
        async with bare_client(broker) as gate:
            assert (await gate.log_in(GATE, clean_session=False)).body == b"\1\0"


async def test_second_connection_of_a_client_id_takes_over() -> None:
    async with running_broker() as broker, bare_client(broker) as first, bare_client(broker) as second:
        await first.log_in(GATE)
        await second.log_in(GATE)
        assert await first.receive() is None
        await second.send(PING)
        assert (await second.receive()).kind is Kind.PINGRESP


async def test_same_client_id_of_another_account_takes_nothing_over() -> None:
    async with running_broker() as broker, bare_client(broker) as gate, bare_client(broker) as yard:
        await gate.log_in(GATE)
        await yard.log_in(YARD)
        await gate.send(PING)
        assert (await gate.receive()).kind is Kind.PINGRESP


async def test_retained_publish_reaches_listeners_unretained_and_is_kept_for_nobody() -> None:
    async with running_broker() as broker, bare_client(broker) as gate, client(broker, WATCH) as hub:
        await hub.subscribe("photohub/gate/frame")
        await gate.log_in(GATE)
        await gate.send(publish_packet("photohub/gate/frame", b"old", flags=1))
        assert (await next_message(hub)).retain is False
        await hub.subscribe("photohub/+/frame", qos=1)
        await gate.send(publish_packet("photohub/gate/frame", b"new"))
        assert (await next_message(hub)).payload == b"new"


async def test_retained_will_is_kept_for_nobody() -> None:
    async with running_broker() as broker:
        async with bare_client(broker) as gate:
            await gate.log_in(GATE, will_topic="photohub/gate/status", will_payload=b"off", will_retain=True)
        await until(lambda: not broker.connections())
        async with bare_client(broker) as hub:
            await hub.log_in(WATCH)
            assert await hub.subscribe(("photohub/#", 1)) == [1]
            await hub.send(PING)
            assert (await hub.receive()).kind is Kind.PINGRESP


async def test_dollar_publish_is_dropped_and_the_connection_goes_on() -> None:
    everything = replace(YARD, publish=("#", "$SYS/#"))

    async def authenticate(connect: Connect, peer: str) -> Account:
        return everything

    async with running_broker(authenticate=authenticate) as broker, bare_client(broker) as yard:
        await yard.log_in(YARD)
        await yard.send(publish_packet("$SYS/broker", packet_id=5), PING)
        assert (await yard.receive()).raw == puback(5)
        assert (await yard.receive()).kind is Kind.PINGRESP
        assert broker.denied("yard") == 1


async def test_foreign_publish_is_acknowledged_counted_and_goes_nowhere() -> None:
    async with running_broker() as broker, bare_client(broker) as gate, client(broker, WATCH) as hub:
        await hub.subscribe("photohub/#")
        await gate.log_in(GATE)
        await gate.send(publish_packet("photohub/yard/frame", packet_id=1))
        assert (await gate.receive()).raw == puback(1)
        await gate.send(publish_packet("photohub/gate/frame", b"mine"))
        assert (await next_message(hub)).payload == b"mine"
        assert broker.connections()[1].denied == 1


class Told:
    """What the project is told of a client that asks for what it may not."""

    def __init__(self) -> None:
        self.refused: list[tuple[str, str, dict]] = []
        self.well: list[str] = []
        self.hooks = {"on_refused": self._refused, "on_well": self._well}

    async def _refused(self, account: Account, word: str, values: dict[str, str]) -> None:
        self.refused.append((account.username, word, values))

    async def _well(self, account: Account) -> None:
        self.well.append(account.username)


async def test_the_project_is_told_once_a_connection_of_topics_that_are_not_the_clients(monkeypatch) -> None:
    monkeypatch.setattr("photohub.embedded.broker.REVALIDATE_S", 0.02)
    monkeypatch.setattr("photohub.embedded.broker.WELL_AFTER_S", 0.0)
    told = Told()
    async with (
        running_broker(**told.hooks) as broker,
        bare_client(broker) as gate,
        bare_client(broker) as yard,
    ):
        await gate.log_in(GATE)
        for _ in range(2):
            assert await gate.subscribe(("photohub/yard/command", 1)) == [128]
        await yard.log_in(YARD)
        await until(lambda: told.well)
    assert told.refused == [("gate", "topic_refused", {"topic": "photohub/yard/command"})]
    assert told.well == ["yard"]


async def test_the_project_is_told_why_the_broker_ended_a_connection() -> None:
    told = Told()
    async with running_broker(max_packet_bytes=1000, **told.hooks) as broker, bare_client(broker) as gate:
        await gate.log_in(GATE)
        await gate.send(publish_packet("photohub/gate/frame", bytes(2000), packet_id=1))
        await until(lambda: told.refused)
    ((name, word, values),) = told.refused
    assert (name, word) == ("gate", "mqtt_refused") and "the limit is 1000 bytes" in str(values["detail"])


@pytest.mark.parametrize(
    ("will", "most", "why"),
    [("photohub/yard/status", 9, "may not leave a will"), ("", 0, "has 0 connections already")],
)
async def test_the_project_is_told_why_a_login_was_turned_away(monkeypatch, will, most, why) -> None:
    monkeypatch.setattr("photohub.embedded.broker.CONNECTIONS_PER_ACCOUNT", most)
    told = Told()
    async with running_broker(**told.hooks) as broker, bare_client(broker) as gate:
        await gate.send(connect_packet(GATE, will_topic=will or None))
        await until(lambda: told.refused)
    ((name, word, values),) = told.refused
    assert (name, word) == ("gate", "mqtt_refused") and why in str(values["detail"])


async def test_the_project_is_told_of_a_client_that_acknowledges_nothing() -> None:
    told = Told()
    async with running_broker(**told.hooks) as broker, bare_client(broker) as gate:
        await gate.log_in(GATE)
        (connection,) = broker._by_key.values()
        connection.outgoing._unacknowledged.update(range(1, UNACKNOWLEDGED_MAX + 1))
        connection.outgoing.deliver("photohub/gate/command", b"", 1)
        await until(lambda: told.refused)
        assert await gate.receive() is None
    assert str(told.refused[0][2]["detail"]) == "it does not acknowledge"


async def test_the_project_is_told_how_many_connections_were_turned_away(monkeypatch) -> None:
    monkeypatch.setattr("photohub.embedded.broker.REVALIDATE_S", 0.02)
    told: list[tuple[int, int]] = []

    async def crowd(*facts: int) -> None:
        told.append(facts)

    async with running_broker(max_connections=0, on_crowd=crowd) as broker, bare_client(broker) as gate:
        assert await gate.receive()
        await until(lambda: (1, 0) in told)


async def test_denials_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    async with running_broker() as broker, bare_client(broker) as gate:
        await gate.log_in(GATE)
        for packet_id in (1, 2, 3):
            await gate.send(publish_packet("photohub/yard/frame", packet_id=packet_id))
            await gate.receive()
        assert caplog.text.count("no right to") == 1


async def test_publish_to_a_wildcard_closes() -> None:
    async with running_broker() as broker, bare_client(broker) as yard:
        await yard.log_in(YARD)
        await yard.send(publish_packet("photohub/yard/#"))
        assert await yard.receive() is None


async def test_second_connect_closes() -> None:
    async with running_broker() as broker, bare_client(broker) as gate:
        await gate.log_in(GATE)
        await gate.send(connect_packet(GATE))
        assert await gate.receive() is None


async def test_suback_keeps_the_order_of_the_request() -> None:
    async with running_broker() as broker, bare_client(broker) as gate:
        await gate.log_in(GATE)
        wishes = [("photohub/yard/command", 1), ("photohub/gate/command", 1), ("#", 0)]
        assert await gate.subscribe(*wishes) == [0x80, 1, 0x80]


@pytest.mark.parametrize(
    "wish", ["#", "+/+/+", "$SYS/#", "$share/g/photohub/yard/x", "photohub/+/frame", "a#"]
)
async def test_filter_beyond_the_account_is_refused(wish: str) -> None:
    async with running_broker() as broker, bare_client(broker) as yard:
        await yard.log_in(YARD)
        assert await yard.subscribe((wish, 1)) == [0x80]


async def test_qos_2_subscription_is_granted_as_1() -> None:
    async with running_broker() as broker, bare_client(broker) as gate:
        await gate.log_in(GATE)
        assert await gate.subscribe(("photohub/gate/command", 2)) == [1]


async def test_subscriptions_of_one_client_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SUBSCRIPTIONS_MAX", 2)
    async with running_broker() as broker, bare_client(broker) as yard:
        await yard.log_in(YARD)
        wishes = [(f"photohub/yard/{number}", 0) for number in range(3)]
        assert await yard.subscribe(*wishes) == [0, 0, 0x80]


async def test_packet_above_the_limit_closes_before_its_body() -> None:
    async with running_broker(max_packet_bytes=2**20) as broker, bare_client(broker) as gate:
        await gate.log_in(GATE)
        await gate.send(build_packet(Kind.PUBLISH, 0, bytes(2**20))[:5])
        assert await gate.receive() is None


async def test_packets_may_come_byte_by_byte() -> None:
    async with running_broker() as broker, bare_client(broker) as gate:
        for byte in connect_packet(GATE) + publish_packet("photohub/gate/frame", packet_id=1):
            await gate.send(bytes([byte]))
            await asyncio.sleep(0)
        assert [(await gate.receive()).kind for _ in range(2)] == [Kind.CONNACK, Kind.PUBACK]


async def test_packets_may_come_glued_to_the_connect() -> None:
    async with running_broker() as broker, bare_client(broker) as gate:
        await gate.send(connect_packet(GATE), publish_packet("photohub/gate/frame", packet_id=1), PING)
        kinds = [(await gate.receive()).kind for _ in range(3)]
        assert kinds == [Kind.CONNACK, Kind.PUBACK, Kind.PINGRESP]


async def test_client_silent_for_its_keepalive_and_a_half_is_gone_with_its_will() -> None:
    async with running_broker() as broker, client(broker, WATCH) as hub, bare_client(broker) as gate:
        await hub.subscribe("photohub/gate/status")
        began = time.monotonic()
        await gate.log_in(GATE, keepalive_s=1, will_topic="photohub/gate/status", will_payload=b"offline")
        assert (await next_message(hub)).payload == b"offline"
        assert 1.4 < time.monotonic() - began < 10


async def test_goodbye_takes_the_will_along() -> None:
    async with running_broker() as broker, client(broker, WATCH) as hub:
        await hub.subscribe("photohub/gate/status")
        async with client(broker, GATE, will=aiomqtt.Will("photohub/gate/status", b"offline")):
            pass
        await until(lambda: len(broker.connections()) == 1)
        await hub.publish("photohub/gate/status", b"marker")
        assert (await next_message(hub)).payload == b"marker"


async def test_goodbye_glued_to_the_connect_takes_the_will_along() -> None:
    async with running_broker() as broker, client(broker, WATCH) as hub, bare_client(broker) as gate:
        await hub.subscribe("photohub/gate/status")
        will = {"will_topic": "photohub/gate/status", "will_payload": b"offline"}
        await gate.send(connect_packet(GATE, **will), b"\xe0\x00")
        while await gate.receive() is not None:
            pass
        await hub.publish("photohub/gate/status", b"marker")
        assert (await next_message(hub)).payload == b"marker"


async def test_fast_publisher_is_slowed_not_cut() -> None:
    async with running_broker(messages_per_s=50, messages_burst=5) as broker, client(broker, GATE) as gate:
        began = time.monotonic()
        for _ in range(15):
            await gate.publish("photohub/gate/frame", b"picture", qos=1)
        assert time.monotonic() - began > 0.15
