"""Simulated cameras inside the hub, so that nobody needs hardware to see what PhotoHub is."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

from channels.layers import get_channel_layer
from django.db import DatabaseError, InterfaceError

from devices.events import troubles
from devices.keys import identity
from devices.registry.models import Device
from devices.setup import adding
from photohub.lib.database.db import in_thread
from simulators.esp32s3 import Esp32S3Camera, Esp32S3Config, mac_for
from simulators.scenes import Scene

log = logging.getLogger(__name__)

GROUP = "simulators"
DEMO = (("demo-harbour", "Harbour", "harbour"), ("demo-workshop", "Workshop", "workshop"))
_SCENES = ("harbour", "workshop", "greenhouse", "garden")
DATABASE_AWAY = (DatabaseError, InterfaceError)
_RETRY_S = 2.0
_PICTURE_EVERY_S = 60.0
_FIRST_HOUR = 14.0
_DAY_S = 1800.0  # a day in half an hour, so that the pictures visibly change


class SimulatedCameras:
    """Runs one simulated board for each simulated device: those of the demo, and those that an owner adds in a page."""

    def __init__(self, http_port: int, mqtt_port: int | None, demo: bool) -> None:
        self._http_port = http_port
        self._mqtt_port = mqtt_port
        self._demo = demo
        self._running: dict[str, asyncio.Task] = {}

    async def run(self) -> None:
        """Start what should run, then start and stop boards as pages ask."""
        if self._mqtt_port is None:
            return
        try:
            for code, key, scene in await self._patiently(_prepare, self._demo):
                self._start(code, key, scene)
            while True:
                try:
                    await self._listen()
                except Exception:
                    log.exception(
                        "What a page asks of simulated cameras could not be heard; it is tried again."
                    )
                    await asyncio.sleep(_RETRY_S)
        finally:
            await self._stop_all()

    async def _listen(self) -> None:
        layer = get_channel_layer()
        channel = await layer.new_channel("simulators")
        await layer.group_add(GROUP, channel)
        try:
            while True:
                await self._obey(await layer.receive(channel))
        finally:
            with contextlib.suppress(Exception):
                await layer.group_discard(GROUP, channel)

    async def _patiently(self, function: Callable, *args: object) -> Any:
        """Call a database function until it succeeds: a database that is locked for a while stops no camera."""
        while True:
            try:
                return await in_thread(function, *args)
            except DATABASE_AWAY as error:
                log.warning("Simulated cameras wait for the database: %s", error)
                await asyncio.sleep(_RETRY_S)

    async def _obey(self, message: dict) -> None:
        if message["type"] == "simulator.add":
            scene = _SCENES[len(self._running) % len(_SCENES)]
            self._start(message["device"], message["key"], scene)
        elif message["type"] == "simulator.remove":
            await self._stop(message["device"])

    def _start(self, code: str, key: str, scene: str) -> None:
        self._running[code] = asyncio.create_task(self._play(code, key, scene), name=f"simulator {code}")

    async def _play(self, code: str, key: str, scene: str) -> None:
        device = await self._patiently(Device.objects.filter(code=code).first)
        if device is None:
            return
        await in_thread(troubles.over, device, "simulator_stopped")
        config = Esp32S3Config(
            upload_url=f"http://127.0.0.1:{self._http_port}/api/upload",
            mqtt_host="127.0.0.1",
            mqtt_port=self._mqtt_port,
            mac=mac_for(device.pk),
            code=code,
            key=key,
            command_topic=device.command_topic,
            result_topic=device.result_topic,
            keyed_upload=True,
            latency_s=0.4,
            battery_mv=3900,
            every_s=_PICTURE_EVERY_S,
        )
        camera = Esp32S3Camera(config, _scene(scene, device))
        try:
            await camera.run()
        except asyncio.CancelledError:
            await camera.stop()
            raise
        except Exception as error:
            log.exception("The simulated camera %s stopped.", code)
            await in_thread(_note_stopped, device, type(error).__name__)

    async def _stop(self, code: str) -> None:
        task = self._running.pop(code, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _stop_all(self) -> None:
        for code in list(self._running):
            await self._stop(code)


def _note_stopped(device: Device, why: str) -> None:
    troubles.note(device, "simulator_stopped", why=why)


def _scene(name: str, device: Device) -> Scene:
    # The hour is chosen so that a new hub shows an afternoon, whatever the time of day.
    first_hour = (_FIRST_HOUR - time.time() / _DAY_S * 24) % 24
    return Scene(name, camera=device.name, seed=device.pk, day_s=_DAY_S, first_hour=first_hour)


def _prepare(demo: bool) -> list[tuple[str, str, str]]:
    """Make the demo's devices if they are asked for, and a fresh key for each simulated one. Returns (code, key, scene)."""
    if demo:
        for code, name, _scene in DEMO:
            if not Device.objects.filter(code=code).exists():
                adding.add_device(code=code, name=name, profile="esp32s3", simulated=True)
    scenes = {code: scene for code, _name, scene in DEMO}
    devices = Device.objects.filter(simulated=True).order_by("pk")
    return [
        (d.code, identity.issue_key(d), scenes.get(d.code, _SCENES[i % 4])) for i, d in enumerate(devices)
    ]
