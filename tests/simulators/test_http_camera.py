import asyncio
import hashlib
import json

import pytest

from simulators.http_camera import (
    HttpCamera,
    HttpCameraConfig,
    choose_pause_s,
    is_worth_retrying,
    read_retry_after,
)
from simulators.scenes import Still
from tests.simulators.fake_hub import FakeHub, answer, fake_hub, until

JPEG = b"\xff\xd8\xff\xdb" + bytes(range(200)) * 5 + b"\xff\xd9"
BUSY = answer(b'{"code":1,"des":"busy","err":"busy"}', "503 Service Unavailable", "Retry-After: 0")


def camera_for(hub: FakeHub, **settings: object) -> HttpCamera:
    config = HttpCameraConfig(
        hub.url, "yard", "s3cret", **{"first_pause_s": 0.01, "every_s": 0.02, **settings}
    )
    return HttpCamera(config, Still(JPEG))


async def test_a_picture_goes_out_with_its_hash_its_key_and_its_telemetry():
    async with fake_hub() as hub:
        assert await camera_for(hub).send_one()
    [request] = hub.requests
    assert request.line == "POST /api/upload HTTP/1.1"
    assert request.headers["X-Content-SHA256"] == hashlib.sha256(request.body).hexdigest()
    assert request.headers["X-Device-Key"] == "s3cret"
    assert 3300 <= int(request.headers["X-Battery-Mv"]) <= 4120
    assert -75 <= int(request.headers["X-RSSI"]) < -50
    assert float(request.headers["X-Captured-At"]) > 1_700_000_000


async def test_the_key_may_travel_as_a_bearer_token():
    async with fake_hub() as hub:
        await camera_for(hub, key_header="Authorization").send_one()
    assert hub.requests[0].headers["Authorization"] == "Bearer s3cret"


async def test_a_retry_repeats_the_same_bytes_under_the_same_name():
    async with fake_hub(BUSY, BUSY, answer()) as hub:
        assert await camera_for(hub).send_one()
    assert len(hub.requests) == 3
    assert len({request.headers["Name-Pic"] for request in hub.requests}) == 1
    assert len({request.body for request in hub.requests}) == 1


async def test_a_refusal_for_good_is_not_repeated():
    refused = answer(json.dumps({"code": 1, "err": "auth"}).encode(), "401 Unauthorized")
    async with fake_hub(refused) as hub:
        camera = camera_for(hub)
        assert not await camera.send_one()
    assert len(hub.requests) == 1
    assert camera.counters["given_up"] == 1


async def test_a_camera_gives_up_after_its_attempts():
    async with fake_hub(BUSY) as hub:
        assert not await camera_for(hub, attempts=3).send_one()
    assert len(hub.requests) == 3


async def test_a_hub_that_is_away_is_tried_again():
    async with fake_hub() as hub:
        camera = camera_for(hub, attempts=2)
    assert not await camera.send_one()
    assert camera.counters["failed"] == 2


async def test_a_running_camera_posts_different_pictures_until_it_is_stopped():
    async with fake_hub() as hub:
        camera = camera_for(hub)
        running = asyncio.create_task(camera.run())
        await until(lambda: len(hub.requests) >= 3)
        await camera.stop()
        assert running.done()
    assert len({request.headers["Name-Pic"] for request in hub.requests}) == len(hub.requests)


async def test_stopping_does_not_wait_for_a_long_pause():
    async with fake_hub(answer(b"{}", "429 Too Many Requests", "Retry-After: 200")) as hub:
        camera = camera_for(hub)
        running = asyncio.create_task(camera.run())
        await until(lambda: camera.counters["upload"])
        await asyncio.wait_for(camera.stop(), 5)
        assert running.done()
    assert len(hub.requests) == 1


@pytest.mark.parametrize(
    ("status", "again"),
    [(408, True), (429, True), (500, True), (503, True), (507, True), (401, False), (422, False)],
)
def test_only_what_may_pass_is_retried(status: int, again: bool):
    assert is_worth_retrying(status) is again


def test_retry_after_is_read_as_seconds_or_as_a_date():
    assert read_retry_after("7", 0) == 7
    assert read_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 40) == 60
    assert read_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 500) == 0
    assert read_retry_after("soon", 0) is None
    assert read_retry_after("", 0) is None


def test_pauses_double_spread_and_respect_the_hub():
    assert [choose_pause_s(attempt, 1, None, 0.5) for attempt in range(4)] == [1, 2, 4, 8]
    assert (choose_pause_s(0, 1, None, 0), choose_pause_s(0, 1, None, 1)) == (0.75, 1.25)
    assert choose_pause_s(0, 1, 30, 0.5) == 30
    assert choose_pause_s(30, 1, None, 0.5) == 300


def told(**extras) -> bytes:
    return answer(json.dumps({"code": 0, **extras}).encode())


async def test_a_sleeping_camera_carries_out_its_order_and_sleeps_as_it_is_told():
    async with fake_hub(told(command={"action": 0, "name": "n-1"}, sleep_s=0), told(sleep_s=200)) as hub:
        camera = camera_for(hub, sleeps=True)
        running = asyncio.create_task(camera.run())
        await until(lambda: camera.counters["answer"] == 2)
        await camera.stop()
        assert running.done()
    assert [request.headers["Name-Pic"] for request in hub.requests][1:] == ["n-1"]


async def test_a_camera_that_does_not_sleep_reads_nothing_in_the_answer():
    async with fake_hub(told(command={"action": 0, "name": "n-1"})) as hub:
        await camera_for(hub).wake()
    assert len(hub.requests) == 1


async def test_a_sleeping_camera_takes_up_its_settings_and_says_so():
    wished = told(settings_version=3, settings={"frame_size": "QVGA", "quality": 40}, sleep_s=0)
    async with fake_hub(wished, answer(b"", "204 No Content"), wished) as hub:
        camera = camera_for(hub, sleeps=True)
        await camera.wake()
        await camera.wake()
    report = json.loads(hub.requests[1].body)
    assert hub.requests[1].line == "POST /api/v1/device/settings HTTP/1.1"
    assert (report["version"], report["settings"]) == (3, {"frame_size": "QVGA", "quality": 40})
    assert [request.headers.get("X-Settings-Version") for request in hub.requests] == ["0", None, "3"]


async def test_a_sleeping_camera_asks_for_settings_that_did_not_fit():
    wish = answer(b'{"version":3,"settings":{"led":"on"}}')
    async with fake_hub(told(settings_version=3), wish, answer(b"", "204 No Content")) as hub:
        camera = camera_for(hub, sleeps=True)
        await camera.wake()
    assert hub.requests[1].line == "GET /api/v1/device/settings?version=0 HTTP/1.1"
    assert camera.settings == {"led": "on"}


async def test_a_sleeping_camera_says_that_it_started_again():
    restart = told(command={"action": 1, "name": "restart-a"})
    async with fake_hub(restart, answer(b"", "204 No Content")) as hub:
        await camera_for(hub, sleeps=True).wake()
    assert json.loads(hub.requests[1].body)["restarted"] == "restart-a"
