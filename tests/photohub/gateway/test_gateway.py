"""What the gateway sends, and when."""

import asyncio
import contextlib
import threading
from types import SimpleNamespace

import aiomqtt
import pytest
from asgiref.sync import sync_to_async

from devices import mqtt_routes as devices_routes
from devices.commands import queue as commands
from devices.firmware.endpoints.aliyun import Push
from devices.mqtt.client import UNDER_WAY_AT_MOST, Address, MqttDown
from devices.protocol.pictures.chunked_upload import Answer
from photohub.gateway import gateway
from tests.brokers import running_mosquitto
from tests.builders import make_device
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mosquitto(tmp_path):
    with running_mosquitto(tmp_path) as address:
        yield address


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
    broker, intake = Broker(), SimpleNamespace(frame_intake=None)
    sending = asyncio.create_task(gateway.Gateway(None, intake, lambda _device, _topic: True)._send(broker))
    async with asyncio.timeout(20):
        await broker.took(count)
    sending.cancel()
    assert len(broker.topics) == len(set(broker.topics)) == count


async def test_an_order_that_nobody_announced_is_found_by_its_commit(monkeypatch):
    monkeypatch.setattr(gateway, "_LOOK_EVERY_S", 0.005)
    monkeypatch.setattr(commands.notify, "send_after_commit", lambda *_said: None)
    broker, intake, looks = Broker(), SimpleNamespace(frame_intake=None), asyncio.Semaphore(0)
    watched = gateway.Gateway(None, intake, lambda _device, _topic: True)
    is_due = watched._sends.is_due
    monkeypatch.setattr(watched._sends, "is_due", lambda: looks.release() or is_due())
    claim, claims = watched._claim_commands, []
    monkeypatch.setattr(watched, "_claim_commands", lambda: claims.append(1) or claim())
    sending = asyncio.create_task(watched._send(broker))
    async with asyncio.timeout(20):
        for _ in range(20):
            await looks.acquire()
        before = len(claims)
        for _ in range(20):
            await looks.acquire()
        assert len(claims) == before
        await sync_to_async(lambda: commands.capture(make_device("porch")))()
        await broker.took(1)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


async def test_offers_are_noted_together_but_for_those_that_the_broker_did_not_take(monkeypatch):
    noted: list[list[int]] = []
    monkeypatch.setattr(gateway.aliyun, "note_said", lambda some: noted.append([p.target_pk for p in some]))

    async def publish(topic: str, _payload: bytes) -> None:
        if topic == "b":
            raise MqttDown("away")

    offers = [Push(Answer(topic, b""), number, None) for number, topic in enumerate("abc")]
    sender = gateway.Gateway(None, SimpleNamespace(frame_intake=None))
    with pytest.raises(MqttDown):
        await sender._send_offers(SimpleNamespace(publish=publish), offers)
    assert noted == [[0, 2]]


async def test_a_fault_while_listeners_are_noted_ends_no_connection(monkeypatch, caplog):
    monkeypatch.setattr(gateway, "_LISTENERS_EVERY_S", 0.0)
    noting, tried = (
        gateway.Gateway(None, SimpleNamespace(frame_intake=None), lambda *_: True),
        asyncio.Semaphore(0),
    )

    async def fail(*_args) -> None:
        tried.release()
        raise ValueError("a fault of ours")

    monkeypatch.setattr(gateway, "in_thread", fail)
    monkeypatch.setattr(noting._listeners, "wait", lambda *_args: asyncio.sleep(0))
    task = asyncio.create_task(noting._note_listeners())
    async with asyncio.timeout(10):
        for _ in range(3):
            await tried.acquire()
    assert not task.done() and "Which devices listen could not be noted" in caplog.text
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def listening(address: Address):
    """A gateway on this broker, which hears all that devices say."""
    intake = SimpleNamespace(frame_intake=None, run=asyncio.Event().wait)
    running = gateway.Gateway(address, intake, lambda _device, _topic: True)
    task = asyncio.create_task(running.run())
    async with asyncio.timeout(60):
        await running.listening.wait()
        yield running
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def say(address: Address, topic: str, *payloads: bytes) -> None:
    async with aiomqtt.Client(address.host, address.port) as device:
        for payload in payloads:
            await device.publish(topic, payload, qos=1)


