import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiomqtt
import pytest

from devices.protocol.camera_settings import Report, read_report
from simulators.esp32s3 import Esp32S3Camera, Esp32S3Config, mac_for, read_order, spoil
from simulators.scenes import Still
from tests.simulators.fake_hub import STORED, FakeHub, answer, fake_hub, until
from tests.simulators.mqtt_broker import mqtt_broker

JPEG = b"\xff\xd8\xff\xdb" + bytes(range(1, 200)) * 5 + b"\xff\xd9"
ORDER = b'{"action":0,"name":"gate-7f3a"}'


@dataclass
class Stage:
    """A camera on a real broker and a small hub, with a listener on its topics."""

    hub: FakeHub
    port: int
    camera: Esp32S3Camera
    client: aiomqtt.Client
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    async def order(self, payload: bytes) -> None:
        await self.client.publish("/light/deviceIn", payload, qos=1)

    async def listen(self) -> None:
        async for message in self.client.messages:
            self.heard.append((str(message.topic), bytes(message.payload)))


@asynccontextmanager
async def stage(*answers: bytes, **settings: object) -> AsyncIterator[Stage]:
    """Bring everything up and wait until the camera is connected."""
    async with mqtt_broker() as port, fake_hub(*answers) as hub, aiomqtt.Client("127.0.0.1", port) as client:
        for topic in ("/light/deviceOut", "photohub/gate/status"):
            await client.subscribe(topic, qos=1)
        defaults = {"upload_url": f"{hub.url}/api/upload", "mqtt_host": "127.0.0.1", "mqtt_port": port}
        config = Esp32S3Config(**{**defaults, "reboot_s": 0.05, "reconnect_s": 0.05, **settings})
        play = Stage(hub, port, Esp32S3Camera(config, Still(JPEG)), client)
        tasks = [asyncio.create_task(play.listen()), asyncio.create_task(play.camera.run())]
        try:
            await asyncio.wait_for(play.camera.connected.wait(), 10)
            yield play
        finally:
            await play.camera.stop()
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b'{"action":0,"name":"gate"}', "capture"),
        (b'{"action":0.0,"name":""}', "capture"),
        (b'{"action":0,"name":"' + b"n" * 49 + b'"}', "capture"),
        (b'{"action":"0","name":"gate"}', "ignored"),
        (b'{"action":false,"name":"gate"}', "ignored"),
        (b'{"action":1,"name":"gate"}', "ignored"),
        (b'{"action":0,"name":7}', "ignored"),
        (b"not json \xff", "ignored"),
        (b'{"name":"gate"}', "crash"),
        (b'{"action":0}', "crash"),
        (b"[]", "crash"),
        (b'{"action":0,"name":"' + b"n" * 50 + b'"}', "crash"),
        (f'{{"action":0,"name":"{"图" * 17}"}}'.encode(), "crash"),
    ],
)
def test_an_order_is_read_as_the_program_reads_it(payload: bytes, kind: str):
    assert read_order(payload).kind == kind


def test_padding_fills_up_to_512_and_always_adds_something():
    assert spoil(JPEG, "padded")[: len(JPEG)] == JPEG
    assert len(spoil(JPEG, "padded")) == 1024
    assert len(spoil(b"\xff" * 512, "padded")) == 1024


def test_a_stale_tail_carries_an_older_end_marker():
    spoiled = spoil(JPEG, "stale_tail", b"older" + JPEG)
    assert spoiled.startswith(JPEG)
    assert spoiled.count(b"\xff\xd9") == 2


def test_a_cut_frame_has_no_end_marker():
    assert JPEG.startswith(spoil(JPEG, "cut"))
    assert b"\xff\xd9" not in spoil(JPEG, "cut")


async def test_an_order_becomes_an_upload_and_its_answer_a_result():
    async with stage() as play:
        await play.order(ORDER)
        await until(lambda: play.heard)
        [request] = play.hub.requests
    assert request.line == "POST /api/upload HTTP/1.1"
    assert request.headers["Content-Type"] == "image/jpg"
    assert request.headers["Name-Pic"] == "gate-7f3a"
    assert request.headers["User-Agent"] == "ESP32 HTTP Client/1.0"
    assert "X-Device-Key" not in request.headers
    assert play.heard == [("/light/deviceOut", STORED)]


async def test_the_second_of_two_frames_is_sent():
    async with stage() as play:
        await play.order(ORDER)
        await play.order(ORDER)
        await until(lambda: len(play.hub.requests) == 2)
    assert b"frame 2 at" in play.hub.requests[0].body
    assert b"frame 4 at" in play.hub.requests[1].body


async def test_a_text_action_is_silently_ignored():
    async with stage() as play:
        await play.order(b'{"action":"0","name":"gate"}')
        await until(lambda: play.camera.counters["ignored"])
        await play.order(ORDER)
        await until(lambda: play.camera.counters["answer"])
    assert len(play.hub.requests) == 1


