import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from media_pipeline.live import redis as live_redis
from media_pipeline.live.latest_frame import Kind
from media_pipeline.live.redis import RedisFrames
from tests.builders import make_jpeg
from tests.media_pipeline.live.test_latest_frame import Viewer
from tests.redis_server import running_redis
from tests.waiting import until, until_await

ONE, TWO, THREE = (make_jpeg(text=text) for text in ("one", "two", "three"))


@pytest.fixture(scope="module")
def server():
    # A folder of its own, because the path of a socket must be short.
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as running:
        yield running


@asynccontextmanager
async def processes(server, count: int = 2) -> AsyncIterator[list[RedisFrames]]:
    """Run what several processes would run: the first has the cameras, the others the viewers."""
    clients = [Redis.from_url(server.url) for _ in range(count)]
    await clients[0].flushall()
    everybody = [RedisFrames(client) for client in clients]
    tasks = [asyncio.create_task(one.run()) for one in everybody]
    try:
        for one in everybody:
            await asyncio.wait_for(one.listening.wait(), 5)
        yield everybody
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in clients:
            await client.aclose()


async def test_a_viewer_in_another_process_sees_the_frames(server):
    async with processes(server) as (gateway, web):
        viewer = Viewer(web)
        await until(lambda: "porch" in gateway._wanted)
        for picture in (ONE, TWO, THREE):
            gateway.put("porch", picture)
            await until(lambda picture=picture: viewer.seen and viewer.seen[-1].jpeg == picture)
        assert viewer.pictures() == [ONE, TWO, THREE]
        await viewer.leave()


async def test_a_new_viewer_gets_the_picture_that_is_there_at_once(server):
    async with processes(server) as (gateway, web):
        gateway.put("porch", ONE)
        viewer = Viewer(web)
        await until(lambda: viewer.seen)
        assert (viewer.seen[0].kind, viewer.seen[0].jpeg) == (Kind.LIVE, ONE)
        await viewer.leave()


async def test_nothing_travels_while_nobody_looks(server):
    async with processes(server) as (gateway, _web):
        spy = Redis.from_url(server.url).pubsub()
        await spy.psubscribe("*")
        assert (await spy.get_message(timeout=2))["type"] == "psubscribe"
        gateway.put("porch", ONE)
        assert await spy.get_message(timeout=0.3) is None
        await spy.aclose()


async def test_frames_stop_travelling_when_the_last_viewer_left(server, monkeypatch):
    monkeypatch.setattr(live_redis, "LEASE_S", 1)
    monkeypatch.setattr(live_redis, "LOOK_EVERY_S", 0.05)
    async with processes(server) as (gateway, web):
        gateway.put("porch", ONE)
        viewer = Viewer(web)
        await until(lambda: "porch" in gateway._wanted)
        await viewer.leave()
        await until(lambda: "porch" not in gateway._wanted)
        assert web._seen._cameras == {} and not web._interest


async def test_a_lease_is_renewed_while_somebody_looks(server, monkeypatch):
    monkeypatch.setattr(live_redis, "LEASE_S", 1)
    monkeypatch.setattr(live_redis, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(live_redis, "RENEW_EVERY_S", 0.2)
    async with processes(server) as (gateway, web):
        gateway.put("porch", ONE)
        viewer = Viewer(web)
        await until(lambda: "porch" in gateway._wanted)
        with pytest.raises(TimeoutError):
            await until(lambda: "porch" not in gateway._wanted, within_s=1.6)
        await viewer.leave()


async def test_viewers_of_one_process_share_one_subscription(server):
    async with processes(server) as (gateway, web):
        gateway.put("porch", ONE)
        viewers = [Viewer(web) for _ in range(5)]
        await until(lambda: all(v.seen for v in viewers))
        counts = await gateway._redis.pubsub_numsub("photohub:live:frame:porch")
        assert counts[0][1] == 1
        for viewer in viewers:
            await viewer.leave()


async def test_a_second_process_that_begins_to_look_repeats_nothing_to_the_first(server):
    async with processes(server, 3) as (gateway, first, second):
        gateway.put("porch", ONE)
        early = Viewer(first)
        await until(lambda: early.seen)
        late = Viewer(second)
        await until(lambda: late.seen)
        assert early.pictures() == late.pictures() == [ONE]


async def test_an_old_picture_arrives_with_its_age(server):
    async with processes(server) as (gateway, web):
        gateway._own.take("porch", ONE, 7, age_s=30, received_at=1_000.0)
        view = await web.snapshot("porch")
        assert (view.jpeg, view.sequence, view.received_at) == (ONE, 7, 1_000.0)
        assert 30 <= view.age_s() < 35


async def test_a_snapshot_of_a_camera_nobody_has_is_none(server):
    async with processes(server) as (_gateway, web):
        assert await web.snapshot("attic") is None


async def test_the_figures_are_known_everywhere_as_soon_as_a_camera_begins(server, monkeypatch):
    monkeypatch.setattr(live_redis, "STATS_EVERY_S", 60)
    async with processes(server) as (gateway, web):
        gateway.put("porch", ONE)
        await until_await(lambda: web.stats("porch"))
        stats = await web.stats("porch")
        assert stats.frames == 1 and stats.fps > 0 and await web.stats("attic") is None


async def test_viewers_go_on_after_redis_was_away(monkeypatch):
    monkeypatch.setattr(live_redis, "_PAUSE_S", 0.05)
    monkeypatch.setattr(live_redis, "RENEW_EVERY_S", 0.1)
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as server:
        async with processes(server) as (gateway, web):
            viewer = Viewer(web)
            gateway.put("porch", ONE)
            await until(lambda: viewer.seen and viewer.seen[-1].jpeg == ONE)
            server.stop()
            gateway.put("porch", TWO)
            await asyncio.to_thread(server.start)
            await until(lambda: gateway.put("porch", THREE) or viewer.seen[-1].jpeg == THREE, within_s=15)
            await viewer.leave()


@pytest.mark.parametrize("error", [ValueError("what nobody thought of"), asyncio.CancelledError()])
async def test_no_error_makes_a_process_blind(server, monkeypatch, error):
    monkeypatch.setattr(live_redis, "_PAUSE_S", 0.01)
    errors, hear = [error], RedisFrames._hear

    async def fail_first(self, message: dict) -> None:
        if message["type"] == "message" and errors:
            raise errors.pop()
        await hear(self, message)

    monkeypatch.setattr(RedisFrames, "_hear", fail_first)
    async with processes(server) as (gateway, web):
        await gateway._redis.publish("photohub:live:asks", b"\xff\xfe")
        await until(lambda: not errors)
        gateway.put("porch", ONE)
        await until_await(lambda: web.snapshot("porch"))