async def heard(device) -> None:
    async with asyncio.timeout(20):
        while device.last_seen_at is None:
            await device.arefresh_from_db()


@pytest.mark.parametrize(
    "payload", [b"[" * 1500, b"\0" * 99, b'{"battery_mv":1e999,"firmware_version":"\\u0000\\ud800"}']
)
async def test_no_bytes_of_a_device_keep_anothers_message_from_being_handled(mosquitto, payload):
    _bad, good = [await sync_to_async(make_device)(code) for code in ("bad", "good")]
    async with listening(mosquitto) as running:
        await say(mosquitto, "photohub/bad/telemetry", *[payload] * (UNDER_WAY_AT_MOST + 5))
        await say(mosquitto, "photohub/good/telemetry", b"{}")
        await heard(good)
        assert running._inbox.counters["failed"] == 0


async def test_what_waits_of_one_device_leaves_places_for_the_others(mosquitto, monkeypatch):
    slow, good = [await sync_to_async(make_device)(code) for code in ("slow", "good")]
    hear, free = devices_routes.telemetry, threading.Event()

    def wait_for_slow(sender, payload: bytes) -> None:
        assert sender.device != slow or free.wait(60)
        hear(sender, payload)

    monkeypatch.setitem(devices_routes.CHANNELS, "telemetry", wait_for_slow)
    async with listening(mosquitto) as running:
        await say(mosquitto, "photohub/slow/telemetry", *[b"{}"] * (UNDER_WAY_AT_MOST - 50))
        await say(mosquitto, "photohub/good/telemetry", b"{}")
        try:
            await heard(good)
            await until(lambda: running._inbox.counters["handled"] == 1, 10)
        finally:
            free.set()
        await until(lambda: running._inbox.counters["handled"] == UNDER_WAY_AT_MOST - 49, 60)


async def test_a_fault_of_the_hubs_for_every_message_of_a_device_keeps_nobody_else_waiting(
    mosquitto, monkeypatch
):
    bad, good = [await sync_to_async(make_device)(code) for code in ("bad", "good")]
    hear = devices_routes.telemetry

    def stumble(sender, payload: bytes) -> None:
        hear(sender, {}[payload] if sender.device == bad else payload)

    monkeypatch.setitem(devices_routes.CHANNELS, "telemetry", stumble)
    async with listening(mosquitto) as running:
        await say(mosquitto, "photohub/bad/telemetry", *[b"{}"] * (UNDER_WAY_AT_MOST + 30))
        await say(mosquitto, "photohub/good/telemetry", b"{}")
        await heard(good)
        # More than the broker lets be on their way: none keeps its place there.
        await until(lambda: running._inbox.counters["failed"] >= UNDER_WAY_AT_MOST + 30, 60)


async def test_links_that_come_close_behind_others_wait_for_each_other_but_keep_no_command_waiting(
    monkeypatch,
):
    monkeypatch.setattr(gateway, "_LOOK_EVERY_S", 3600.0)
    monkeypatch.setattr(gateway, "_LINKS_APART_S", 1800.0)
    looks: asyncio.Queue[bool] = asyncio.Queue()
    sender = gateway.Gateway(None, SimpleNamespace(frame_intake=None), lambda _device, _topic: True)

    async def look(_link, only_links: bool) -> None:
        looks.put_nowait(only_links)

    monkeypatch.setattr(sender, "_send_what_is_due", look)
    sending = asyncio.create_task(sender._send(None))
    assert await looks.get() is False
    monkeypatch.setattr(gateway, "_LINKS_APART_S", 0.0)
    sender._take_notice({"type": "gateway.publish"})
    assert await looks.get() is True
    monkeypatch.setattr(gateway, "_LINKS_APART_S", 1800.0)
    sender._take_notice({"type": "gateway.publish"})
    await asyncio.sleep(0)
    sender._take_notice({"type": "gateway.publish"})
    for _ in range(5):
        await asyncio.sleep(0)
    assert looks.empty()
    sender._take_notice({"type": "gateway.command"})
    assert await looks.get() is False
    sending.cancel()
