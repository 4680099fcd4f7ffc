"""Firmware by every HTTP endpoint of the embedded hub, with boards that lose power, lie and fall silent."""

import pytest

from devices.protocol.firmware.esp_image import Chip
from simulators.ddi_client import DdiClient, DdiConfig
from simulators.esp_https_ota import EspHttpsOta, EspHttpsOtaConfig
from simulators.esp_updater import EspUpdater, EspUpdaterConfig
from simulators.firmware_board import Board
from simulators.http_fetch import Interrupted, Wish, fetch
from simulators.stm32_feeder import Stm32, Stm32Board, Stm32Feeder, Stm32FeederConfig, Uart
from tests.flows.story import Visitor
from tests.flows.updates import OLD, Update, release
from tests.hub_process import running_hub

LOGIN = ("alice", "correct horse 9")
CUTS = ["", "download", "verify", "flash"]


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": LOGIN[0], "DJANGO_SUPERUSER_PASSWORD": LOGIN[1]}
    with running_hub(env=env | {"PHOTOHUB_UNSIGNED_FIRMWARE": "allow"}) as hub:
        hub.token = hub.console.run("api_token", "alice").strip()
        yield hub


@pytest.fixture
async def maker(hub):
    person = Visitor(hub.url, hub.token)
    yield person
    await person.api.aclose()


def updater(update: Update, board: Board, **settings) -> EspUpdater:
    url = f"{update.hub.url}/ota/esp/{update.device['key']}"
    return EspUpdater(EspUpdaterConfig(url, **settings), board)


def ddi(update: Update, board: Board, **settings) -> DdiClient:
    code, key = update.device["code"], update.device["key"]
    return DdiClient(DdiConfig(update.hub.url, "default", code, key, **settings), board)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("chip", list(Chip))
async def test_an_arduino_board_updates_and_its_program_proves_it(hub, maker, chip, cut):
    update = await release(hub, maker, chip)
    board = updater(
        update, update.board(power_cut_at=cut), chip=chip, chip_size_bytes=2**24, sends_version=False
    )
    if cut:
        assert await board.check() == "power_cut" and board.board.running == update.old
    assert await board.check() == "updated"
    assert (await update.target())["state"] != "proved"
    assert await board.check() == "no_update" and board.board.running == update.new
    assert (await update.reach("proved"))["door"] == "esp"


@pytest.mark.parametrize("cut", CUTS)
async def test_esp_https_ota_resumes_at_the_byte(hub, maker, cut):
    update = await release(hub, maker, "esp32")
    offer = update.check(OLD).json()
    config = EspHttpsOtaConfig(offer["url"], sha256=offer["sha256"], cut_after_bytes=30_000)
    board = EspHttpsOta(config, update.board(power_cut_at=cut))
    results = [await board.update()] + ([await board.update()] if cut else [])
    assert results[-1] == "updated" and board.board.running == update.new
    assert board.board.counters["interrupted"] == 1
    assert update.check(update.new.version).status_code == 204
    assert (await update.reach("proved"))["percent"] == 100


@pytest.mark.parametrize("cut_after_frames", [0, 300])
async def test_an_stm32_is_fed_block_by_block(hub, maker, cut_after_frames):
    update = await release(hub, maker, "stm32", "stm32")
    offer = update.check(OLD).json()
    uart = Uart(Stm32(update.old))
    uart.cut_after_frames = cut_after_frames
    board = Stm32Board(uart._chip, uart)
    feeder = Stm32Feeder(Stm32FeederConfig(offer["url"], offer["version"], offer["sha256"]), board)
    if cut_after_frames:
        assert await feeder.update() == "power_cut" and board.chip.running == update.old
    assert await feeder.update() == "updated"
    assert update.check(board.running.version).status_code == 204
    assert (await update.reach("proved"))["module"] == "stm32"


@pytest.mark.parametrize("cut", CUTS)
async def test_swupdate_closes_its_action_after_the_restart(hub, maker, cut):
    update = await release(hub, maker)
    board = ddi(update, update.board(power_cut_at=cut), cut_after_bytes=70_000)
    if cut:
        assert await board.poll() == "power_cut"
    assert await board.poll() == "installed"
    assert (await update.target())["state"] != "proved"
    assert [await board.poll(), await board.poll()] == ["closed", "nothing"]
    assert (await update.reach("proved"))["door"] == "ddi"


