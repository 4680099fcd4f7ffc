import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager

import aiomqtt
import pytest

from devices.mqtt import client as mqtt
from devices.mqtt.client import Address, Incoming, connect
from tests.brokers import running_mosquitto
from tests.waiting import until


@pytest.fixture
def mosquitto(tmp_path) -> Iterator[Address]:
    with running_mosquitto(tmp_path) as address:
        yield address


async def next_message(address: Address, *, to_be_sent: bytes = b"") -> Incoming:
    async with connect(address) as link, asyncio.timeout(10):
        if to_be_sent:
            await link.subscribe(["photohub/porch/frame"])
            async with aiomqtt.Client(address.host, address.port) as camera:
                await camera.publish("photohub/porch/frame", to_be_sent, qos=1)
        return await anext(aiter(link.messages()))


async def test_what_was_not_acknowledged_comes_again_and_says_so(mosquitto):
    first = await next_message(mosquitto, to_be_sent=b"picture")
    second = await next_message(mosquitto)
    assert (first.payload, first.repeated) == (b"picture", False)
    assert (second.payload, second.repeated) == (b"picture", True)


async def test_what_the_hub_says_on_a_devices_topic_is_not_heard_as_the_devices_word(mosquitto):
    topic = "photohub/porch/result"
    async with connect(mosquitto) as link, asyncio.timeout(10):
        await link.subscribe([topic])
        await link.publish_unheard(topic, b"the hub's")
        async with aiomqtt.Client(mosquitto.host, mosquitto.port) as camera:
            await camera.publish(topic, b"the camera's", qos=1)
            await camera.publish(topic, b"the hub's", qos=1)
        messages = aiter(link.messages())
        heard = [await anext(messages), await anext(messages)]
    assert [message.payload for message in heard] == [b"the camera's", b"the hub's"]


class AnsweredLater:
    """Waits for the broker's answer as aiomqtt does."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()

    async def publish(self, *args, **options) -> None:
        await asyncio.wait_for(self.answered.wait(), options["timeout"])


@pytest.mark.parametrize("turns", range(5))
async def test_a_cancellation_is_kept_when_the_broker_answers_in_the_same_moment(turns):
    client = AnsweredLater()
    link = mqtt.Link(client, Address("localhost", 1883))

    async def publish_for_ever() -> None:
        while True:
            await link.publish("photohub/porch/picture", b"")
            client.answered.clear()

    task = asyncio.create_task(publish_for_ever())
    await asyncio.sleep(0.01)
    client.answered.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    done, _pending = await asyncio.wait({task}, timeout=1)
    task.cancel()
    assert done and task.cancelled()


async def test_the_connection_is_made_again_after_a_session_of_several_tasks_has_lost_it(mosquitto):
    sessions: list[int] = []
    again = asyncio.Event()

    async def lose_it() -> None:
        await asyncio.sleep(0)
        raise mqtt.MqttDown("gone")

    async def session(link: mqtt.Link) -> None:
        sessions.append(len(sessions))
        await link.subscribe(["photohub/porch/result"])
        if len(sessions) > 1:
            again.set()
            await asyncio.Event().wait()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(lose_it())
        except* mqtt.MqttDown as broken:
            raise broken.exceptions[0] from None

    async def tell(ok: bool, sentence: str) -> None:
        pass

    task = asyncio.create_task(mqtt.keep_connected(mosquitto, session, tell))
    waiting = asyncio.create_task(again.wait())
    await asyncio.wait({task, waiting}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    assert sessions == [0, 1] and not task.done()
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()


class Enough(Exception):
    pass


async def test_a_broker_that_is_back_after_hours_is_served_again_within_fifteen_seconds(monkeypatch):
    pauses_s = []

    @asynccontextmanager
    async def connect(address):
        raise mqtt.MqttDown("refused")
        yield

    async def sleep(pause_s: float) -> None:
        pauses_s.append(pause_s)
        if len(pauses_s) == 30:
            raise Enough

    monkeypatch.setattr(mqtt, "connect", connect)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(Enough):
        await mqtt.keep_connected(mqtt.Address("localhost", 1883), session=None, tell=hear_nothing)
    # What is left of the time is for the connection and the session.
    assert pauses_s == sorted(pauses_s) and pauses_s[0] == 1 and pauses_s[-1] <= 10


async def hear_nothing(ok: bool, sentence: str) -> None:
    pass


async def test_of_messages_that_are_too_much_and_dropped_the_topics_are_kept(mosquitto, monkeypatch):
    monkeypatch.setattr(mqtt, "_HELD_AT_MOST_BYTES", 10)
    async with connect(mosquitto) as link:
        await link.subscribe(["photohub/porch/telemetry"])
        async with aiomqtt.Client(mosquitto.host, mosquitto.port) as camera:
            await camera.publish("photohub/porch/telemetry", b"more than ten bytes", qos=0)
            await until(lambda: link.dropped)
    assert link.dropped == {"photohub/porch/telemetry"}
