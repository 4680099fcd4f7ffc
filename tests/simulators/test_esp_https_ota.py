import pytest

from simulators.esp_https_ota import EspHttpsOta, EspHttpsOtaConfig
from simulators.firmware_board import Board, Faults, make_firmware
from tests.simulators.firmware_hub import FirmwareHub, Reply, firmware_hub

OLD, NEW = make_firmware("1.0.0", chip="esp32"), make_firmware("2.0.0", 150_000, "esp32")


def updater(hub: FirmwareHub, faults: Faults | None = None, **settings: object) -> EspHttpsOta:
    config = EspHttpsOtaConfig(**{"url": f"{hub.url}/ota/f/x", "sha256": hub.image.sha256, **settings})
    return EspHttpsOta(config, Board(OLD, faults))


async def test_the_image_comes_in_steps_whose_last_end_lies_behind_the_file():
    async with firmware_hub(NEW) as hub:
        esp = updater(hub)
        assert await esp.update() == "updated"
    assert esp.board.running == NEW and hub.requests[0].method == "HEAD"
    assert hub.wanted == ["bytes=0-65535", "bytes=65536-131071", "bytes=131072-150000"]


async def test_a_board_with_this_file_gets_304():
    async with firmware_hub(NEW) as hub:
        esp = updater(hub)
        assert [await esp.update(), await esp.update()] == ["updated", "no_update"]
    assert len(hub.wanted) == 3


async def test_where_head_is_refused_a_range_tells_the_size():
    async with firmware_hub(NEW) as hub:
        hub.routes["/ota/f/"] = lambda asked: Reply(405) if asked.method == "HEAD" else hub.download(asked)
        assert await updater(hub).update() == "updated"
    assert hub.wanted[0] == "bytes=0-0"


async def test_after_a_power_cut_it_goes_on_where_it_was():
    async with firmware_hub(NEW) as hub:
        esp = updater(hub, Faults(power_cut_at="download"))
        assert await esp.update() == "power_cut" and esp.board.running == OLD
        assert await esp.update() == "updated"
    assert hub.wanted == ["bytes=0-65535", "bytes=65536-"]


async def test_a_step_that_breaks_off_goes_on_at_the_byte():
    async with firmware_hub(NEW) as hub:
        esp = updater(hub, cut_after_bytes=1000)
        assert await esp.update() == "updated" and esp.board.running == NEW
    assert hub.wanted[:2] == ["bytes=0-65535", "bytes=1000-66535"]


async def test_a_part_of_another_file_is_thrown_away():
    async with firmware_hub(NEW) as hub:
        esp = updater(hub, Faults(power_cut_at="download"), sha256="")
        await esp.update()
        hub.image = make_firmware("2.0.1", 150_000, "esp32")
        assert await esp.update() == "updated" and esp.board.running == hub.image
    assert hub.wanted[1] == "bytes=0-65535"


async def test_resuming_takes_nothing_but_206():
    async with firmware_hub(NEW) as hub:
        esp = updater(hub, Faults(power_cut_at="download"))
        await esp.update()
        hub.routes["/ota/f/"] = lambda asked: Reply(200, NEW.data, {"ETag": f'"{NEW.sha256}"'})
        assert await esp.update() == "failed"
    assert "answered with 200" in esp.board.events[-1].detail


async def test_one_get_takes_all_when_it_is_told_so():
    async with firmware_hub(NEW) as hub:
        assert await updater(hub, partial=False).update() == "updated"
    assert hub.wanted == [""]


@pytest.mark.parametrize(
    ("faults", "ends"), [(Faults(wrong_hash=True), "failed"), (Faults(lies=True), "updated")]
)
async def test_faults_leave_the_old_image(faults: Faults, ends: str):
    async with firmware_hub(NEW) as hub:
        esp = updater(hub, faults)
        assert await esp.update() == ends and esp.board.running == OLD


async def test_what_is_no_program_is_not_written():
    async with firmware_hub(make_firmware("2.0.0", chip="stm32")) as hub:
        esp = updater(hub)
        assert await esp.update() == "failed" and not esp.board.counters["flash"]
