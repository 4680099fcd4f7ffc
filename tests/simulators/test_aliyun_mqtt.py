import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devices.protocol.aliyun import login as aliyun_login
from devices.protocol.aliyun import updates as aliyun_updates
from devices.protocol.aliyun.blocks import BlockRequest
from simulators.aliyun_mqtt import TELEMETRY, AliyunConfig, AliyunDevice, read_offer
from simulators.firmware_board import Board, Faults, make_firmware
from simulators.stm32_feeder import Stm32, Stm32Board, Uart
from tests.simulators.aliyun_hub import DEVICE, PRODUCT, AliyunHub, aliyun_hub
from tests.simulators.fake_hub import until
from tests.simulators.firmware_hub import Reply, firmware_hub
from tests.simulators.mqtt_broker import mqtt_broker

OLD = make_firmware("1.0.0")
CONFIG = AliyunConfig("127.0.0.1", 1883, PRODUCT, DEVICE, "secret123")


@asynccontextmanager
async def stage(
    faults: Faults | None = None,
    *,
    board: Board | None = None,
    hub_has: dict | None = None,
    **settings: object,
) -> AsyncIterator[tuple[AliyunHub, AliyunDevice]]:
    async with mqtt_broker() as port, aliyun_hub(port, **(hub_has or {})) as hub:
        fields = {"block_wait_s": 0.3, "reconnect_s": 0.05} | settings
        config = AliyunConfig("127.0.0.1", port, PRODUCT, DEVICE, "secret123", **fields)
        device = AliyunDevice(config, board or Board(OLD, faults))
        running = asyncio.create_task(device.run())
        try:
            yield hub, device
        finally:
            await device.stop()
            await running


async def updated(hub: AliyunHub) -> None:
    await until(lambda: hub.versions[-1:] == [hub.image.version])


@pytest.mark.parametrize("method", ["hmacmd5", "hmacsha1", "hmacsha256"])
def test_it_signs_in_as_the_hub_expects(method: str):
    config = AliyunConfig("127.0.0.1", 1883, PRODUCT, DEVICE, "secret123", sign_method=method)
    login = aliyun_login.parse_login(config.client_id, f"{DEVICE}&{PRODUCT}")
    assert aliyun_login.verify(login, "secret123", config.password)
    assert not aliyun_login.verify(login, "other", config.password) and config.password.isupper()


async def test_it_asks_fetches_blocks_and_informs_the_new_version():
    async with stage() as (hub, device):
        await updated(hub)
    assert hub.versions == ["1.0.0", "2.0.0"] and device.board.running == hub.image
    requests = [h for h in hub.heard if isinstance(h, BlockRequest)]
    assert [(r.offset, r.size_bytes) for r in requests] == [
        (0, 5120),
        (5120, 5120),
        (10240, 5120),
        (15360, 4640),
    ]
    assert hub.steps == [0, 25, 51, 76, 99, 100]


async def test_a_request_for_a_block_has_the_sdk_s_comma():
    async with stage() as (hub, _device):
        await updated(hub)
    assert all(b'"fileId":1,},"fileBlock"' in request for request in hub.block_requests)


async def test_a_push_by_url_is_fetched_with_a_range_from_the_first_request_on():
    async with firmware_hub() as web:
        async with stage(hub_has={"url": f"{web.url}/ota/f/x"}, cut_after_bytes=7000) as (hub, _device):
            await updated(hub)
    assert web.wanted == ["bytes=0-", "bytes=7000-"]


async def test_a_pushed_offer_is_taken_without_asking():
    async with stage(asks=False) as (hub, device):
        await until(lambda: device.connected.is_set())
        await hub.push()
        await updated(hub)
    assert not [h for h in hub.heard if isinstance(h, aliyun_updates.FirmwareGet)]


