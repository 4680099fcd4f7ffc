"""The embedded broker as the rest of PhotoHub uses it: start, stop, presence, throwing out."""

import asyncio
from dataclasses import replace

import pytest

from devices.protocol.mqtt.packets import Connect
from photohub.embedded import broker as broker_module
from photohub.embedded.broker import Account, EmbeddedBroker, PortTaken
from photohub.lib.pages.sentences import Said
from tests.photohub.embedded.mqtt_people import (
    GATE,
    WATCH,
    YARD,
    bare_client,
    client,
    kick,
    know_people,
    publish_packet,
    running_broker,
    until,
)


class Diary:
    """Notes what the broker tells."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, ...]] = []
        self.callbacks = {"on_connect": self.came, "on_disconnect": self.went, "on_subscribe": self.listens}

    async def came(self, account: Account, client_id: str, peer: str) -> None:
        self.lines.append(("came", account.username, client_id, peer))

    async def went(self, account: Account, client_id: str, reason: Said) -> None:
        self.lines.append(("went", account.username, client_id, str(reason)))

    async def listens(self, account: Account, topic_filter: str) -> None:
        self.lines.append(("listens", account.username, topic_filter))


async def test_taken_port_is_named() -> None:
    async with running_broker() as first:
        second = EmbeddedBroker(know_people, host="127.0.0.1", port=first.port)
        with pytest.raises(PortTaken, match=f"port {first.port} on 127.0.0.1 is in use"):
            await second.start()


async def test_broker_can_be_started_again_on_its_port() -> None:
    async with running_broker() as first:
        port = first.port
        async with client(first, GATE):
            pass
    second = EmbeddedBroker(know_people, host="127.0.0.1", port=port)
    await second.start()
    assert second.sockets[0].getsockname() == ("127.0.0.1", port)
    await second.stop()


async def test_presence_is_told_in_order() -> None:
    diary = Diary()
    async with running_broker(**diary.callbacks) as broker:
        async with client(broker, GATE) as gate:
            await gate.subscribe("photohub/gate/command", qos=1)
        await until(lambda: len(diary.lines) == 3)
    assert diary.lines == [
        ("came", "gate", "one", "127.0.0.1"),
        ("listens", "gate", "photohub/gate/command"),
        ("went", "gate", "one", "the device ended it"),
    ]


async def test_only_the_last_connection_of_an_account_counts_as_leaving() -> None:
    diary = Diary()
    async with running_broker(**diary.callbacks) as broker:
        async with client(broker, GATE, identifier="second"):
            async with client(broker, GATE, identifier="first"):
                pass
            await until(lambda: len(broker.connections()) == 1)
        await until(lambda: len(diary.lines) == 3)
    assert [line[2] for line in diary.lines if line[0] == "went"] == ["second"]


async def test_takeover_is_not_a_disconnect() -> None:
    diary = Diary()
    async with running_broker(**diary.callbacks) as broker, bare_client(broker) as old:
        await old.log_in(GATE)
        async with bare_client(broker) as new:
            await new.log_in(GATE)
            assert await old.receive() is None
            await until(lambda: len(diary.lines) == 2)
            assert {line[0] for line in diary.lines} == {"came"}


async def test_device_that_returns_while_its_leaving_is_told_ends_as_present() -> None:
    diary, told = Diary(), asyncio.Event()

    async def slow_went(*what: object) -> None:
        await told.wait()
        await diary.went(*what)

    async with running_broker(**diary.callbacks | {"on_disconnect": slow_went}) as broker:
        async with client(broker, GATE):
            pass
        await until(lambda: not broker.connections())
        async with client(broker, GATE):
            told.set()
            await until(lambda: len(diary.lines) == 3)
    assert [line[0] for line in diary.lines[:3]] == ["came", "went", "came"]


async def test_refused_subscription_is_not_told() -> None:
    diary = Diary()
    async with running_broker(**diary.callbacks) as broker, bare_client(broker) as gate:
        await gate.log_in(GATE)
        await gate.subscribe(("photohub/yard/command", 1))
        await gate.subscribe(("photohub/gate/command", 1))
        await until(lambda: len(diary.lines) == 2)
        assert diary.lines[1] == ("listens", "gate", "photohub/gate/command")


async def test_subscription_of_a_kept_session_is_told_again_at_its_return() -> None:
    diary = Diary()
    async with running_broker(**diary.callbacks) as broker:
        async with bare_client(broker) as gate:
            await gate.log_in(GATE, clean_session=False)
            await gate.subscribe(("photohub/gate/command", 1))
        await until(lambda: len(diary.lines) == 3)
        async with bare_client(broker) as gate:
            await gate.log_in(GATE, clean_session=False)
            await until(lambda: diary.lines[-1] == ("listens", "gate", "photohub/gate/command"))


async def test_failing_callback_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(*_: object) -> None:
        raise LookupError("no such row")

    async with running_broker(on_connect=fail, on_subscribe=fail) as broker, client(broker, GATE) as gate:
        await gate.subscribe("photohub/gate/command", qos=1)
        await gate.publish("photohub/gate/frame", b"picture", qos=1)
    assert "no such row" in caplog.text


async def test_kick_ends_all_connections_of_an_account_and_no_other() -> None:
    async with running_broker() as broker, bare_client(broker) as one, bare_client(broker) as two:
        await one.log_in(GATE, client_id="one")
        await two.log_in(GATE, client_id="two")
        async with client(broker, YARD) as yard:
            assert kick(broker, "gate") == 2
            assert await one.receive() is None
            assert await two.receive() is None
            await yard.publish("photohub/yard/frame", b"picture", qos=1)


async def test_account_whose_rights_were_taken_is_thrown_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "REVALIDATE_S", 0.02)
    asked: list[list[Account]] = []

    async def revalidate(accounts: list[Account]) -> set[Account]:
        asked.append(accounts)
        return {GATE}

    async with running_broker(revalidate=revalidate) as broker, bare_client(broker) as gate:
        async with client(broker, YARD):
            await gate.log_in(GATE)
            assert await gate.receive() is None
            assert any(set(accounts) == {GATE, YARD} for accounts in asked)
            assert [info.username for info in broker.connections()] == ["yard"]


async def test_each_key_of_an_account_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "REVALIDATE_S", 0.02)

    async def authenticate(connect: Connect, peer: str) -> Account:
        return replace(GATE, subject=connect.password)

    async def revalidate(accounts: list[Account]) -> list[Account]:
        return [account for account in accounts if account.subject == b"revoked"]

    async with running_broker(authenticate=authenticate, revalidate=revalidate) as broker:
        async with bare_client(broker) as revoked, bare_client(broker) as valid:
            await valid.log_in(GATE, client_id="new")
            await revoked.log_in(GATE, client_id="old", password=b"revoked")
            assert await revoked.receive() is None
            assert [info.client_id for info in broker.connections()] == ["new"]


async def test_failing_revalidation_throws_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "REVALIDATE_S", 0.01)
    asked = asyncio.Event()

    async def revalidate(accounts: list[Account]) -> set[Account]:
        asked.set()
        raise ConnectionError("no database")

    async with running_broker(revalidate=revalidate) as broker, client(broker, GATE) as gate:
        await asyncio.wait_for(asked.wait(), 5)
        await gate.publish("photohub/gate/frame", b"picture", qos=1)


async def test_connections_show_who_is_there() -> None:
    async with running_broker() as broker, bare_client(broker) as gate:
        await gate.log_in(GATE)
        await gate.send(publish_packet("photohub/gate/frame", packet_id=1))
        await gate.receive()
        await until(lambda: broker.connections()[0].packets_out == 2)
        info = broker.connections()[0]
        assert (info.username, info.kind, info.client_id) == ("gate", "device", "one")
        assert (info.peer, info.packets_in, info.denied) == ("127.0.0.1", 1, 0)


async def test_ninth_connection_of_an_account_gets_connack_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "CONNECTIONS_PER_ACCOUNT", 1)
    async with running_broker() as broker, bare_client(broker) as one, bare_client(broker) as two:
        assert (await one.log_in(GATE, client_id="one")).body == b"\0\0"
        assert (await two.log_in(GATE, client_id="two")).body == b"\0\3"
        async with bare_client(broker) as one_again:
            assert (await one_again.log_in(GATE, client_id="one")).body == b"\0\0"


async def test_connection_above_the_total_gets_connack_3() -> None:
    async with running_broker(max_connections=1) as broker, client(broker, GATE):
        async with bare_client(broker) as late:
            assert (await late.receive()).body == b"\0\3"
            assert await late.receive() is None


async def test_oldest_of_too_many_kept_sessions_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "KEPT_SESSIONS_PER_ACCOUNT", 2)
    async with running_broker() as broker:
        for name in ("one", "two", "three"):
            async with bare_client(broker) as gate:
                await gate.log_in(GATE, client_id=name, clean_session=False)
            await until(lambda: not broker.connections())
        assert len(broker.core.sessions) == 2
        assert "gate/three" in broker.core.sessions


async def test_stop_ends_the_clients_and_tells_so() -> None:
    diary = Diary()
    async with running_broker(**diary.callbacks) as broker, bare_client(broker) as gate:
        await gate.log_in(GATE)
        await broker.stop()
        assert await gate.receive() is None
        assert diary.lines[-1] == ("went", "gate", "one", "the hub stopped")


async def test_stop_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    async with running_broker() as broker, bare_client(broker) as hub, bare_client(broker) as gate:
        await hub.log_in(WATCH, clean_session=False)
        await hub.subscribe(("photohub/#", 1))
        await gate.log_in(GATE, will_topic="photohub/gate/status", will_payload=b"offline", will_qos=1)
        await gate.send(publish_packet("photohub/gate/frame", packet_id=1))
        await gate.receive()
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
