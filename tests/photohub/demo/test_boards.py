"""Which program each simulated device runs, and what becomes of one that breaks."""

import asyncio
import contextlib
import io

import pytest
from asgiref.sync import sync_to_async
from PIL import Image, ImageStat

from devices.events.models import Trouble
from devices.hub_settings import choices
from devices.setup import adding, simulated
from photohub.demo import boards, painting, playing, stage
from photohub.demo.cast import BOARDS, CAMERAS, PANEL, PI, Addresses
from simulators.esp32s3 import Esp32S3Camera
from simulators.esp_updater import EspUpdater
from simulators.panel_base import PanelBase
from simulators.raspberry_pi import RaspberryPi
from tests.builders import make_user
from tests.waiting import until_await

pytestmark = pytest.mark.django_db(transaction=True)
AT = Addresses(8000, 1883, 8100)
MIDNIGHT_S = 1_767_225_600  # in UTC


def test_every_device_of_the_demo_runs_what_a_real_one_of_its_kind_runs():
    stage.make_devices()
    built = {d.code: type(boards.build(d, "key", "harbour", AT)) for d in simulated.devices()}
    assert built == (
        dict.fromkeys([camera.code for camera in CAMERAS], Esp32S3Camera)
        | dict.fromkeys([code for code, _name in BOARDS], EspUpdater)
        | {PI[0]: RaspberryPi, PANEL[0]: PanelBase}
    )


def test_a_board_runs_after_a_restart_what_it_last_said_it_ran():
    stage.make_devices()
    board = simulated.devices().get(code=BOARDS[0][0])
    assert boards.build(board, "key", "", AT).board.running.version == stage.RUNNING
    board.firmware_version = stage.OFFERED
    assert boards.build(board, "key", "", AT).board.running.version == stage.OFFERED


@pytest.mark.parametrize(("zone", "is_dark"), [("Etc/GMT-12", False), ("Etc/GMT+0", True)])
def test_it_is_as_late_in_the_pictures_as_in_the_hubs_zone(settings, zone, is_dark):
    settings.HUB_TIME_ZONE = zone
    stage.make_devices()
    scene = boards.build(simulated.devices().get(code="demo-yard"), "key", "garden", AT).scene
    picture = Image.open(io.BytesIO(scene.jpeg(MIDNIGHT_S, 1))).convert("L")
    assert (ImageStat.Stat(picture).mean[0] < 60) == is_dark


class Breaks:
    async def run(self) -> None:
        raise RuntimeError

    async def stop(self) -> None:
        pass


async def test_a_device_whose_program_breaks_says_so_and_a_piece_that_fails_costs_no_other(monkeypatch):
    def fail() -> None:
        raise ValueError

    painted = asyncio.Event()

    async def paint(self) -> None:
        painted.set()

    await sync_to_async(make_user)("alice", "owner")
    monkeypatch.setattr(stage, "fill_playlist", fail)
    monkeypatch.setattr(stage, "begin_rollout", lambda: None)
    monkeypatch.setattr(painting.Painting, "run", paint)
    monkeypatch.setattr(boards, "build", lambda *about: Breaks())
    running = asyncio.create_task(playing.SimulatedDevices(AT, demo=True).run())
    async with asyncio.timeout(20):
        await painted.wait()
        everyone = await sync_to_async(simulated.devices().count)()

        async def all_told() -> bool:
            return await Trouble.objects.filter(word="simulator_stopped").acount() == everyone

        await until_await(all_told)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


class Deaf:
    """Loses the cancellation, as an MQTT client may, and ends by its own stop."""

    def __init__(self) -> None:
        self.may_end, self.begun = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        self.begun.set()
        while not self.may_end.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.may_end.wait()

    async def stop(self) -> None:
        self.may_end.set()


async def test_a_program_that_loses_its_cancellation_is_stopped_with_the_hub(monkeypatch):
    program = Deaf()
    monkeypatch.setattr(
        stage,
        "make_devices",
        lambda: adding.add_device(code="demo-1", name="", profile="panel", simulated=True),
    )
    for piece in ("fill_playlist", "begin_rollout"):
        monkeypatch.setattr(stage, piece, lambda: None)
    monkeypatch.setattr(boards, "build", lambda *about: program)
    running = asyncio.create_task(playing.SimulatedDevices(AT, demo=True).run())
    async with asyncio.timeout(20):
        await program.begun.wait()
        running.cancel()
        await asyncio.wait({running})
    assert program.may_end.is_set()


async def test_the_past_is_painted_once_somebody_owns_the_hub_and_names_follow_his_language(monkeypatch):
    painted = asyncio.Event()

    async def paint(self) -> None:
        painted.set()

    monkeypatch.setattr(playing, "_LOOKS_EVERY_S", 0.01)
    monkeypatch.setattr(painting.Painting, "run", paint)
    for piece in ("fill_playlist", "begin_rollout"):
        monkeypatch.setattr(stage, piece, lambda: None)
    monkeypatch.setattr(boards, "build", lambda *about: Deaf())
    running = asyncio.create_task(playing.SimulatedDevices(AT, demo=True).run())

    async def is_named(name: str) -> bool:
        return await simulated.devices().filter(name=name).aexists()

    async with asyncio.timeout(30):
        await until_await(lambda: is_named("Meter 6"))
        assert not painted.is_set()
        await sync_to_async(make_user)("alice", "owner")
        await painted.wait()
        await sync_to_async(choices.learn_language)("zh-hans")
        await until_await(lambda: is_named("电表 6"))
        running.cancel()
        await asyncio.wait({running})
