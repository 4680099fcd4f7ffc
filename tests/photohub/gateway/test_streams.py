import tempfile
from pathlib import Path

import pytest
from redis.asyncio import Redis

from devices.events.models import Trouble
from devices.keys import identity
from devices.registry.models import Device
from media_pipeline.live import now as live_now
from media_pipeline.streams.tcp import StreamClaim
from photohub.gateway import streams
from photohub.gateway.streams import _whose
from photohub.lib.network import site
from photohub.start.banner import banner
from tests.builders import make_device
from tests.redis_server import running_redis

pytestmark = pytest.mark.django_db


def key_of(code: str) -> str:
    return identity.issue_key(Device.objects.get(code=code))


def test_a_key_proves_its_own_code_only():
    make_device("pi"), make_device("barn")
    key = key_of("pi")
    assert _whose(StreamClaim("10.0.0.9", "pi", key)) == "pi"
    assert _whose(StreamClaim("10.0.0.9", "barn", key)) is None
    assert [row.device.code for row in Trouble.objects.open()] == ["barn"]


def test_a_wrong_key_is_not_made_good_by_the_network():
    make_device("pi", allowed_network="10.0.0.0/24")
    assert _whose(StreamClaim("10.0.0.9")) == "pi"
    assert _whose(StreamClaim("10.0.0.9", "pi", "x" * 43)) is None


def test_a_hello_with_a_wrong_key_stands_on_the_page_of_whom_it_names():
    make_device("pi"), make_device("barn")
    for claim in (StreamClaim("10.0.0.9", "pi", "x" * 43), StreamClaim("10.0.0.9", "nobody", key_of("barn"))):
        assert _whose(claim) is None
    trouble = Trouble.objects.get()
    assert (trouble.device.code, trouble.word, trouble.values) == (
        "pi",
        "login_stream",
        {"address": "10.0.0.9"},
    )


def test_a_device_that_is_switched_off_is_nobody():
    make_device("pi", allowed_network="10.0.0.0/24", enabled=False)
    assert _whose(StreamClaim("10.0.0.9")) is None
    assert _whose(StreamClaim("10.0.0.9", "pi", key_of("pi"))) is None


def test_the_banner_says_loudly_that_streams_moved(monkeypatch, settings):
    monkeypatch.setattr(site, "_stream_port", settings.STREAM_PORT + 1)
    text = banner(demo=False, owner_token=None)
    assert f"streams are on {settings.STREAM_PORT + 1}" in " ".join(text.split())


async def test_a_page_of_many_cameras_takes_few_connections_to_redis(settings):
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as server:
        settings.REDIS_URL, settings.REDIS_CONNECTIONS, settings.REDIS_KEEPALIVE = server.url, 4, {}
        frames, codes = streams.build_frames(), [f"camera-{number}" for number in range(200)]
        assert await live_now.collect(frames, codes) == {}
        async with Redis.from_url(server.url) as admin:
            assert len(await admin.client_list()) <= 4 + 1
        await frames._redis.aclose()
