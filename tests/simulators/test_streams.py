"""The streaming boards against the real endpoints."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt
import pytest

from devices.protocol.frames.payload import PartJoiner, read_frame
from media_pipeline.streams.pull import Pull, Puller
from media_pipeline.streams.tcp import StreamClaim, StreamEndpoint
from simulators.k230 import FRAME_TOPIC, K230, K230Config, frame_bytes, mqtt_messages
from simulators.lossy import BadNetwork, BadPost, bad_network
from simulators.raspberry_pi import RaspberryPi, RaspberryPiConfig
from simulators.scenes import Still
from tests.builders import make_jpeg
from tests.simulators.mqtt_broker import mqtt_broker
from tests.waiting import until

JPEG = make_jpeg()
SCENE = Still(JPEG)


async def identify(claim: StreamClaim) -> str | None:
    return {"": "seed", "good-key": claim.code}.get(claim.key)


@asynccontextmanager
async def endpoint() -> AsyncIterator[tuple[StreamEndpoint, list[tuple[str, bytes]]]]:
    frames: list[tuple[str, bytes]] = []
    running = StreamEndpoint(identify, lambda code, jpeg, _address: frames.append((code, jpeg)))
    await running.start("127.0.0.1", 0)
    try:
        yield running, frames
    finally:
        await running.stop()


@asynccontextmanager
async def running(camera) -> AsyncIterator[None]:
    task = asyncio.create_task(camera.run())
    try:
        yield
    finally:
        await camera.stop()
        await task


class Listener:
    """A server that keeps every byte."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.done = asyncio.Event()

    async def collect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            self.received.extend(data)
        writer.close()
        self.done.set()


async def test_the_published_pi_sends_an_empty_frame_first_and_never_the_last():
    listener = Listener()
    server = await asyncio.start_server(listener.collect, "127.0.0.1", 0)
    camera = RaspberryPi(RaspberryPiConfig(port=server.sockets[0].getsockname()[1], fps=200), SCENE)
    async with running(camera):
        await until(lambda: camera.counters["frame"] >= 3)
    await asyncio.wait_for(listener.done.wait(), 5)
    received = bytes(listener.received)
    assert received[:4] == b"\0\0\0\0" and struct.unpack_from(">I", received, 4)[0] > len(JPEG)
    assert received.count(b"frame ") == camera._frame - 1
    server.close()


@pytest.mark.parametrize(("code", "key"), [("", ""), ("porch", "good-key")])
async def test_a_pi_streams_into_the_endpoint_with_and_without_hello(code, key):
    async with endpoint() as (hub, frames):
        async with running(RaspberryPi(RaspberryPiConfig("127.0.0.1", hub.port, code, key, fps=200), SCENE)):
            await until(lambda: len(frames) >= 5)
    assert {c for c, _ in frames} == {code or "seed"} and all(
        j.startswith(b"\xff\xd8\xff") for _, j in frames
    )


async def test_a_pi_waits_for_the_hub_and_comes_back_when_it_is_restarted():
    async with endpoint() as (hub, _frames):
        port = hub.port
    camera = RaspberryPi(RaspberryPiConfig(port=port, fps=200, retry_s=0.02, restarts=True), SCENE)
    async with running(camera):
        await until(lambda: camera.counters["failed"] >= 1)
        for _ in range(2):
            frames: list[bytes] = []
            hub = StreamEndpoint(identify, lambda _code, jpeg, _address, frames=frames: frames.append(jpeg))
            await hub.start("127.0.0.1", port)
            await until(lambda frames=frames: len(frames) >= 3)
            await hub.stop()
    assert camera.counters["connected"] >= 2


@pytest.mark.parametrize("framing", ["decimal", "letters", "single"])
async def test_a_k230_client_streams_into_the_endpoint(framing):
    async with endpoint() as (hub, frames):
        async with running(K230(K230Config(port=hub.port, framing=framing, fps=200), SCENE)):
            await until(lambda: len(frames) >= 3)


