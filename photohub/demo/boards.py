"""The program of each simulated device: what a real one of its profile runs."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from devices.protocol import topics
from devices.protocol.topics import Channel
from devices.registry.camera_profiles import PANEL
from devices.registry.models import Device
from photohub.lib.pages.timezones import hub_timezone
from simulators.esp32s3 import Esp32S3Camera, Esp32S3Config, mac_for
from simulators.esp_updater import EspUpdater, EspUpdaterConfig
from simulators.firmware_board import Board, make_firmware
from simulators.panel_base import PanelBase, PanelConfig
from simulators.raspberry_pi import RaspberryPi, RaspberryPiConfig
from simulators.scenes import Scene

from .cast import BURNED_IN, SEEDS, Addresses
from .stage import RUNNING

_PICTURE_EVERY_S = 60.0
_ASKS_EVERY_S = 60.0
_FPS = 1.0
_RECONNECT_S = 5.0


class Program(Protocol):
    """What runs on a board: `run` until `stop`."""

    async def run(self) -> None: ...

    async def stop(self) -> None: ...


def build(device: Device, key: str, scene: str, at: Addresses) -> Program:
    """Return the program of this device, which speaks to the hub as any other would."""
    if device.profile == PANEL:
        return _panel(device, key, at)
    if device.profile == "raspberry-pi":
        return _pi(device, key, scene, at)
    if device.profile == "esp8266-stm32":
        return _meter(device, key, at)
    return _camera(device, key, scene, at)


def _camera(device: Device, key: str, scene: str, at: Addresses) -> Program:
    config = Esp32S3Config(
        upload_url=f"http://127.0.0.1:{at.http_port}/api/upload",
        mqtt_host="127.0.0.1",
        mqtt_port=at.mqtt_port,
        mac=mac_for(device.pk),
        code=device.code,
        key=key,
        command_topic=device.command_topic,
        result_topic=device.result_topic,
        keyed_upload=True,
        latency_s=0.4,
        battery_mv=3900,
        every_s=_PICTURE_EVERY_S,
    )
    return Esp32S3Camera(config, _scene(scene, device))


def _pi(device: Device, key: str, scene: str, at: Addresses) -> Program:
    config = RaspberryPiConfig(
        port=at.stream_port, code=device.code, key=key, fps=_FPS, retry_s=_RECONNECT_S, restarts=True
    )
    return RaspberryPi(config, _scene(scene, device, width=640, height=480))


def _panel(device: Device, key: str, at: Addresses) -> Program:
    return PanelBase(
        PanelConfig(
            port=at.mqtt_port,
            code=device.code,
            key=key,
            picture_topic=device.picture_topic,
            ack_topic=device.picture_ack_topic,
            status_topic=topics.build(device.code, Channel.STATUS),
            ack_base=device.ack_base,
        )
    )


def _meter(device: Device, key: str, at: Addresses) -> Program:
    # After a restart of the hub it runs what it last said it ran.
    board = Board(make_firmware(device.firmware_version or RUNNING))
    url = f"http://127.0.0.1:{at.http_port}/ota/esp/{key}"
    return EspUpdater(EspUpdaterConfig(url, mac=mac_for(device.pk), every_s=_ASKS_EVERY_S), board)


@dataclass(frozen=True)
class HubsHour:
    """A scene in which it is as late as in the hub's zone, which owners may change."""

    scene: Scene

    def jpeg(self, t: float, frame: int) -> bytes:
        """Return the view at unix time `t` as a JPEG file."""
        ahead = datetime.fromtimestamp(t, hub_timezone()).utcoffset() or timedelta()
        return replace(self.scene, offset_s=ahead.total_seconds()).jpeg(t, frame)


def _scene(name: str, device: Device, **size: int) -> HubsHour:
    # The same place as in the pictures of the past.
    seed = SEEDS.get(device.code, device.pk)
    return HubsHour(Scene(name, camera=BURNED_IN.get(device.code, device.code), seed=seed, **size))
