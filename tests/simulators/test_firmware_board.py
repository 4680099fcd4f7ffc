import pytest

from devices.protocol.firmware.esp_image import Chip, read_header
from simulators.firmware_board import Board, Faults, PowerCut, UpdateFailed, make_firmware, read_version

OLD, NEW = make_firmware("1.0.0"), make_firmware("2.0.0")


def test_an_image_tells_its_version_and_is_one_for_its_chip():
    assert read_version(NEW.data) == "2.0.0" and len(NEW.data) == 20_000
    assert read_version(b"something else") == ""
    assert all(read_header(make_firmware("1", 500, chip).data).flash_bytes(chip) for chip in Chip)


def test_an_update_runs_after_the_restart_and_not_before():
    board = Board(OLD)
    board.verify(NEW.data, md5=NEW.md5.upper(), sha256=NEW.sha256)
    board.flash(NEW.data)
    assert board.running == OLD
    board.restart()
    assert (board.running, board.starts) == (NEW, 2)


def test_what_was_written_before_a_power_cut_is_not_started():
    board = Board(OLD)
    board.flash(NEW.data)
    board.lose_power()
    board.restart()
    assert (board.running, board.starts) == (OLD, 3)


def test_the_version_is_the_image_s_own():
    board = Board(OLD)
    board.flash(NEW.data, "9.9.9")
    board.restart()
    assert board.running.version == "2.0.0"


@pytest.mark.parametrize("step", ["download", "verify", "flash"])
def test_a_power_cut_at_any_step_keeps_the_old_image_and_comes_once(step: str):
    board = Board(OLD, Faults(power_cut_at=step))
    with pytest.raises(PowerCut):
        board.pass_step(step)
    board.lose_power()
    assert board.running == OLD
    board.pass_step(step)


def test_a_changed_bit_is_noticed():
    board = Board(OLD, Faults(wrong_hash=True))
    with pytest.raises(UpdateFailed, match="md5") as caught:
        board.verify(board.receive(NEW.data), md5=NEW.md5)
    assert caught.value.step == "verify"


def test_a_liar_runs_what_it_ran():
    board = Board(OLD, Faults(lies=True))
    board.flash(NEW.data)
    board.restart()
    assert (board.running, board.starts, board.lies) == (OLD, 2, False)
