import asyncio

import pytest

from devices.protocol.firmware.esp_image import Chip
from simulators.__main__ import build_parser, main, run_cameras
from simulators.firmware_board import Faults, make_firmware
from simulators.updating import UpdatingBoard, build_board
from tests.simulators.aliyun_hub import DEVICE, PRODUCT, aliyun_hub
from tests.simulators.fake_hub import until
from tests.simulators.firmware_hub import firmware_hub
from tests.simulators.mqtt_broker import mqtt_broker

ALIYUN = ["aliyun", "--product-key", PRODUCT, "--device-name", DEVICE, "--secret", "secret123"]
DDI = ["ddi", "--hub", "http://hub:8000/", "--code", "porch", "--key", "k"]


def build(*arguments: str) -> UpdatingBoard:
    return build_board(build_parser().parse_args(["update", *arguments]))


def test_faults_and_the_version_that_runs_come_from_the_command_line():
    built = build(*DDI, "--running", "1.2.3", "--power-cut", "flash", "--wrong-hash", "--silent", "--lies")
    assert built.board.running == make_firmware("1.2.3")
    assert built.board._faults == Faults("flash", True, True, True)
    assert built.device.config.root == "http://hub:8000/default/controller/v1/porch"


def test_an_esp32_has_an_image_and_a_flash_of_its_own():
    built = build("esp", "--url", "http://hub/ota/esp/key", "--chip", "esp32", "--every", "5")
    assert built.board.running == make_firmware("1.0.0", chip="esp32")
    assert (built.device.config.chip, built.device.config.every_s) == (Chip.ESP32, 5.0)


async def test_an_stm32_is_updated_once_from_the_command_line(capsys):
    async with firmware_hub(make_firmware("2.0.0", chip="stm32")) as hub:
        image = ["--url", f"{hub.url}/ota/f/x", "--offered", "2.0.0", "--sha256", hub.image.sha256]
        await run_cameras([build("stm32", *image)])
    said = capsys.readouterr().out
    assert said.startswith("updated\nstm32: {") and "'version 2.0.0': 1" in said


async def test_an_image_is_taken_in_steps_from_the_command_line(capsys):
    async with firmware_hub(make_firmware("2.0.0", chip="esp32")) as hub:
        await run_cameras([build("https-ota", "--url", f"{hub.url}/ota/f/x")])
    assert "'version 2.0.0': 1" in capsys.readouterr().out


async def test_an_aliyun_device_runs_until_it_is_stopped():
    async with mqtt_broker() as port, aliyun_hub(port) as hub:
        built = build(*ALIYUN, "--mqtt", f"127.0.0.1:{port}", "--swapped-topics")
        running = asyncio.create_task(built.run())
        await until(lambda: hub.versions[-1:] == ["2.0.0"])
        await built.stop()
        await running
    assert built.config.code == DEVICE and hub.junk


def test_an_endpoint_needs_its_names(capsys):
    with pytest.raises(SystemExit):
        main(["update", "aliyun", "--product-key", PRODUCT])
    assert "--secret" in capsys.readouterr().err
