"""What goes on while Redis, the broker, the database or the mirror is away, slow or frozen."""

import asyncio
import contextlib
import hashlib
import os
import signal
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from functools import partial

import aiomqtt
import pytest
import redis

from devices.mqtt import UNDER_WAY_AT_MOST
from tests.builders import make_jpeg
from tests.fakes.oss_server import FakeOSS
from tests.faults.ledger import Ledger
from tests.faults.rounds import rounds
from tests.production.ledgers import MqttLedger, check, http_camera, owed, under_load
from tests.production.stack import SECRETS, Stack, is_open, wait_for

CAUGHT_UP_S = 30.0
GATEWAY_BACK_S = 15.0
REFUSED_S = 2.0
RESUMED_S = 5.0
# On a machine that others use too; a call that waits for Redis or for the mirror takes a second and more.
NOISE_S = 0.6


@contextlib.contextmanager
def killed(stack: Stack) -> Iterator[None]:
    """Redis is away during the block, and comes back empty."""
    stack.stop("redis", signal.SIGKILL)
    try:
        yield
    finally:
        stack.start("redis")
        wait_for("Redis is back", lambda: is_open(stack.ports["redis"]), 10)


@contextlib.contextmanager
def frozen(stack: Stack) -> Iterator[None]:
    """Redis takes connections and answers nobody during the block."""
    process = stack.processes["redis"].pid
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@contextlib.contextmanager
def flushed(stack: Stack) -> Iterator[None]:
    """Redis forgets everything again and again during the block."""
    with redis.Redis(port=stack.ports["redis"], password=SECRETS["REDIS_PASSWORD"]) as client:
        client.flushall()
        yield
        client.flushall()


def send_some(ledger: Ledger, count: int = 30) -> float:
    """Send at an even pace; every answer must be code 0. Returns the 99th percentile of their times."""
    since = len(ledger.entries)
    with under_load(ledger, senders=3, per_second=12):
        ledger.wait_for(count, within_s=40)
    assert {entry.outcome for entry in ledger.entries[since:]} == {"ok"}
    return ledger.p99_s(since)


@pytest.mark.measures_time("answers are compared with those of a moment before")
@pytest.mark.parametrize("lost", [killed, flushed, frozen])
def test_without_redis_uploads_go_on_in_their_usual_time_and_the_work_is_caught_up(
    stack: Stack, lost
) -> None:
    code = stack.unused(f"redis-{lost.__name__}")
    camera = http_camera(stack, code)
    usual_s = send_some(camera)
    for _ in range(rounds(1)):
        with lost(stack):
            dark_s = send_some(camera)
        assert dark_s < usual_s * 1.5 + NOISE_S
        wait_for("all is caught up", lambda: owed(stack, code) == 0, CAUGHT_UP_S)
    check(stack, camera)


@pytest.mark.measures_time("answers are compared with those of a moment before")
def test_without_the_broker_uploads_go_on_and_the_gateway_comes_back_each_time(stack: Stack) -> None:
    http = http_camera(stack, stack.unused("no-broker"))
    mqtt = MqttLedger(stack, stack.unused("mqtt-no-broker"))
    usual_s = send_some(http)
    with under_load(mqtt):
        for _ in range(rounds(3)):
            mqtt.wait_for(2)
            stack.stop("mosquitto", signal.SIGKILL)
            dark_s = send_some(http, 12)
            stack.start("mosquitto")
            wait_for("the broker listens", lambda: is_open(stack.ports["mosquitto"]), 10)
            mqtt.wait_for(1, within_s=GATEWAY_BACK_S)
            assert dark_s < usual_s * 1.5 + NOISE_S
    check(stack, http, mqtt)


@pytest.mark.measures_time("cameras are refused within 2 s, and served within 5 s of the return")
def test_without_the_database_uploads_are_refused_in_time_and_go_on_when_it_is_back(stack: Stack) -> None:
    camera = http_camera(stack, stack.unused("no-database"))
    with under_load(camera):
        for number in range(rounds(2)):
            camera.wait_for(10)
            stack.stop("postgres", (signal.SIGTERM, signal.SIGKILL)[number % 2])
            since = len(camera.entries)
            camera.wait_for(12, "unknown")
            refused = [entry for entry in camera.entries[since:] if entry.took_s]
            stack.start("postgres")
            camera.wait_for(1, within_s=RESUMED_S)
            # Each web server finds its way back by itself.
            for name in ("web0", "web1"):
                wait_for(f"{name} asks the database", lambda n=name: asks_database(stack, n), RESUMED_S)
            assert {(e.status, e.answer.get("err")) for e in refused} == {(503, "db")}
            assert max(entry.took_s for entry in refused) < REFUSED_S + NOISE_S
    check(stack, camera)


