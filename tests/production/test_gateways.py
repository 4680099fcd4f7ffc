"""Gateways that share the devices: one is killed, or leaves in order, while cameras, commands and a panel go on."""

import asyncio
import contextlib
import hashlib
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import aiomqtt
import httpx
import pytest

from tests.faults.ledger import make_picture
from tests.faults.rounds import is_long, rounds
from tests.flows.panels import BoardPanel, connected
from tests.flows.story import until
from tests.production.ledgers import captures
from tests.production.stack import Stack, wait_for
from tests.production.test_showing import add, device, ended, push
from tests.production.test_story import management

BOTH = ("gateway", "gateway1")
CAMERAS = 4
SERVED_WITHIN_S = 15.0
HANDED_WITHIN_S = 8.0
STOPPED_S = 10.0
COMMAND_S = 4
# A camera's pause, and a machine that others use too.
NOISE_S = 3.0


@dataclass
class Camera:
    """Publishes pictures at QoS 1, each of which becomes a capture, and notes what the broker acknowledged, and its commands."""

    code: str
    key: str
    frame_topic: str
    command_topic: str
    acknowledged: list[str] = field(default_factory=list)
    commands: list[tuple[str, float]] = field(default_factory=list)

    async def run(self, port: int) -> None:
        login = {"username": self.code, "password": self.key}
        async with aiomqtt.Client("127.0.0.1", port, **login) as client:
            await client.subscribe(self.command_topic, qos=1)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hear(client))
                group.create_task(self._publish(client))

    async def _publish(self, client: aiomqtt.Client) -> None:
        while True:
            picture = make_picture(2000)
            await client.publish(self.frame_topic, picture, qos=1)
            self.acknowledged.append(hashlib.sha256(picture).hexdigest())
            await asyncio.sleep(0.3)

    async def _hear(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self.commands.append((json.loads(message.payload)["name"], time.time()))


@pytest.fixture
def both(stack: Stack) -> Iterator[Stack]:
    """The stack with two gateways, and at the end with one again."""
    stack.start("gateway1")
    try:
        wait_for("two gateways share the devices", lambda: len(live(stack)) == 2, 60)
        yield stack
    finally:
        if "gateway1" in stack.processes:
            stack.stop("gateway1")
        if "gateway" not in stack.processes:
            stack.start("gateway")
        wait_for("one gateway is left", lambda: len(live(stack)) == 1, 60)


def live(stack: Stack) -> dict[str, list[str]]:
    """Return the gateways that are live and agree on who is, by their names in the stack."""
    sql = "SELECT name, place, facts FROM devices_lease WHERE kind = 'gateway' AND until > now()"
    found = {row[0]: row for row in stack.query(sql) if row[2].get("state") == "live"}
    agreed = [row for row in found.values() if row[2].get("settled") == sorted(found)]
    pids = {str(stack.processes[name].pid): name for name in BOTH if name in stack.processes}
    named = {pids.get(place.rpartition(":")[2], place): settled["settled"] for _n, place, settled in agreed}
    return named if len(named) == len(found) else {}


@contextlib.asynccontextmanager
async def filming(stack: Stack, prefix: str) -> AsyncIterator[list[Camera]]:
    cameras = []
    for number in range(CAMERAS):
        made = await asyncio.to_thread(stack.add_device, stack.unused(f"{prefix}-{number}"), "k230")
        change = """UPDATE devices_device SET stream_policy = 'every', command_timeout_s = %s,
            command_topic = 'photohub/' || code || '/command'
            WHERE code = %s RETURNING frame_topic, command_topic"""
        [topics] = stack.query(change, COMMAND_S, made["code"])
        cameras.append(Camera(made["code"], made["key"], *topics))
    # The settings were changed past the hub: its gateways look at them within their own time.
    await asyncio.to_thread(wait_for, "all are listened to", lambda: heard_all(stack, cameras), 30)
    running = [asyncio.create_task(camera.run(stack.ports["mosquitto"])) for camera in cameras]
    try:
        yield cameras
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def heard_all(stack: Stack, cameras: list[Camera]) -> bool:
    counted = (
        "SELECT sum((facts->>'devices')::int) FROM devices_lease WHERE kind = 'gateway' AND until > now()"
    )
    return stack.query(counted) == stack.query("SELECT count(*) FROM devices_device")


def stored(stack: Stack, camera: Camera) -> Counter[str]:
    return Counter(row["sha256"] for row in captures(stack, camera.code))


def all_stored(stack: Stack, known: dict[str, list[str]], cameras: list[Camera]) -> bool:
    return all(set(known[camera.code]) <= set(stored(stack, camera)) for camera in cameras)


def check_pictures(stack: Stack, cameras: list[Camera]) -> None:
    for camera in cameras:
        counts = stored(stack, camera)
        assert set(camera.acknowledged) <= set(counts), camera.code
        assert [sha for sha, count in counts.items() if count > 1] == [], camera.code


def check_commands(stack: Stack, cameras: list[Camera]) -> None:
    """No command came after its time, but for what the clocks and the broker's whole seconds make of it."""
    for camera in cameras:
        for name, at in camera.commands:
            [(asked, expires)] = stack.query(
                "SELECT created_at, expires_at FROM devices_command WHERE name = %s", name
            )
            assert isinstance(asked, datetime)
            assert at <= max(expires.timestamp(), asked.timestamp() + COMMAND_S) + 1, (camera.code, name)


async def ask(client: httpx.AsyncClient, cameras: list[Camera]) -> None:
    for camera in cameras:
        answer = await client.post(f"/api/v1/devices/{camera.code}/capture", json={})
        assert answer.status_code in (200, 201, 202), answer.text


@pytest.mark.measures_time("everything is stored within seconds of a kill, on a machine that others use too")
async def test_a_killed_gateways_devices_are_served_by_another_and_nothing_is_lost(both: Stack) -> None:
    dice = random.Random(33)
    made = await add(both, both.unused("wall"))
    panel, picture = BoardPanel(), os.urandom(400_000)
    async with (
        management(both) as client,
        filming(both, "shared") as cameras,
        connected(panel, both.ports["mosquitto"], await device(client, made["code"]), made),
    ):
        for _ in range(rounds(1)):
            await published(cameras, 5)
            delivery = await push(client, made["code"], picture)
            await ask(client, cameras)
            killed, stopped = dice.sample(BOTH, 2)
            await asyncio.to_thread(both.stop, killed, signal.SIGKILL)
            await ask(client, cameras)
            await published(cameras, 3)
            await is_stored(both, cameras, SERVED_WITHIN_S + NOISE_S)
            assert (await ended(client, delivery, 60))["state"] in ("delivered", "failed")
            await start(both, killed)
            began_s = time.monotonic()
            assert await asyncio.to_thread(both.stop, stopped) == 0
            assert time.monotonic() - began_s < STOPPED_S
            await published(cameras, 3)
            await is_stored(both, cameras, HANDED_WITHIN_S + NOISE_S)
            if is_long():
                await start(both, stopped)
    await is_stored(both, cameras, 30)
    check_pictures(both, cameras)
    check_commands(both, cameras)


async def published(cameras: list[Camera], count: int) -> None:
    """Wait until the broker has acknowledged so many more pictures of each."""
    wanted = [len(camera.acknowledged) + count for camera in cameras]
    await until(lambda: all(len(c.acknowledged) >= n for c, n in zip(cameras, wanted, strict=True)), 20)


async def is_stored(stack: Stack, cameras: list[Camera], within_s: float) -> None:
    """Wait until all that the broker has acknowledged until now is stored."""
    known = {camera.code: list(camera.acknowledged) for camera in cameras}
    await asyncio.to_thread(wait_for, "all is stored", lambda: all_stored(stack, known, cameras), within_s)


async def start(stack: Stack, name: str) -> None:
    stack.start(name)
    await asyncio.to_thread(wait_for, "both share again", lambda: len(live(stack)) == 2, 60)
