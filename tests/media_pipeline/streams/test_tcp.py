import asyncio
import logging
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from media_pipeline.streams.tcp import LinkEvent, LinkState, StreamClaim, StreamEndpoint, StreamLimits
from tests.builders import make_jpeg
from tests.waiting import until

ONE, TWO = make_jpeg(text="one"), make_jpeg(text="two")
HELLO = b"PHOTOHUB porch good-key\n"


def big(*pictures: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(p)) + p for p in pictures)


class Hub:
    """What the endpoint is told and what it hands on."""

    def __init__(self) -> None:
        self.keys = {"good-key": "porch", "garden-key": "garden"}
        self.networks: dict[str, str] = {}
        self.frames: list[tuple[str, bytes]] = []
        self.links: list[LinkEvent] = []
        self.away = False
        # A connection that nobody holds is closed.
        self.cameras: list[Camera] = []
        self.endpoint: StreamEndpoint | None = None

    async def identify(self, claim: StreamClaim) -> str | None:
        if self.away:
            raise ConnectionError("the database is away")
        if claim.key:
            return self.keys.get(claim.key)
        return self.networks.get(claim.address)

    def on_frame(self, code: str, jpeg: bytes, _address: str) -> None:
        self.frames.append((code, jpeg))

    async def on_link(self, event: LinkEvent) -> None:
        self.links.append(event)

    def states(self) -> list[LinkState]:
        return [event.state for event in self.links]