async def test_a_wrong_hash_is_the_reason_that_people_read(hub, maker):
    update = await release(hub, maker)
    assert await ddi(update, update.board(wrong_hash=True)).poll() == "failed"
    failed = await update.reach("failed")
    assert failed["reason_word"] == "upgrade" and "sha1" in failed["explanation"]


async def test_a_wrong_hash_on_the_way_is_only_another_try(hub, maker):
    update = await release(hub, maker)
    assert await updater(update, update.board(wrong_hash=True)).check() == "failed"
    board = updater(update, update.board())
    assert [await board.check(), await board.check()] == ["updated", "no_update"]
    assert await update.reach("proved")


async def test_a_board_that_falls_silent_has_failed_when_its_time_is_over(hub, maker):
    update = await release(hub, maker)
    board = updater(update, update.board(silent=True))
    assert await board.check() == "failed"
    await update.reach("flashing")
    update.turn_clock(3600)
    assert (await update.reach("timed_out"))["reason_word"] == "silent"
    assert await board.check() == "no_update"


async def test_success_with_the_old_version_is_no_success(hub, maker):
    update = await release(hub, maker)
    board = ddi(update, update.board(lies=True))
    assert [await board.poll(), await board.poll()] == ["installed", "closed"]
    assert (await update.target())["reason_word"] == "old_version"
    update.turn_clock(3600)
    failed = await update.reach("failed")
    assert failed["reason_word"] == "old_version" and "another version" in failed["explanation"]


async def test_an_image_that_is_fetched_but_never_started_has_failed(hub, maker):
    update = await release(hub, maker, offers_at_most=1)
    board = updater(update, update.board(lies=True))
    assert await board.check() == "updated" and board.board.running == update.old
    await update.reach("flashing")
    update.turn_clock(60)
    assert await board.check() == "no_update"
    assert (await update.reach("failed"))["reason_word"] == "old_version"


async def test_a_changed_byte_stops_the_rollout_before_it_is_sent(hub, maker):
    update = await release(hub, maker)
    offer = update.check(OLD).json()
    path = hub.data / "firmware" / offer["sha256"]
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    answer = await maker.api.get(offer["url"], headers={"authorization": ""})
    assert (answer.status_code, answer.json()["err"]) == (500, "integrity")
    rollout = (await maker.api.get(f"/rollouts/{update.rollout}")).json()
    assert (rollout["state"], rollout["reason_word"]) == ("paused", "integrity")


async def test_a_token_is_one_devices_own(hub, maker):
    update, other = await release(hub, maker), await release(hub, maker)
    url = update.check(OLD).json()["url"]
    answer = await fetch(Wish(url, {"X-Device-Key": other.device["key"]}))
    assert answer.status == 404
    assert (await fetch(Wish(url, {"X-Device-Key": update.device["key"]}))).status == 200
    assert (await fetch(Wish(url + "x"))).status == 404


async def test_a_cancelled_update_is_stopped_at_the_board(hub, maker):
    update = await release(hub, maker)
    board = ddi(update, update.board(power_cut_at="verify"))
    assert await board.poll() == "power_cut"
    await maker.api.post(f"/rollouts/{update.rollout}/cancel")
    assert [await board.poll(), await board.poll()] == ["cancelled", "nothing"]
    assert board.board.running == update.old and (await update.target())["state"] == "cancelled"


async def test_a_download_goes_on_after_the_hub_was_killed(hub, maker):
    update = await release(hub, maker)
    url = update.check(OLD).json()["url"]
    with pytest.raises(Interrupted) as broken:
        await fetch(Wish(url, stop_after_bytes=80_001))
    hub.kill()
    hub.start()
    begun = broken.value.fetched.body
    rest = await fetch(
        Wish(url, {"Range": f"bytes={len(begun)}-", "If-Range": broken.value.fetched.headers["etag"]})
    )
    assert rest.status == 206 and begun + rest.body == update.new.data
