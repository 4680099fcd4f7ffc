"""What makes a hub deaf: messages whose handler fails, and a database that somebody else holds. Nobody else notices."""

import asyncio
import contextlib
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import aiomqtt
import pytest

from tests.builders import make_jpeg
from tests.faults.hub import wait_until
from tests.hub_process import HubProcess, running_hub

NESTED = b"[" * 1500
# A publisher that hangs for half a minute is what must not be; on a machine that others use too, it may take seconds.
PROMPTLY_S = 20.0
LOCKED_S = 2.0


@pytest.fixture(scope="module")
def hub() -> Iterator[HubProcess]:
    with running_hub() as hub:
        yield hub


def client(hub: HubProcess, device: dict[str, str]) -> aiomqtt.Client:
    login = {"username": device["code"], "password": device["key"]}
    return aiomqtt.Client("127.0.0.1", hub.mqtt_port, **login, timeout=200, max_inflight_messages=1000)


def topic_of(hub: HubProcess, device: dict[str, str], channel: str) -> str:
    if channel == "frame":
        return hub.rows("SELECT frame_topic FROM devices_device WHERE code = ?", device["code"])[0][0]
    return f"photohub/{device['code']}/{channel}"


async def publish(hub: HubProcess, device: dict[str, str], channel: str, payloads: list[bytes]) -> float:
    """Publish all at once; return after how long the last one was acknowledged."""
    topic = topic_of(hub, device, channel)
    async with client(hub, device) as connection:
        began_s = time.monotonic()
        await asyncio.gather(
            *(connection.publish(topic, payload, qos=1, timeout=200) for payload in payloads)
        )
        return time.monotonic() - began_s


def readiness(hub: HubProcess) -> int:
    try:
        with urllib.request.urlopen(f"{hub.url}/readyz", timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


async def heard(hub: HubProcess, device: dict[str, str], battery_mv: int) -> None:
    """Return when this figure of the device is known."""
    query = "SELECT battery_mv FROM devices_device WHERE code = ?"

    def is_known() -> bool:
        return hub.rows(query, device["code"])[0]["battery_mv"] == battery_mv

    await asyncio.to_thread(wait_until, is_known, PROMPTLY_S, f"{device['code']} is heard")


@pytest.mark.parametrize("count", [pytest.param(20, marks=pytest.mark.long), 500])
async def test_messages_that_cannot_be_read_keep_nobody_from_being_heard(hub, count):
    bad, good = hub.add_device(f"bad-{count}"), hub.add_device(f"good-{count}")
    flood = asyncio.create_task(publish(hub, bad, "telemetry", [NESTED] * count))
    assert await publish(hub, good, "telemetry", [b'{"battery_mv": 3900}']) < PROMPTLY_S
    # Its own end, too, at their pace.
    await flood
    await heard(hub, good, 3900)
    assert await publish(hub, bad, "telemetry", [b'{"battery_mv": 3800}']) < PROMPTLY_S
    await heard(hub, bad, 3800)
    assert await asyncio.to_thread(readiness, hub) == 200


@contextlib.contextmanager
def locked(hub: HubProcess) -> Iterator[threading.Event]:
    """Hold the hub's database for some seconds, as another program may; the event tells when it is let go."""
    database = sqlite3.connect(
        hub.data / "photohub.sqlite3", timeout=30, isolation_level=None, check_same_thread=False
    )
    freed = threading.Event()

    def let_go() -> None:
        freed.set()
        database.execute("ROLLBACK")

    database.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(LOCKED_S, let_go)
    timer.start()
    try:
        yield freed
    finally:
        timer.join()
        database.close()


async def test_a_database_that_somebody_holds_delays_messages_and_loses_none(hub):
    cameras = [hub.add_device(f"held-{number}", "k230") for number in range(6)]
    with sqlite3.connect(hub.data / "photohub.sqlite3", timeout=30) as database:
        database.execute("UPDATE devices_device SET stream_policy = 'every'")
    frames = {
        camera["code"]: [make_jpeg(text=f"{camera['code']} {n}") for n in range(10)] for camera in cameras
    }
    with locked(hub) as freed:
        sending = [asyncio.create_task(publish(hub, c, "frame", frames[c["code"]])) for c in cameras]
        assert await asyncio.to_thread(readiness, hub) in (200, 503)
        took_s = await asyncio.gather(*sending)
    # Nothing is acknowledged that is not stored, and nobody is let wait for half a minute.
    assert freed.is_set() and max(took_s) < LOCKED_S + PROMPTLY_S
    count = "SELECT count(*) FROM media_pipeline_capture c JOIN devices_device d ON d.id = c.device_id WHERE d.code = ?"
    assert {hub.rows(count, code)[0][0] for code in frames} == {10}
    await asyncio.to_thread(wait_until, lambda: readiness(hub) == 200, PROMPTLY_S, "the hub is ready")