async def test_blocks_that_are_lost_or_damaged_are_asked_for_again():
    async with stage(hub_has={"lost_blocks": 1, "spoiled_blocks": 1, "sign_method": "Md5"}) as (hub, device):
        await updated(hub)
    assert device.board.counters["bad_block"] == 1 and device.board.running == hub.image


async def test_a_block_that_never_comes_ends_the_download():
    async with stage(hub_has={"spoiled_blocks": 99}) as (hub, device):
        await until(lambda: -2 in hub.steps)
    assert device.board.counters["bad_block"] == 3 and device.board.running == OLD


async def test_a_changed_bit_is_told_as_a_failed_verification():
    async with stage(Faults(wrong_hash=True)) as (hub, device):
        await until(lambda: -3 in hub.steps)
    assert hub.versions == ["1.0.0"] and 100 not in hub.steps and device.board.running == OLD


@pytest.mark.parametrize("step", ["download", "verify", "flash"])
async def test_after_a_power_cut_it_informs_the_old_version_and_tries_again(step: str):
    async with stage(Faults(power_cut_at=step)) as (hub, _device):
        await updated(hub)
    assert hub.versions == ["1.0.0", "1.0.0", "2.0.0"]


async def test_a_liar_says_100_and_informs_the_old_version():
    async with stage(Faults(lies=True)) as (hub, _device):
        await until(lambda: len(hub.versions) == 2)
    assert hub.versions == ["1.0.0", "1.0.0"] and 100 in hub.steps


async def test_a_silent_device_takes_the_offer_and_says_nothing():
    async with stage(Faults(silent=True)) as (hub, device):
        await until(lambda: device.board.counters["silence"])
        await hub.push()
        await until(lambda: device.board.counters["offer"] == 2)
    assert hub.steps == [] and hub.versions == ["1.0.0"]


async def test_the_published_sample_s_directions_are_junk_and_harm_nobody():
    async with stage(swapped_topics=True) as (hub, _device):
        await updated(hub)
    assert TELEMETRY in hub.junk and aliyun_updates.decode_inform(TELEMETRY) is None


async def test_an_stm32_is_fed_as_a_module_of_its_own():
    chip = Stm32(make_firmware("1.0.0", 4000, "stm32"))
    image = make_firmware("2.0.0", 9000, "stm32")
    board = Stm32Board(chip, Uart(chip, noise=0.1))
    async with stage(board=board, module="stm32", hub_has={"image": image, "module": "stm32"}) as (
        hub,
        _device,
    ):
        await updated(hub)
    assert chip.running == image
    assert {h.module for h in hub.heard if not isinstance(h, BlockRequest)} == {"stm32"}


async def test_a_download_without_the_spelling_of_content_length_is_refused():
    bare = Reply(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd")
    async with firmware_hub() as web:
        web.routes["/ota/f/"] = lambda asked: bare
        async with stage(hub_has={"url": f"{web.url}/ota/f/x"}) as (hub, device):
            await until(lambda: -2 in hub.steps)
    assert "Content-Length" in device.board.events[-1].detail


OFFER = {"size": 1, "version": "2", "sign": "0", "signMethod": "Md5", "url": "http://hub/x"}


@pytest.mark.parametrize(
    "changes", [{}, {"signMethod": "SHA256"}, {"signMethod": "Sha256"}, {"url": None, "dProtocol": "mqtt"}]
)
def test_an_offer_that_the_sdk_takes(changes: dict):
    assert read_offer(json.dumps({"data": OFFER | changes}).encode())


@pytest.mark.parametrize(
    "changes", [{"signMethod": "MD5"}, {"size": "1"}, {"version": None}, {"sign": None}, {"url": None}]
)
def test_an_offer_that_the_sdk_does_not_know(changes: dict):
    assert read_offer(json.dumps({"data": OFFER | changes}).encode()) is None
    assert [read_offer(junk) for junk in (b"", b"[]", b'{"data":{}}', TELEMETRY)] == [None] * 4
