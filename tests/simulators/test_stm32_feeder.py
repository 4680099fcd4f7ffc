import struct

import pytest

from devices.protocol.aliyun.blocks import crc16
from simulators.firmware_board import Faults, UpdateFailed, make_firmware
from simulators.stm32_feeder import ACK, NACK, Stm32, Stm32Board, Stm32Feeder, Stm32FeederConfig, Uart
from tests.simulators.firmware_hub import FirmwareHub, firmware_hub

OLD, NEW = make_firmware("1.0.0", 9000, "stm32"), make_firmware("2.0.0", 10_100, "stm32")


def board(noise: float = 0.0, faults: Faults | None = None) -> Stm32Board:
    chip = Stm32(OLD)
    return Stm32Board(chip, Uart(chip, noise, seed=3), faults)


def feeder(hub: FirmwareHub, own: Stm32Board) -> Stm32Feeder:
    return Stm32Feeder(Stm32FeederConfig(f"{hub.url}/ota/f/x", "2.0.0", NEW.sha256), own)


async def test_the_image_is_fetched_in_blocks_and_fed():
    async with firmware_hub(NEW) as hub:
        esp = feeder(hub, board())
        assert [await esp.update(), await esp.update()] == ["updated", "no_update"]
    assert esp.board.chip.running == esp.board.running == NEW
    assert hub.wanted == ["bytes=0-4095", "bytes=4096-8191", "bytes=8192-12287"]


async def test_a_noisy_wire_changes_nothing():
    async with firmware_hub(NEW) as hub:
        esp = feeder(hub, board(noise=0.2))
        assert await esp.update() == "updated" and esp.board.chip.running == NEW
    assert esp.board.uart.frames > 50


@pytest.mark.parametrize("frame", [1, 2, 20, 41, 42])
async def test_a_power_cut_at_any_frame_keeps_the_old_image(frame: int):
    async with firmware_hub(NEW) as hub:
        esp = feeder(hub, board())
        esp.board.uart.cut_after_frames = frame
        assert await esp.update() == "power_cut" and esp.board.chip.running == OLD
        assert esp.board.uart.ask(b"V") == b"1.0.0\0"
        assert await esp.update() == "updated" and esp.board.chip.running == NEW


async def test_blocks_that_came_before_a_power_cut_are_kept():
    async with firmware_hub(NEW) as hub:
        esp = feeder(hub, board(faults=Faults(power_cut_at="download")))
        assert await esp.update() == "power_cut"
        assert await esp.update() == "updated"
    assert hub.wanted == ["bytes=0-4095", "bytes=4096-8191", "bytes=8192-12287"]


@pytest.mark.parametrize("faults", [Faults(wrong_hash=True), Faults(lies=True)])
async def test_a_wrong_image_and_a_lie_leave_the_old_one(faults: Faults):
    async with firmware_hub(NEW) as hub:
        esp = feeder(hub, board(faults=faults))
        assert await esp.update() == "failed" and esp.board.chip.running == OLD


async def test_a_hub_without_the_image_is_a_failure():
    async with firmware_hub(NEW) as hub:
        esp = Stm32Feeder(Stm32FeederConfig(f"{hub.url}/nothing", "2.0.0", NEW.sha256), board())
        assert await esp.update() == "failed"
    assert "404" in esp.board.events[-1].detail


def test_the_stm32_does_not_take_the_version_it_runs():
    own = board()
    with pytest.raises(UpdateFailed, match="already"):
        own.flash(OLD.data)


def test_a_frame_with_a_wrong_checksum_or_out_of_turn_is_refused():
    chip = Stm32(OLD)
    assert [chip.take(b"V\0\0"), chip.take(b""), chip.take(b"E" + b"\x80\x30")] == [NACK] * 3
    assert Uart(chip).ask(b"B" + bytes([1, 0, 0, 0, 0, 0]) + b"9\0") == ACK


def test_an_image_that_is_not_whole_or_not_the_one_that_was_told_is_not_started():
    chip = Stm32(OLD)
    told = struct.pack("<IH", 3, crc16(b"abc")) + b"2.0.0\0"
    for sent in (b"ab", b"abd", b"abcd"):
        Uart(chip).ask(b"B" + told)
        Uart(chip).ask(b"D" + struct.pack("<HH", 0, len(sent)) + sent)
        with pytest.raises(UpdateFailed):
            Uart(chip).ask(b"E")
    assert chip.running == OLD and chip.starts == 1


def test_after_a_power_cut_an_image_is_begun_anew():
    chip = Stm32(OLD)
    Uart(chip).ask(b"B" + struct.pack("<IH", 3, crc16(b"abc")) + b"2.0.0\0")
    chip.lose_power()
    with pytest.raises(UpdateFailed):
        Uart(chip).ask(b"D" + struct.pack("<HH", 0, 3) + b"abc")
    assert chip.starts == 2


def test_a_wire_that_passes_nothing_ends_the_update():
    own = board(noise=1.0)
    with pytest.raises(UpdateFailed, match="10 times"):
        own.flash(NEW.data)
    assert own.chip.running == OLD