@pytest.mark.parametrize("framing", ["decimal", "single"])
async def test_a_k230_server_is_pulled(framing):
    camera, frames = K230(K230Config("server", port=0, framing=framing, fps=200), SCENE), []
    async with running(camera):
        await camera.listening.wait()
        pull = Pull("porch", f"tcp://127.0.0.1:{camera.port}", interval_s=0)
        task = asyncio.create_task(Puller(pull, lambda _c, jpeg, _a: frames.append(jpeg)).run())
        await until(lambda: len(frames) >= 3)
        task.cancel()


@pytest.mark.parametrize("payload", ["raw", "header"])
async def test_a_k230_publishes_frames(payload):
    async with mqtt_broker() as port, aiomqtt.Client("127.0.0.1", port) as hub:
        await hub.subscribe(FRAME_TOPIC)
        async with running(K230(K230Config("mqtt", port=port, payload=payload, fps=50), SCENE)):
            message = await asyncio.wait_for(anext(aiter(hub.messages)), 5)
        frame = read_frame(bytes(message.payload))
        assert frame.jpeg.endswith(JPEG[2:]) and (frame.ticks_ms is None) is (payload == "raw")


def test_the_parts_of_a_k230_are_joined():
    messages = mqtt_messages(JPEG, "parts", FRAME_TOPIC, 0, 300)
    joiner = PartJoiner()
    joined = [joiner.add(int(topic.rpartition("part")[2]), piece, 0) for topic, piece in messages]
    assert joined[-1] == JPEG and messages[0][0] == "k230/camera/frame/part1" and len(messages) > 2


def test_the_clock_of_a_k230_wraps():
    payload = mqtt_messages(JPEG, "header", FRAME_TOPIC, 2**32 + 5, 0)[0][1]
    assert read_frame(payload).ticks_ms == 5


def test_the_decimal_header_is_the_published_one():
    assert frame_bytes(b"12345", "decimal") == b"5\r\n\r\n12345"
    assert frame_bytes(b"12345", "letters") == b"5rnrn12345"


async def test_frames_come_whole_through_small_packets():
    network = BadNetwork(piece_bytes=7, jitter_s=0.0002)
    async with endpoint() as (hub, frames), bad_network("127.0.0.1", hub.port, network) as port:
        async with running(RaspberryPi(RaspberryPiConfig(port=port, fps=200), Still(JPEG))):
            await until(lambda: len(frames) >= 2, within_s=15)
    assert all(jpeg.endswith(JPEG[2:]) for _, jpeg in frames)


async def test_a_cut_frame_is_thrown_away_and_the_camera_comes_back():
    network = BadNetwork(cut_after_bytes=3 * len(JPEG))
    config = RaspberryPiConfig(fps=200, retry_s=0.01, restarts=True)
    async with endpoint() as (hub, frames), bad_network("127.0.0.1", hub.port, network) as port:
        async with running(RaspberryPi(RaspberryPiConfig(**{**vars(config), "port": port}), SCENE)):
            await until(lambda: network.connections >= 3 and len(frames) >= 4, within_s=10)
    assert all(jpeg.endswith(JPEG[2:]) for _, jpeg in frames)


async def test_a_pulled_cable_swallows_what_follows():
    network = BadNetwork(silent_after_bytes=2 * len(JPEG))
    async with endpoint() as (hub, frames), bad_network("127.0.0.1", hub.port, network) as port:
        camera = RaspberryPi(RaspberryPiConfig(port=port, fps=200), SCENE)
        async with running(camera):
            await until(lambda: camera.counters["frame"] >= 12)
        assert 1 <= len(frames) <= 2


def test_a_bad_post_loses_repeats_and_swaps():
    post = BadPost(lost=0.3, repeated=0.2, swapped=0.2, seed=4)
    arrived = [m for n in range(1000) for m in post.carry(n)] + list(post.rest())
    assert 600 < len(set(arrived)) < 800 and len(arrived) > len(set(arrived)) and arrived != sorted(arrived)


def test_a_good_post_brings_everything_in_order():
    post: BadPost[int] = BadPost()
    assert [m for n in range(50) for m in post.carry(n)] == list(range(50))
