"""Runs simulated devices inside the hub, so that nobody needs hardware to see what PhotoHub is."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, InterfaceError

from devices.access import rights
from devices.events import troubles
from devices.hub_settings import choices
from devices.keys import identity
from devices.registry.models import Device
from devices.setup import simulated
from devices.setup.simulated import GROUP
from photohub.lib.database.db import in_thread
from photohub.lib.memory.later import later
from photohub.lib.messaging import notify

from .cast import SCENES, Addresses

# A hub without simulated devices needs no programs for them.
if TYPE_CHECKING:
    from . import boards, naming, painting, stage
else:
    boards, painting = later("photohub.demo.boards"), later("photohub.demo.painting")
    naming, stage = later("photohub.demo.naming"), later("photohub.demo.stage")

log = logging.getLogger(__name__)

_OTHER_SCENES = ("harbour", "workshop", "greenhouse", "garden")
DATABASE_AWAY = (DatabaseError, InterfaceError)
_RETRY_S = 2.0
_ENDS_WITHIN_S = 2.0
_LOOKS_EVERY_S = 1.0


class SimulatedDevices:
    """Runs a program for each simulated device: those of the demo, and cameras that an owner adds in a page."""

    def __init__(self, addresses: Addresses | None, demo: bool) -> None:
        """Without `addresses` (the broker is outside, where the hub has no say) nothing runs."""
        self._addresses = addresses
        self._demo = demo
        self._running: dict[str, asyncio.Task] = {}
        self._programs: dict[str, boards.Program] = {}

    async def run(self) -> None:
        """Start what should run, then start and stop programs as pages ask."""
        if self._addresses is None:
            return
        past = asyncio.create_task(self._set_the_stage(), name="demo") if self._demo else None
        try:
            if not self._demo:
                await self._start_all()
            while True:
                try:
                    await self._listen()
                except Exception:
                    log.exception(
                        "What a page asks of simulated devices could not be heard; it is tried again."
                    )
                    await asyncio.sleep(_RETRY_S)
        finally:
            if past is not None:
                past.cancel()
                await asyncio.wait({past}, timeout=_ENDS_WITHIN_S)
            await self._stop_all()

    async def _set_the_stage(self) -> None:
        """Make the demo, piece by piece, what people see first before the rest; a piece that fails costs no other."""
        pieces = (
            partial(self._patiently, stage.make_devices),
            self._start_all,
            partial(self._patiently, stage.fill_playlist),
            partial(self._patiently, stage.begin_rollout),
        )
        for piece in pieces:
            await _try(piece)
        await asyncio.gather(_try(self._paint), _try(self._follow_language))

    async def _paint(self) -> None:
        """Paint the past once there is an owner: until then nobody looks, and nobody said in which zone days begin."""
        while not await self._patiently(rights.owner_exists):  # noqa: ASYNC110
            await asyncio.sleep(_LOOKS_EVERY_S)
        await painting.Painting().run()

    async def _follow_language(self) -> None:
        # Another process may be told, so there is no event to await.
        while not await self._patiently(choices.chosen_language):  # noqa: ASYNC110
            await asyncio.sleep(_LOOKS_EVERY_S)
        await self._patiently(naming.rename)

    async def _start_all(self) -> None:
        for number, (code, key) in enumerate(await self._patiently(_issue_keys)):
            self._start(code, key, SCENES.get(code, _OTHER_SCENES[number % len(_OTHER_SCENES)]))

    async def _listen(self) -> None:
        layer = notify.channel_layer()
        channel = await layer.new_channel("simulators")
        await layer.group_add(GROUP, channel)
        try:
            while True:
                await self._obey(await layer.receive(channel))
        finally:
            with contextlib.suppress(Exception):
                await layer.group_discard(GROUP, channel)

    async def _patiently(self, function: Callable, *args: object) -> Any:
        """Call a database function until it succeeds: a database that is locked for a while stops no device."""
        while True:
            try:
                return await in_thread(function, *args)
            except DATABASE_AWAY as error:
                log.warning("Simulated devices wait for the database: %s", error)
                await asyncio.sleep(_RETRY_S)

    async def _obey(self, message: dict) -> None:
        if message["type"] == "simulator.add":
            scene = _OTHER_SCENES[len(self._running) % len(_OTHER_SCENES)]
            self._start(message["device"], message["key"], scene)
        elif message["type"] == "simulator.remove":
            await self._stop(message["device"])

    def _start(self, code: str, key: str, scene: str) -> None:
        self._running[code] = asyncio.create_task(self._play(code, key, scene), name=f"simulator {code}")

    async def _play(self, code: str, key: str, scene: str) -> None:
        device = await self._patiently(Device.objects.filter(code=code).first)
        if device is None or self._addresses is None:
            return
        await in_thread(troubles.over, device, "simulator_stopped")
        program = self._programs[code] = boards.build(device, key, scene, self._addresses)
        try:
            await program.run()
        except Exception as error:
            log.exception("The simulated device %s stopped.", code)
            await in_thread(_note_stopped, device, type(error).__name__)

    async def _stop(self, code: str) -> None:
        """End a program by its own stop: it cancels again what its MQTT client loses of a cancellation."""
        task, program = self._running.pop(code, None), self._programs.pop(code, None)
        if task is None:
            return
        if program is not None:
            stopping = asyncio.create_task(program.stop())
            await asyncio.wait({task, stopping}, timeout=_ENDS_WITHIN_S)
            stopping.cancel()
        task.cancel()
        await asyncio.wait({task}, timeout=_ENDS_WITHIN_S)

    async def _stop_all(self) -> None:
        await asyncio.gather(*(self._stop(code) for code in list(self._running)))


async def _try(piece: Callable[[], Awaitable[None]]) -> None:
    try:
        await piece()
    except Exception:
        log.exception("A part of the demo could not be made.")


def _note_stopped(device: Device, why: str) -> None:
    troubles.note(device, "simulator_stopped", why=why)


def _issue_keys() -> list[tuple[str, str]]:
    """Give each simulated device a fresh key. Returns (code, key)."""
    return [(device.code, identity.issue_key(device)) for device in simulated.devices().order_by("pk")]
