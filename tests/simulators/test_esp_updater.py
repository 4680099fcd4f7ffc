import asyncio
from dataclasses import replace

import pytest

from devices.protocol.firmware.esp_image import Chip
from simulators.esp_updater import EspUpdater, EspUpdaterConfig
from simulators.firmware_board import Board, Faults, make_firmware
from tests.simulators.fake_hub import until
from tests.simulators.firmware_hub import FirmwareHub, Reply, firmware_hub

OLD = make_firmware("1.0.0")


def updater(hub: FirmwareHub, faults: Faults | None = None, **settings: object) -> EspUpdater:
    return EspUpdater(EspUpdaterConfig(f"{hub.url}/ota/esp/key", **settings), Board(OLD, faults))


async def test_a_board_updates_itself_and_then_has_nothing_to_do():
    async with firmware_hub() as hub:
        esp = updater(hub, sends_version=False)
        assert [await esp.check(), await esp.check()] == ["updated", "no_update"]
    assert esp.board.running == hub.image
    assert hub.requests[0].version == "HTTP/1.0"


async def test_an_esp32_says_its_sha256_too():
    async with firmware_hub(make_firmware("2.0.0", chip="esp32")) as hub:
        esp = updater(hub, chip=Chip.ESP32, chip_size_bytes=8 * 2**20, free_space_bytes=2**20)
        assert await esp.check() == "updated"
    headers = hub.requests[0].headers
    assert headers["x-esp32-sketch-sha256"] == OLD.sha256.upper()
    assert headers["user-agent"] == "ESP32-http-Update"


async def test_a_board_that_says_the_newest_version_is_left_alone():
    async with firmware_hub() as hub:
        esp = updater(hub)
        esp.board.running = replace(OLD, version="2.0.0")
        assert await esp.check() == "no_update"


@pytest.mark.parametrize("step", ["download", "verify", "flash"])
async def test_after_a_power_cut_the_old_image_runs_and_the_next_try_works(step: str):
    async with firmware_hub() as hub:
        esp = updater(hub, Faults(power_cut_at=step))
        assert await esp.check() == "power_cut" and esp.board.running == OLD
        assert await esp.check() == "updated"


async def test_a_changed_bit_is_found_by_x_md5():
    async with firmware_hub() as hub:
        esp = updater(hub, Faults(wrong_hash=True))
        assert await esp.check() == "failed"
    assert "md5" in esp.board.events[-1].detail and esp.board.running == OLD


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(403), "forbids"),
        (Reply(404), "no such file"),
        (Reply(302, headers={"Location": "/elsewhere"}), "Wrong HTTP code"),
        (Reply(200), "empty"),
        (Reply(200, b"<html>not a program"), "does not begin with E9"),
        (Reply(200, bytes.fromhex("e9010290") + bytes(99)), "larger flash"),
        (Reply(200, b"\xe9" + bytes(700_000)), "not enough room"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), "chunked"),
    ],
)
async def test_what_the_updater_refuses(reply: Reply, sentence: str):
    async with firmware_hub() as hub:
        hub.routes["/ota/esp/"] = lambda asked: reply
        esp = updater(hub)
        assert await esp.check() == "failed"
    assert sentence in esp.board.events[-1].detail and esp.board.running == OLD


async def test_a_packed_image_is_for_the_esp8266_alone():
    packed = Reply(200, b"\x1f\x8b\x08" + bytes(99))
    async with firmware_hub() as hub:
        hub.routes["/ota/esp/"] = lambda asked: packed
        assert await updater(hub).check() == "updated"
        assert await updater(hub, chip=Chip.ESP32).check() == "failed"


async def test_a_liar_asks_again_with_the_old_md5():
    async with firmware_hub() as hub:
        esp = updater(hub, Faults(lies=True))
        assert await esp.check() == "updated" and esp.board.running == OLD
        await esp.check()
    assert [r.headers["x-esp8266-sketch-md5"] for r in hub.requests] == [OLD.md5] * 2


async def test_a_silent_board_takes_the_image_and_is_heard_no_more():
    async with firmware_hub() as hub:
        esp = updater(hub, Faults(silent=True), every_s=0.01)
        running = asyncio.create_task(esp.run())
        await until(lambda: esp.board.counters["silence"])
        await esp.stop()
        await running
    assert len(hub.requests) == 1
