"""The boards that take firmware, from the command line: `python -m simulators update aliyun --help`."""

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from devices.protocol.firmware.esp_image import Chip
from simulators.aliyun_mqtt import AliyunConfig, AliyunDevice
from simulators.ddi_client import DdiClient, DdiConfig
from simulators.esp_https_ota import EspHttpsOta, EspHttpsOtaConfig
from simulators.esp_updater import EspUpdater, EspUpdaterConfig
from simulators.firmware_board import Board, Faults, make_firmware
from simulators.stm32_feeder import Stm32, Stm32Board, Stm32Feeder, Stm32FeederConfig, Uart

Device = AliyunDevice | DdiClient | EspUpdater | EspHttpsOta | Stm32Feeder


class Name(NamedTuple):
    """What a simulated device is called when it says goodbye."""

    code: str


@dataclass
class UpdatingBoard:
    """A board as the runner of the cameras wants it: `run` ends by itself where the program would."""

    config: Name
    device: Device
    board: Board

    @property
    def counters(self) -> Counter[str]:
        """Return what happened, and which version runs now."""
        return self.board.counters + Counter({f"version {self.board.running.version}": 1})

    async def run(self) -> None:
        """Ask for firmware until `stop()`, or update once."""
        if isinstance(self.device, EspHttpsOta | Stm32Feeder):
            print(await self.device.update())
        else:
            await self.device.run()

    async def stop(self) -> None:
        """End `run()`."""
        if not isinstance(self.device, EspHttpsOta | Stm32Feeder):
            await self.device.stop()


def add_updating(kinds, read_address: Callable[[str], tuple[str, int]]) -> None:
    """Add `update` and one subcommand for each endpoint."""
    update = kinds.add_parser("update", help="boards that take firmware updates, by one of the hub's doors")
    doors = update.add_subparsers(dest="door", required=True)
    aliyun = _add_door(doors, "aliyun", "MQTT in the Aliyun form")
    aliyun.add_argument(
        "--mqtt", type=read_address, default=("127.0.0.1", 1883), help="the broker's host:port"
    )
    aliyun.add_argument("--product-key", required=True)
    aliyun.add_argument("--device-name", required=True)
    aliyun.add_argument("--secret", required=True, help="the device's device_secret")
    aliyun.add_argument("--module", default="default", help="stm32: feed it over a simulated UART")
    aliyun.add_argument("--swapped-topics", action="store_true", help="as the published sample does")
    esp = _add_door(doors, "esp", "the updaters of the Arduino cores")
    esp.add_argument("--url", required=True, help="the hub's /ota/esp/<key>")
    esp.add_argument("--chip", choices=[chip.value for chip in Chip], default="esp8266")
    esp.add_argument("--every", type=float, default=60.0, help="seconds between questions")
    ota = _add_door(doors, "https-ota", "esp_https_ota: once, in steps of 64 KB")
    ota.add_argument("--url", required=True, help="the address of an image")
    ota.add_argument("--sha256", default="", help="what the image must have")
    stm32 = _add_door(doors, "stm32", "an ESP that feeds an STM32: once, block by block")
    stm32.add_argument("--url", required=True, help="the address of an image")
    stm32.add_argument("--sha256", default="", help="what the image must have")
    stm32.add_argument("--offered", required=True, help="the version of that image")
    ddi = _add_door(doors, "ddi", "hawkBit's device API, as swupdate uses it")
    ddi.add_argument("--hub", default="http://127.0.0.1:8000", help="the hub's address")
    ddi.add_argument("--tenant", default="default")
    ddi.add_argument("--code", required=True, help="the device's code")
    ddi.add_argument("--key", required=True, help="the device's key")


def _add_door(doors, name: str, text: str) -> argparse.ArgumentParser:
    door = doors.add_parser(name, help=text)
    door.add_argument("--running", default="1.0.0", help="the version that runs at first")
    door.add_argument("--power-cut", choices=("download", "verify", "flash"), default="", help="at this step")
    door.add_argument("--wrong-hash", action="store_true", help="a bit changes on the way")
    door.add_argument("--silent", action="store_true", help="take the offer and say nothing more")
    door.add_argument("--lies", action="store_true", help="report success and run the old version")
    return door


def build_board(options: argparse.Namespace) -> UpdatingBoard:
    """Return the board that the options ask for."""
    faults = Faults(options.power_cut, options.wrong_hash, options.silent, options.lies)
    if "stm32" in (options.door, getattr(options, "module", "")):
        chip = Stm32(make_firmware(options.running, chip="stm32"))
        board: Board = Stm32Board(chip, Uart(chip, noise=0.01), faults)
    else:
        front = "esp32" if options.door == "https-ota" else getattr(options, "chip", "esp8266")
        board = Board(make_firmware(options.running, chip=front), faults)
    name = getattr(options, "code", "") or getattr(options, "device_name", "") or options.door
    return UpdatingBoard(Name(name), _build_device(options, board), board)


def _build_device(options: argparse.Namespace, board: Board) -> Device:
    if options.door == "aliyun":
        host, port = options.mqtt
        product, name, secret, module = (
            options.product_key,
            options.device_name,
            options.secret,
            options.module,
        )
        config = AliyunConfig(
            host, port, product, name, secret, module, swapped_topics=options.swapped_topics
        )
        return AliyunDevice(config, board)
    if options.door == "esp":
        chip = Chip(options.chip)
        flash_bytes = 2**22 if chip is Chip.ESP8266 else 2**23
        config = EspUpdaterConfig(options.url, chip, chip_size_bytes=flash_bytes, every_s=options.every)
        return EspUpdater(config, board)
    if options.door == "https-ota":
        return EspHttpsOta(EspHttpsOtaConfig(options.url, options.sha256), board)
    if isinstance(board, Stm32Board) and options.door == "stm32":
        return Stm32Feeder(Stm32FeederConfig(options.url, options.offered, options.sha256), board)
    return DdiClient(DdiConfig(options.hub.rstrip("/"), options.tenant, options.code, options.key), board)
