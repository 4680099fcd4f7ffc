"""Notices through Redis: members stay members for days, and after Redis or the connection was lost."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.asyncio import Redis

from tests.redis_server import RedisServer, running_redis
from tests.waiting import until_await

DAYS_S = 400 * 24 * 3600.0


@pytest.fixture
def server():
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as running:
        yield running


@asynccontextmanager
async def member(server: RedisServer) -> AsyncIterator:
    """Yield a function that notifies from another process, and tells whether the member hears it."""
    inside, outside = (RedisPubSubChannelLayer(hosts=[server.url]) for _ in range(2))
    channel = await inside.new_channel("gateway")
    await inside.group_add("gateway", channel)

    async def hears() -> bool:
        try:
            async with asyncio.timeout(1):
                await outside.group_send("gateway", {"type": "ring"})
                return await inside.receive(channel) == {"type": "ring"}
        except (TimeoutError, OSError):
            # What a cancelled `receive` gave up.
            inside.channels.setdefault(channel, asyncio.Queue())
            return False

    yield hears
    await asyncio.gather(inside.flush(), outside.flush(), return_exceptions=True)


async def test_a_member_hears_after_more_than_a_day_and_whatever_the_clock_says(server, monkeypatch) -> None:
    now = time.time
    async with member(server) as hears:
        for off_s in (2 * 24 * 3600.0, DAYS_S, -DAYS_S):
            monkeypatch.setattr(time, "time", lambda off_s=off_s: now() + off_s)
            await until_await(hears)


async def test_a_member_hears_after_its_connection_was_cut(server) -> None:
    async with member(server) as hears:
        await until_await(hears)
        async with Redis.from_url(server.url) as admin:
            await admin.client_kill_filter(_type="pubsub")
        await until_await(hears, 15)