class Camera:
    """One TCP connection to the endpoint."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def is_closed(self, within_s: float = 5.0) -> bool:
        try:
            async with asyncio.timeout(within_s):
                return await self.reader.read() == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.writer.close()


@asynccontextmanager
async def hub(**limits: float) -> AsyncIterator[Hub]:
    running = Hub()
    running.endpoint = StreamEndpoint(
        running.identify, running.on_frame, running.on_link, StreamLimits(**limits)
    )
    await running.endpoint.start("127.0.0.1", 0)
    try:
        yield running
    finally:
        await running.endpoint.stop()


async def connect(running: Hub, *data: bytes) -> Camera:
    camera = Camera(*await asyncio.open_connection("127.0.0.1", running.endpoint.port))
    running.cameras.append(camera)
    for piece in data:
        camera.send(piece)
    return camera


async def test_frames_behind_a_hello_are_handed_on():
    async with hub() as running:
        camera = await connect(running, HELLO + big(ONE), big(TWO))
        await until(lambda: running.frames == [("porch", ONE), ("porch", TWO)])
        assert running.endpoint.codes == ["porch"] and running.states() == [LinkState.CONNECTED]
        camera.close()
        await until(lambda: running.states() == [LinkState.CONNECTED, LinkState.GONE])


@pytest.mark.parametrize("data", [b"\0\0\0\0" + big(ONE), ONE, str(len(ONE)).encode() + b"rnrn" + ONE])
async def test_a_camera_of_a_known_network_needs_no_hello(data):
    async with hub() as running:
        running.networks["127.0.0.1"] = "porch"
        await connect(running, data)
        await until(lambda: running.frames == [("porch", ONE)])


async def test_a_camera_of_a_known_network_may_warm_up_first():
    async with hub(hello_within_s=0.05) as running:
        running.networks["127.0.0.1"] = "porch"
        camera = await connect(running)
        await until(lambda: running.endpoint.codes == ["porch"])
        camera.send(big(ONE))
        await until(lambda: running.frames == [("porch", ONE)])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PHOTOHUB porch bad-key\n" + big(ONE), "does not know this key"),
        (big(ONE), "no hello came"),
        (b"", "no hello came"),
        (b"PHOTOHUB por", "no hello came"),
        (b"GET / HTTP/1.1\r\n\r\n", "neither a length nor a picture"),
        (HELLO + b"\xff\xff\xff\xff", "neither a length nor a picture"),
        (HELLO + big(ONE) + b"\x7f\xff\xff\xff", "larger than"),
        (HELLO + struct.pack(">I", 50) + b"nothing", "something other than a picture"),
    ],
)
async def test_a_refused_stream_is_closed_with_one_line(data, reason, caplog):
    caplog.set_level(logging.WARNING)
    async with hub(hello_within_s=0.1) as running:
        camera = await connect(running, data)
        assert await camera.is_closed()
        await until(lambda: len(caplog.records) == 1)
        assert reason in caplog.text and "key\n" not in caplog.text and "bad-key" not in caplog.text


async def test_frames_before_a_fault_are_handed_on():
    async with hub() as running:
        camera = await connect(running, HELLO + big(ONE) + b"\x7f\xff\xff\xff")
        assert await camera.is_closed() and running.frames == [("porch", ONE)]


@pytest.mark.parametrize(
    ("data", "state", "trouble"),
    [
        (HELLO + big(ONE) + b"\x7f\xff\xff\xff", LinkState.GONE, "stream_too_large"),
        (HELLO + b"GET / HTTP/1.1\r\n\r\n", LinkState.GONE, "stream_unreadable"),
        (b"GET / HTTP/1.1\r\n\r\n", LinkState.REFUSED, "stream_unreadable"),
        (HELLO + big(ONE), LinkState.GONE, ""),
    ],
)
async def test_it_is_told_whose_stream_could_not_be_read_and_why(data, state, trouble):
    async with hub() as running:
        running.networks["127.0.0.1"] = "porch"
        camera = await connect(running, data)
        camera.writer.write_eof()
        await until(lambda: running.links and running.links[-1].state is state)
        assert (running.links[-1].code, running.links[-1].trouble) == ("porch", trouble)


async def test_padding_between_pictures_ends_no_connection():
    async with hub() as running:
        await connect(running, HELLO + big(ONE) + bytes(8195) + big(TWO) + bytes(3) + big(ONE))
        await until(lambda: [jpeg for _, jpeg in running.frames] == [ONE, TWO, ONE])


async def test_the_hub_without_a_database_lets_nobody_in():
    async with hub() as running:
        running.away = True
        assert await (await connect(running, HELLO)).is_closed() and running.frames == []


async def test_a_new_connection_of_a_device_replaces_the_old_one():
    async with hub() as running:
        old = await connect(running, HELLO + big(ONE))
        await until(lambda: running.frames)
        await connect(running, HELLO + big(TWO))
        assert await old.is_closed()
        await until(lambda: len(running.frames) == 2)
        assert running.endpoint.codes == ["porch"] and LinkState.GONE not in running.states()


async def test_devices_do_not_replace_each_other():
    async with hub() as running:
        await connect(running, HELLO + big(ONE))
        await connect(running, b"PHOTOHUB garden garden-key\n" + big(TWO))
        await until(lambda: running.endpoint.codes == ["garden", "porch"])


@pytest.mark.parametrize("sent", [b"", b"\0", ONE[:100]])
async def test_a_silent_device_is_closed(sent, caplog):
    async with hub(idle_s=0.1) as running:
        assert await (await connect(running, HELLO + sent)).is_closed()
        await until(lambda: LinkState.GONE in running.states())
        assert "nothing came for 0.1 s" in caplog.text


async def test_a_device_that_drips_bytes_is_closed():
    async with hub(idle_s=0.3) as running:
        camera = await connect(running, HELLO + struct.pack(">I", 100_000) + ONE[:50])
        closed = asyncio.create_task(camera.is_closed())
        async with asyncio.timeout(5):
            while not closed.done():
                camera.send(b"\x11")
                await asyncio.sleep(0.02)


async def test_empty_frames_keep_a_stream_alive():
    async with hub(idle_s=0.3) as running:
        camera = await connect(running, HELLO + big(ONE))
        for _ in range(12):
            camera.send(b"\0\0\0\0")
            await asyncio.sleep(0.05)
        camera.send(big(TWO))
        await until(lambda: len(running.frames) == 2)


async def test_a_revoked_key_ends_the_open_stream():
    async with hub(recheck_s=0.05) as running:
        camera = await connect(running, HELLO + big(ONE))
        await until(lambda: LinkState.ALIVE in running.states())
        running.keys.clear()
        assert await camera.is_closed()


async def test_a_check_that_cannot_be_made_ends_nothing():
    async with hub(recheck_s=0.03) as running:
        camera = await connect(running, HELLO + big(ONE))
        await until(lambda: running.frames)
        running.away = True
        await asyncio.sleep(0.15)
        camera.send(big(TWO))
        await until(lambda: len(running.frames) == 2)


async def test_a_device_can_be_dropped_at_once():
    async with hub() as running:
        camera = await connect(running, HELLO)
        await until(lambda: running.endpoint.codes)
        running.endpoint.drop("porch", "turned off")
        assert await camera.is_closed()
        assert running.links[-1].sentence == "turned off"


async def test_connections_above_the_cap_are_refused_at_the_endpoint(caplog):
    async with hub(connections=2) as running:
        running.keys |= {f"k{n}": f"camera{n}" for n in range(3)}
        for n in range(2):
            await connect(running, b"PHOTOHUB camera%d k%d\n" % (n, n))
        await until(lambda: len(running.endpoint.codes) == 2)
        assert await (await connect(running, b"PHOTOHUB camera2 k2\n")).is_closed()
        assert "too many connections" in caplog.text


async def test_strangers_cannot_take_all_places():
    async with hub(strangers=3) as running:
        strangers = [await connect(running) for _ in range(6)]
        assert sum(await asyncio.gather(*(s.is_closed(0.5) for s in strangers[3:]))) == 3
        strangers[0].close()
        await until(lambda: len(running.endpoint._tasks) < 3)
        await connect(running, HELLO + big(ONE))
        await until(lambda: running.frames)


async def test_two_hundred_cameras_are_served_at_once():
    async with hub() as running:
        running.keys = {f"k{n}": f"camera{n}" for n in range(200)}
        for n in range(200):
            await connect(running, b"PHOTOHUB camera%d k%d\n" % (n, n) + big(ONE))
        await until(lambda: len(running.frames) == 200, within_s=20)
        assert len(running.endpoint.codes) == 200


async def test_a_frame_that_cannot_be_handed_on_ends_nothing():
    async with hub() as running:
        running.endpoint.on_frame = lambda *_: 1 / 0
        camera = await connect(running, HELLO + big(ONE))
        await until(lambda: running.endpoint.codes)
        running.endpoint.on_frame = running.on_frame
        camera.send(big(TWO))
        await until(lambda: ("porch", TWO) in running.frames)


async def test_no_task_is_left_behind():
    before = asyncio.all_tasks()
    async with hub() as running:
        for _ in range(50):
            (await connect(running, HELLO + big(ONE))).close()
        await until(lambda: running.states().count(LinkState.CONNECTED) > 0 and not running.endpoint._tasks)
    await until(lambda: asyncio.all_tasks() == before)


async def test_a_hub_that_stops_with_a_camera_connected_complains_of_nothing():
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, about: complaints.append(about))
    async with hub() as running:
        await connect(running, HELLO, big(ONE))
        await until(lambda: running.frames)
    await asyncio.sleep(0)
    assert complaints == []