async def test_a_missing_key_reboots_the_board_and_it_obeys_again():
    async with stage(status_topic="photohub/gate/status") as play:
        await play.order(b'{"action":0}')
        await until(lambda: play.camera.counters["connected"] == 2)
        await play.order(ORDER)
        await until(lambda: play.hub.requests)
        await until(lambda: len(play.heard) >= 3)
    statuses = [text for topic, text in play.heard if topic == "photohub/gate/status"]
    assert statuses[:3] == [b"online", b"offline", b"online"]
    assert [event.kind for event in play.camera.events][:4] == [
        "connected",
        "crash",
        "disconnected",
        "connected",
    ]


async def test_stopping_says_offline_once():
    async with stage(status_topic="photohub/gate/status") as play:
        await until(lambda: play.heard)
        await play.camera.stop()
        await until(lambda: len(play.heard) == 2)
    assert [text for _, text in play.heard] == [b"online", b"offline"]


async def test_an_error_page_is_relayed_in_pieces():
    page = b"<html>" + b"e" * 1500 + b"</html>"
    async with stage(answer(page, "502 Bad Gateway")) as play:
        await play.order(ORDER)
        await until(lambda: b"".join(text for _, text in play.heard) == page)
    assert len(play.heard) >= 3
    assert max(len(text) for _, text in play.heard) <= 512


async def test_each_chunk_of_an_answer_becomes_a_message():
    chunked = (
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"cod\r\n4\r\ne":0\r\n1\r\n}\r\n0\r\n\r\n'
    )
    async with stage(chunked) as play:
        await play.order(ORDER)
        await until(lambda: len(play.heard) == 3)
    assert [text for _, text in play.heard] == [b'{"cod', b'e":0', b"}"]


async def test_a_header_line_over_the_buffer_ends_the_request_without_a_result():
    async with stage(answer(STORED, "200 OK", "Set-Cookie: " + "c" * 600)) as play:
        await play.order(ORDER)
        await until(lambda: play.camera.counters["failed"])
        [failure] = [event for event in play.camera.events if event.kind == "failed"]
    assert failure.detail.startswith("Out of buffer")
    assert play.heard == []


async def test_a_radio_that_goes_away_sends_half_a_picture():
    async with stage(drop_rate=1.0) as play:
        await play.order(ORDER)
        await until(lambda: play.camera.counters["failed"])
        await until(lambda: play.hub.requests)
    assert play.hub.requests[0].line == "broken"
    assert play.heard == []


async def test_a_newer_program_sends_key_battery_and_pictures_of_its_own():
    async with stage(code="gate", key="s3cret", keyed_upload=True, battery_mv=3900, every_s=0.05) as play:
        await until(lambda: len(play.hub.requests) >= 2)
        headers = play.hub.requests[1].headers
    assert headers["X-Device-Key"] == "s3cret"
    assert headers["X-Battery-Mv"] == "3898"
    assert play.hub.requests[0].headers["Name-Pic"] != headers["Name-Pic"]


async def test_fifty_boards_live_in_one_loop():
    async with stage() as play:
        config = play.camera.config
        boards = [
            Esp32S3Camera(
                Esp32S3Config(config.upload_url, "127.0.0.1", play.port, mac_for(number)), Still(JPEG)
            )
            for number in range(1, 50)
        ]
        running = [asyncio.create_task(board.run()) for board in boards]
        await asyncio.wait_for(asyncio.gather(*(board.connected.wait() for board in boards)), 20)
        await play.order(ORDER)
        await until(lambda: len(play.heard) == 50, 20)
        await asyncio.gather(*(board.stop() for board in boards))
        assert all(task.done() for task in running)
    assert len(play.hub.requests) == 50


async def test_a_newer_program_takes_settings_up_and_says_what_it_has():
    topic = "photohub/gate/settings"
    async with mqtt_broker() as port, aiomqtt.Client("127.0.0.1", port) as hub:
        await hub.subscribe(f"{topic}/reported", qos=1)
        config = Esp32S3Config(
            "http://127.0.0.1:9/", mqtt_host="127.0.0.1", mqtt_port=port, settings_topic=topic
        )
        camera = Esp32S3Camera(config, Still(JPEG))
        running = asyncio.create_task(camera.run())
        async with asyncio.timeout(20):
            assert read_report(bytes((await anext(hub.messages)).payload)) == Report(version=0)
            await hub.publish(topic, b'{"version":3,"settings":{"quality":40,"led":"on"}}', qos=1)
            said = read_report(bytes((await anext(hub.messages)).payload))
        await camera.stop()
        await running
    assert said == Report(3, {"quality": 40}, {"led": "this board has no light"})
