"""Pictures to panels, films and walls where every part is a process of its own, and one of them is killed meanwhile."""

import asyncio
import json
import os
import signal
import struct
import time
from collections.abc import AsyncIterator
from hashlib import sha256

import httpx
import pytest
import websockets

from devices.panels.deliveries.leases import LEASE
from simulators.raspberry_pi import RaspberryPi, RaspberryPiConfig
from tests.builders import make_jpeg
from tests.flows.panels import BoardPanel, connected
from tests.flows.story import until
from tests.flows.viewers import Counted, streaming
from tests.production.stack import Stack, wait_for
from tests.production.test_story import management


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with management(stack) as client:
        yield client


async def add(stack: Stack, code: str, profile: str = "panel") -> dict:
    return await asyncio.to_thread(stack.add_device, code, profile)


async def device(client: httpx.AsyncClient, code: str) -> dict:
    return (await client.get(f"/api/v1/devices/{code}")).json()


async def push(client: httpx.AsyncClient, code: str, picture: bytes) -> str:
    files = {"file": ("garden.jpg", picture, "image/jpeg")}
    answer = await client.post(f"/api/v1/devices/{code}/deliveries", files=files, data={"render": "none"})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


async def ended(client: httpx.AsyncClient, delivery: str, within_s: float = 30.0) -> dict:
    async def look() -> dict | None:
        now = (await client.get(f"/api/v1/deliveries/{delivery}")).json()
        return now if now["state"] in ("delivered", "failed", "cancelled") else None

    return await until(look, within_s)


async def test_a_picture_reaches_its_panel_whole_though_the_gateway_is_killed_meanwhile(stack, client):
    made = await add(stack, "hall")
    picture = make_jpeg() + os.urandom(60_000)
    panel = BoardPanel()

    def slowly(answer: bytes) -> list[bytes]:
        # Hundreds of acknowledgements a second would be over before anybody could be killed.
        return [answer] if panel.packets != 20 else []

    panel.mangle = slowly
    port = stack.ports["mosquitto"]
    async with connected(panel, port, await device(client, "hall"), made):
        delivery = await push(client, "hall", picture)
        await until(lambda: panel.packets >= 20, 20)
        await asyncio.to_thread(stack.stop, "gateway", signal.SIGKILL)
        assert panel.receiver.picture is None
        await asyncio.to_thread(stack.start, "gateway")
        began = time.time()
        await asyncio.to_thread(
            wait_for, "the gateway is connected", lambda: stack.at_work("gateway", began), 60
        )
        # Sooner than the dead gateway's lease runs out.
        now = await ended(client, delivery, LEASE.total_seconds() - 5)
    assert (now["state"], now["packets_acked"]) == ("delivered", now["packets_total"])
    assert panel.receiver.picture == picture


async def test_a_rule_shows_a_cameras_picture_on_a_panel_that_pushes_and_on_one_that_fetches(stack, client):
    camera, near, far = (
        await add(stack, "yard", "generic"),
        await add(stack, "door"),
        await add(stack, "attic"),
    )
    fetches = {"picture_topic": "", "picture_ack_topic": "", "panel": {"poll_interval_s": 60}}
    answer = await client.patch("/api/v1/devices/attic", json=fetches)
    assert answer.status_code == 200, answer.text
    rule = {"name": "Yard", "camera": "yard", "panels": ["door", "attic"], "render": "none"}
    assert (await client.post("/api/v1/rules", json=rule)).status_code == 201
    picture, panel = make_jpeg(text="visitor"), BoardPanel()
    async with connected(panel, stack.ports["mosquitto"], await device(client, "door"), near):
        status, _answer = await asyncio.to_thread(stack.upload, camera["key"], picture, "visitor")
        assert status == 200
        await until(lambda: panel.receiver.picture == picture, 20)
    async with httpx.AsyncClient(base_url=stack.url, headers={"X-Device-Key": far["key"]}) as attic:
        fetched = await until(lambda: fetch(attic, picture), 20)
        again = await attic.get("/panel/next", headers={"If-None-Match": fetched.headers["ETag"]})
    assert again.status_code == 304
    states = (await client.get("/api/v1/devices/attic/deliveries")).json()["items"]
    assert states[0]["state"] == "delivered" and states[0]["sha256"] == sha256(picture).hexdigest()


async def fetch(panel: httpx.AsyncClient, picture: bytes) -> httpx.Response | None:
    answer = await panel.get("/panel/next")
    return answer if answer.content == picture else None


async def test_a_film_is_made_by_the_worker_and_a_killed_one_is_replaced(stack, client):
    camera = await add(stack, "meadow", "generic")
    for number in range(40):
        picture = make_jpeg(640, 480, text=f"{number}")
        status, _answer = await asyncio.to_thread(stack.upload, camera["key"], picture, f"{number}")
        assert status == 200
    wish = {"device": "meadow", "fps": 10, "width": 640}
    answer = await client.post("/api/v1/timelapses", json=wish)
    assert answer.status_code == 202, answer.text
    address = f"/api/v1/timelapses/{answer.json()['id']}"

    async def state() -> dict:
        return (await client.get(address)).json()

    async def is_begun() -> bool:
        now = await state()
        return now["state"] == "making" or now["frames_done"] > 0 or now["state"] == "ready"

    await until(is_begun, 60)
    await asyncio.to_thread(stack.stop, "worker", signal.SIGKILL)
    # A dead worker's lease lasts for minutes.
    stack.query("UPDATE media_pipeline_timelapse SET lease_until = now() WHERE lease_until IS NOT NULL")
    await asyncio.to_thread(stack.start, "worker")

    async def is_ready() -> dict | None:
        now = await state()
        assert now["state"] not in ("failed", "cancelled"), now
        return now if now["state"] == "ready" else None

    film = await until(is_ready, 60)
    assert film["frames_done"] == 40
    whole = await client.get(film["file_url"])
    assert len(whole.content) == film["size_bytes"] and whole.content[4:8] == b"ftyp"
    part = await client.get(film["file_url"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


async def test_a_wall_shows_two_streams_through_the_proxy(stack, client):
    made = [await add(stack, code, "raspberry-pi") for code in ("east", "west")]
    cameras = [
        RaspberryPi(RaspberryPiConfig(port=stack.ports["stream"], fps=5, **one), Counted()) for one in made
    ]
    address = stack.url.replace("http", "ws") + "/ws/wall/"
    headers = {"Authorization": client.headers["Authorization"]}
    async with streaming(cameras[0]), streaming(cameras[1]):
        async with websockets.connect(
            address, origin=stack.url, additional_headers=headers, max_size=2**22
        ) as wall:
            await wall.send(json.dumps({"show": ["east", "west", "nobody"]}))
            seen: dict[str, set[bytes]] = {"east": set(), "west": set()}
            async with asyncio.timeout(30):
                while min(map(len, seen.values())) < 4:
                    message = await wall.recv()
                    if isinstance(message, bytes):
                        (size,) = struct.unpack_from(">H", message)
                        code = json.loads(message[2 : 2 + size])["code"]
                        seen[code].add(message[2 + size :])
                        await wall.send(json.dumps({"seen": code}))
    for camera, frames in zip(cameras, seen.values(), strict=True):
        assert len(frames & set(camera.scene.frames)) >= 3
