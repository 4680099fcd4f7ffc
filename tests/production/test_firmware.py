"""Firmware through nginx and two web servers, while one of them is killed, and proved by what the boards report."""

import asyncio
import signal

from simulators.ddi_client import DdiClient, DdiConfig
from simulators.esp_https_ota import EspHttpsOta, EspHttpsOtaConfig
from simulators.esp_updater import EspUpdater, EspUpdaterConfig
from tests.flows.story import Visitor
from tests.flows.updates import OLD, release
from tests.production.stack import Stack, is_open, wait_for


async def test_an_arduino_board_updates_through_the_proxy(stack: Stack, maker: Visitor) -> None:
    update = await release(stack, maker)
    url = f"{stack.url}/ota/esp/{update.device['key']}"
    board = EspUpdater(EspUpdaterConfig(url, chip_size_bytes=2**24), update.board(power_cut_at="download"))
    assert [await board.check() for _ in range(3)] == ["power_cut", "updated", "no_update"]
    assert (await update.reach("proved"))["door"] == "esp"


async def test_a_download_goes_on_at_the_byte_when_a_web_server_was_killed(
    stack: Stack, maker: Visitor
) -> None:
    update = await release(stack, maker, "esp32")
    offer = await asyncio.to_thread(lambda: update.check(OLD).json())
    config = EspHttpsOtaConfig(offer["url"], sha256=offer["sha256"], cut_after_bytes=30_000)
    board = EspHttpsOta(config, update.board(power_cut_at="download"))
    assert await board.update() == "power_cut"
    await asyncio.to_thread(stack.stop, "web0", signal.SIGKILL)
    try:
        assert await board.update() == "updated"
        assert board.board.running == update.new
    finally:
        await asyncio.to_thread(stack.start, "web0")
        await asyncio.to_thread(wait_for, "web0 serves", lambda: is_open(stack.ports["web0"]), 60)
    answer = await asyncio.to_thread(update.check, update.new.version)
    assert answer.status_code == 204
    assert (await update.reach("proved"))["percent"] == 100


async def test_swupdate_closes_its_action_after_the_restart(stack: Stack, maker: Visitor) -> None:
    update = await release(stack, maker)
    code, key = update.device["code"], update.device["key"]
    board = DdiClient(DdiConfig(stack.url, "default", code, key), update.board())
    assert [await board.poll() for _ in range(3)] == ["installed", "closed", "nothing"]
    assert board.board.running == update.new
    assert (await update.reach("proved"))["door"] == "ddi"


async def test_the_threshold_stops_a_rollout_whichever_web_server_hears_of_it(
    stack: Stack, maker: Visitor
) -> None:
    first = await release(stack, maker)
    rollout = (await maker.api.get(f"/rollouts/{first.rollout}")).json()
    codes = [f"fleet-{n}" for n in range(6)]
    made = [(await maker.api.post("/devices", json={"code": c, "profile": "generic"})).json() for c in codes]
    limits = {"error_threshold": 100, "error_minimum": 6, "error_count": 2, "steps": [{"percent": 100}]}
    wish = {"firmware": rollout["firmware"], "devices": codes, **limits}
    fleet = (await maker.api.post("/rollouts", json=wish)).json()
    boards = [
        DdiClient(DdiConfig(stack.url, "default", one["code"], one["key"]), first.board(wrong_hash=True))
        for one in made
    ]
    assert [await board.poll() for board in boards[:2]] == ["failed", "failed"]
    assert (await maker.api.get(f"/rollouts/{fleet['id']}")).json()["state"] == "paused"
    assert [await board.poll() for board in boards[2:]] == ["nothing"] * 4