def test_without_the_database_no_message_over_mqtt_is_lost_and_none_keeps_its_place(stack: Stack) -> None:
    camera, first = stack.add_device("patient", "k230"), make_jpeg(text="first")
    stack.execute("UPDATE devices_device SET stream_policy = 'every' WHERE code = 'patient'")
    wait_for("the hub listens", lambda: heard(stack, camera, first), 60)
    sent = {hashlib.sha256(first).hexdigest()}
    for number in range(rounds(2)):
        stack.stop("postgres", (signal.SIGTERM, signal.SIGKILL)[number % 2])
        # More than the broker lets be on their way.
        frames = [make_jpeg(text=f"{number} {frame}") for frame in range(UNDER_WAY_AT_MOST + 10)]
        asyncio.run(publish_all(stack, camera, frames))
        sent |= {hashlib.sha256(frame).hexdigest() for frame in frames}
        stack.start("postgres")
        wait_for("all frames are stored", partial(has_stored, stack, "patient", sent), 60)
    # The first was said until it was heard.
    twice = Counter(stored(stack, "patient")) - Counter(sent)
    assert twice.keys() <= {hashlib.sha256(first).hexdigest()}


def heard(stack: Stack, camera: dict[str, str], frame: bytes) -> bool:
    """Publish a frame, and tell whether it is stored: before the hub subscribed, the broker forgets it."""
    camera["frame_topic"] = stack.query(
        "SELECT frame_topic FROM devices_device WHERE code = %s", camera["code"]
    )[0][0]
    asyncio.run(publish_all(stack, camera, [frame]))
    return has_stored(stack, camera["code"], {hashlib.sha256(frame).hexdigest()})


async def publish_all(stack: Stack, camera: dict[str, str], frames: list[bytes]) -> None:
    login = {"username": camera["code"], "password": camera["key"]}
    async with aiomqtt.Client("127.0.0.1", stack.ports["mosquitto"], **login) as client:
        for frame in frames:
            await client.publish(camera["frame_topic"], frame, qos=1)


def has_stored(stack: Stack, code: str, hashes: set[str]) -> bool:
    return hashes <= set(stored(stack, code))


def stored(stack: Stack, code: str) -> list[str]:
    """Return the hashes of a device's pictures, each as often as it was stored."""
    join = "JOIN devices_device d ON d.id = c.device_id WHERE d.code = %s"
    return sorted(
        row[0] for row in stack.query(f"SELECT c.sha256 FROM media_pipeline_capture c {join}", code)
    )


def asks_database(stack: Stack, web: str) -> bool:
    """Tell whether this web server can say that it does not know a key; without the database it says 503."""
    url = f"http://127.0.0.1:{stack.ports[web]}/api/upload"
    request = urllib.request.Request(url, b"x", {"X-Device-Key": "nobody", "Name-Pic": "a"})
    try:
        urllib.request.urlopen(request, timeout=5)
    except urllib.error.HTTPError as refused:
        return refused.code == 401
    return False


@pytest.mark.measures_time("answers are compared with those of a moment before")
def test_a_mirror_that_is_slow_fails_or_hangs_does_not_slow_down_uploads(stack: Stack, oss: FakeOSS) -> None:
    code = stack.unused("no-mirror")
    camera = http_camera(stack, code)
    usual_s = send_some(camera)
    for _ in range(rounds(1)):
        for fault in ("slow", "failing", "hanging"):
            spoil(oss, fault)
            spoiled_s = send_some(camera)
            oss.heal()
            assert spoiled_s < usual_s * 1.2 + NOISE_S, fault
    wait_for("all is mirrored", lambda: owed(stack, code) == 0, 90)
    check(stack, camera)


def spoil(oss: FakeOSS, fault: str) -> None:
    if fault == "slow":
        oss.latency_s = 2.0
    elif fault == "failing":
        oss.fail(status=503, times=1000)
    else:
        oss.hang()


def test_with_everything_away_at_once_no_camera_waits_longer_than_eight_seconds(stack: Stack) -> None:
    camera = http_camera(stack, "all-away")
    send_some(camera, 5)
    with under_load(camera), killed(stack):
        stack.stop("mosquitto", signal.SIGKILL)
        stack.stop("postgres")
        began_s = time.monotonic()
        camera.wait_for(8, "unknown")
        stack.start("postgres")
        stack.start("mosquitto")
        assert time.monotonic() - began_s < 30
    assert max(entry.took_s for entry in camera.entries) < 8
    # A copy that was under way when the database went is tried again when its lease is over: now, instead of in a minute.
    stack.execute("UPDATE media_pipeline_ossobject SET lease_until = now() WHERE lease_until > now()")
    wait_for("all is caught up", lambda: owed(stack, "all-away") == 0, CAUGHT_UP_S)
    check(stack, camera)
