"""The panel over a real broker, with a hub of a few lines that does what `Sender` says."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiomqtt
import pytest

from devices.protocol.pictures.packets import Sender, SenderState
from simulators.panel_base import ACK_TOPIC, PICTURE_TOPIC, PanelBase, PanelConfig
from tests.simulators.fake_hub import until
from tests.simulators.mqtt_broker import mqtt_broker

PICTURE = random.Random(7).randbytes(12_345)


@dataclass
class Stage:
    """A panel on a real broker, and a client in the hub's place."""

    panel: PanelBase
    client: aiomqtt.Client

    async def push(self, picture: bytes = PICTURE, **options) -> Sender:
        """Send a picture as the gateway does and return how it went."""
        config = self.panel.config
        sender = Sender(picture, **{"ack_timeout_s": 0.1, "tries": 30, **options})
        loop, messages = asyncio.get_running_loop(), aiter(self.client.messages)
        packets = sender.start(loop.time())
        while sender.state is SenderState.SENDING:
            for packet in packets:
                await self.client.publish(config.picture_topic, packet)
            try:
                async with asyncio.timeout_at(sender.deadline_s):
                    message = await anext(messages)
                packets = sender.take_ack(bytes(message.payload), loop.time())
            except TimeoutError:
                packets = sender.tick(loop.time())
        return sender


@asynccontextmanager
async def stage(**settings: object) -> AsyncIterator[Stage]:
    async with mqtt_broker() as port, aiomqtt.Client("127.0.0.1", port) as client:
        panel = PanelBase(PanelConfig(port=port, reconnect_s=0.05, **settings))
        await client.subscribe([(panel.config.ack_topic, 0), ("photohub/+/status", 1)])
        task = asyncio.create_task(panel.run())
        try:
            await asyncio.wait_for(panel.connected.wait(), 10)
            yield Stage(panel, client)
        finally:
            await panel.stop()
            await task


async def test_a_picture_reaches_the_panel_on_the_published_topics():
    async with stage() as play:
        sender = await play.push()
    assert (play.panel.config.picture_topic, play.panel.config.ack_topic) == (PICTURE_TOPIC, ACK_TOPIC)
    assert sender.state == "delivered" and play.panel.picture == PICTURE
    assert play.panel.counters["packet"] == 9 + 2


@pytest.mark.parametrize("style", ["data", "all"])
async def test_a_panel_of_base_one(style):
    async with stage(ack_base=1, ack_style=style) as play:
        sender = await play.push(ack_base=1)
    assert sender.state == "delivered" and sender.ignored_acks == 0


@pytest.mark.parametrize("window", [1, 6])
async def test_a_bad_network_and_a_bad_board_still_get_the_picture(window):
    faults = {"lost": 0.2, "repeated": 0.1, "swapped": 0.1, "broken": 0.1, "wrong_numbers": 0.1}
    async with stage(window=window, seed=3, **faults) as play:
        sender = await play.push(window=window)
    assert sender.state == "delivered" and play.panel.picture == PICTURE
    assert sender.resent > 0 and sender.ignored_acks > 0


async def test_a_restart_in_the_middle_fails_and_the_next_picture_arrives():
    async with stage(restart_after=5) as play:
        broken = await play.push(tries=5)
        await asyncio.wait_for(play.panel.connected.wait(), 10)
        second = await play.push(PICTURE[::-1])
    assert broken.state == "failed" and play.panel.counters["restart"] == 1
    assert second.state == "delivered" and play.panel.picture == PICTURE[::-1]


async def test_a_slow_panel_gets_a_packet_again_and_counts_it_once():
    async with stage(slow_s=0.15) as play:
        sender = await play.push(PICTURE[:2000])
    assert sender.state == "delivered" and sender.resent > 0
    assert play.panel.picture == PICTURE[:2000]


async def test_a_picture_above_its_memory_is_refused():
    async with stage(max_bytes=1000) as play:
        sender = await play.push(tries=3)
    assert sender.reason == ("bad_begin", 0, 3) and play.panel.picture is None


async def test_pictures_are_kept_in_a_folder(tmp_path):
    async with stage(folder=tmp_path, code="hall", key="k") as play:
        for picture in (PICTURE, b"x"):
            await play.push(picture, filename="../../up.jpg")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {
        "hall-0001.jpg": PICTURE,
        "hall-0002.jpg": b"x",
    }


async def test_junk_on_its_topic_is_counted_and_not_answered():
    async with stage() as play:
        await play.client.publish(PICTURE_TOPIC, b"hello")
        await until(lambda: play.panel.counters["junk"])
    assert play.panel.counters["answer"] == 0


async def test_a_panel_says_when_it_comes_and_goes():
    async with stage(status_topic="photohub/hall/status", restart_after=1) as play:
        messages = aiter(play.client.messages)
        await play.client.publish(PICTURE_TOPIC, b"hello")
        heard = [await asyncio.wait_for(anext(messages), 10) for _ in range(3)]
        await play.panel.stop()
        heard.append(await asyncio.wait_for(anext(messages), 10))
    assert [message.payload for message in heard] == [b"online", b"offline", b"online", b"offline"]
