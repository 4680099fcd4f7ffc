"""Firmware over the Aliyun form of MQTT, in the embedded form: signed login, offers, links and blocks, proof."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from devices.protocol.aliyun.topics import OtaChannel
from simulators.aliyun_mqtt import AliyunConfig, AliyunDevice
from simulators.firmware_board import Board, Faults, make_firmware
from tests.flows.story import Visitor, until
from tests.flows.updates import turn_clock
from tests.hub_process import running_hub

LOGIN = ("alice", "correct horse 9")


@pytest.fixture(scope="module")
def hub():
    env = {
        "DJANGO_SUPERUSER_USERNAME": LOGIN[0],
        "DJANGO_SUPERUSER_PASSWORD": LOGIN[1],
        "PHOTOHUB_UNSIGNED_FIRMWARE": "allow",
    }
    with running_hub(env=env) as hub:
        hub.token = hub.console.run("api_token", "alice").strip()
        # A link must lead to this hub, which listens inside only.
        hub.stop()
        yield hub.start(PHOTOHUB_URL=hub.url)


@pytest.fixture
async def visitor(hub):
    person = Visitor(hub.url, hub.token)
    yield person
    await person.api.aclose()


async def add_board(hub, visitor: Visitor, code: str, faults: Faults | None = None, **values) -> AliyunDevice:
    """Return a board that runs 1.0.0 and is not started yet. Each has a product of its own."""
    asked = {"code": code, "profile": "esp8266-stm32", "product_key": f"pk-{code}", "device_name": "one"}
    more = {"firmware_over_mqtt": values.pop("firmware_over_mqtt", False)}
    made = (await visitor.api.post("/devices", json=asked | more)).json()
    config = AliyunConfig("127.0.0.1", hub.mqtt_port, f"pk-{code}", "one", made["device_secret"], **values)
    board = Board(make_firmware("1.0.0"), faults)
    return AliyunDevice(replace(config, reconnect_s=0.3), board)


@contextlib.asynccontextmanager
async def running(board: AliyunDevice):
    task = asyncio.create_task(board.run())
    try:
        yield board
    finally:
        await board.stop()
        await asyncio.gather(task, return_exceptions=True)


async def roll_out(visitor: Visitor, code: str, version: str = "2.0.0", **plan) -> str:
    """Upload an image for this board's product and start its rollout; returns the rollout's id."""
    image = make_firmware(version, 60_000).data
    files = {"file": ("image.bin", image, "application/octet-stream")}
    facts = {"product": f"pk-{code}", "version": version, "counter": "2"}
    answer = await visitor.api.post("/firmware", files=files, data=facts)
    assert answer.status_code == 201, answer.text
    wanted = {"firmware": answer.json()["id"], "devices": [code]} | plan
    made = await visitor.api.post("/rollouts", json=wanted)
    assert made.status_code == 201, made.text
    started = await visitor.api.post(f"/rollouts/{made.json()['id']}/resume")
    assert started.is_success or made.json()["state"] == "running", started.text
    return made.json()["id"]


async def outcome(visitor: Visitor, rollout: str, within_s: float = 40) -> dict:
    async def look() -> dict | None:
        targets = (await visitor.api.get(f"/rollouts/{rollout}/targets")).json()["items"]
        ended = ("proved", "failed", "timed_out", "cancelled")
        return targets[0] if targets and targets[0]["state"] in ended else None

    return await until(look, within_s)


async def test_a_board_that_is_connected_is_told_at_once_and_proves_itself(hub, visitor):
    board = await add_board(hub, visitor, "told", asks=False)
    async with running(board):
        await board.connected.wait()
        target = await outcome(visitor, await roll_out(visitor, "told"))
    assert (target["state"], board.board.running.version) == ("proved", "2.0.0")
    assert (await visitor.device("told"))["modules"]["default"] == "2.0.0"


async def test_a_board_that_asks_gets_the_same(hub, visitor):
    board = await add_board(hub, visitor, "asks", sign_method="hmacmd5", timestamp="1")
    rollout = await roll_out(visitor, "asks")
    async with running(board):
        assert (await outcome(visitor, rollout))["state"] == "proved"


async def test_an_image_goes_block_by_block_over_mqtt(hub, visitor):
    board = await add_board(hub, visitor, "blocks", firmware_over_mqtt=True)
    rollout = await roll_out(visitor, "blocks")
    async with running(board):
        assert (await outcome(visitor, rollout))["state"] == "proved"
    assert any("dProtocol" in event.detail for event in board.board.events if event.kind == "offer")


async def test_a_board_whose_power_goes_in_the_middle_is_offered_it_again(hub, visitor):
    board = await add_board(hub, visitor, "dark", Faults(power_cut_at="download"))
    rollout = await roll_out(visitor, "dark")
    async with running(board):
        assert (await outcome(visitor, rollout))["state"] == "proved"


async def test_a_board_that_finds_damage_ends_as_failed_with_the_reason(hub, visitor):
    board = await add_board(hub, visitor, "hash", Faults(wrong_hash=True))
    rollout = await roll_out(visitor, "hash")
    async with running(board):
        target = await outcome(visitor, rollout)
    assert target["state"] == "failed" and target["reason"] and board.board.running.version == "1.0.0"


async def test_a_board_that_falls_silent_times_out(hub, visitor):
    board = await add_board(hub, visitor, "mute", Faults(silent=True))
    rollout = await roll_out(visitor, "mute")
    async with running(board):
        await until(lambda: was_offered(visitor, rollout), 40)
        turn_clock(hub, "mute", 3600)
        assert (await outcome(visitor, rollout))["state"] == "timed_out"


async def was_offered(visitor: Visitor, rollout: str) -> bool:
    [target] = (await visitor.api.get(f"/rollouts/{rollout}/targets")).json()["items"]
    return target["state"] == "offered"


async def test_the_samples_swapped_topics_disconnect_nobody(hub, visitor):
    board = await add_board(hub, visitor, "swapped", swapped_topics=True)
    rollout = await roll_out(visitor, "swapped")
    async with running(board):
        assert (await outcome(visitor, rollout))["state"] == "proved"
    topic = board.config.topic(OtaChannel.UPGRADE)
    assert topic == "/ota/device/upgrade/pk-swapped/one"
