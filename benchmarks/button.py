"""From a press of the button to the picture's tile: the whole way, and the bare sum of its parts.

The parts: one MQTT message over the same broker from a device to a person, one POST of the same
bytes to a server that only writes and syncs, one message over a WebSocket and back. Same client libraries.
"""

import asyncio
import contextlib
import itertools
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
import httpx
import websockets

from benchmarks.hubs import OWNER, log_in
from benchmarks.measuring import median, table
from benchmarks.pictures import MARK, make_picture
from benchmarks.servers import Server, asgi_peer
from devices.protocol import light
from tests.hub_process import HubProcess, running_hub

PATIENCE_S = 10.0
_STORY = "button → MQTT → upload → tile"
_PARTS = ("MQTT message", "POST, written and synced", "WebSocket message and back")


@dataclass(frozen=True)
class Size:
    rounds: int
    picture_bytes: int = 55_000


TINY = Size(2, 4_000)
SHORT = Size(50)
LONG = Size(500)


def run(size: Size) -> dict[str, Any]:
    """Press the button again and again, and measure the parts between. Returns times in ms by name."""
    with contextlib.ExitStack() as started:
        hub = started.enter_context(running_hub(env=OWNER))
        post = started.enter_context(asgi_peer("post", "bare_starlette"))
        socket = started.enter_context(asgi_peer("socket", "bare_socket"))
        times = asyncio.run(_rounds(hub, post, socket, size))
    return {"rounds": size.rounds, "times_ms": times}


class Camera:
    """A board that answers a command with a picture of its own bytes, over a connection that stays open."""

    def __init__(self, hub: HubProcess, made: dict[str, str], device: dict, picture: bytes) -> None:
        self._device, self._picture = device, picture
        self._numbers = itertools.count()
        self.mqtt = aiomqtt.Client(
            "127.0.0.1", hub.mqtt_port, username=made["code"], password=made["key"], timeout=PATIENCE_S
        )
        self.http = httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S)
        self._upload = (f"{hub.url}/api/upload", {"X-Device-Key": made["key"], "Content-Type": "image/jpeg"})

    def next_picture(self) -> bytes:
        return self._picture.replace(MARK, f"picture-{next(self._numbers):010}".encode(), 1)

    async def serve(self) -> None:
        """Answer commands for ever."""
        await self.mqtt.subscribe(self._device["command_topic"], qos=1)
        async for message in self.mqtt.messages:
            name = light.decode_command(message.payload).name
            url, headers = self._upload
            answer = await self.http.post(
                url, content=self.next_picture(), headers=headers | {"Name-Pic": name}
            )
            answer.raise_for_status()


async def _rounds(hub: HubProcess, post: Server, socket: Server, size: Size) -> dict[str, list[float]]:
    async with _scene(hub, size) as (camera, press, live, person, device), _echo(socket) as echo:
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            _STORY: lambda: _press(press, live),
            _PARTS[0]: lambda: _message(camera.mqtt, person, device["result_topic"]),
            _PARTS[1]: lambda: _post(camera, post.urls[0]),
            _PARTS[2]: lambda: _there_and_back(echo),
        }
        times: dict[str, list[float]] = {name: [] for name in parts}
        for number in range(-1, size.rounds):
            for name, part in parts.items():
                begun = time.perf_counter()
                await asyncio.wait_for(part(), PATIENCE_S)
                if number >= 0:  # the first round only warms up
                    times[name].append(1000 * (time.perf_counter() - begun))
        return times


@contextlib.asynccontextmanager
async def _scene(hub: HubProcess, size: Size) -> AsyncIterator[tuple]:
    made = await asyncio.to_thread(hub.add_device, "lane", "esp32s3")
    token = (await asyncio.to_thread(hub.run, "api_token", "ada")).split()[-1]
    browser = await asyncio.to_thread(log_in, hub.url)
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    api = httpx.AsyncClient(
        base_url=f"{hub.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )
    device = (await api.get("/devices/lane")).json()
    camera = Camera(hub, made, device, make_picture(size.picture_bytes))
    person = aiomqtt.Client("127.0.0.1", hub.mqtt_port, username="ada", password=token, timeout=PATIENCE_S)
    address = f"ws://{urlsplit(hub.url).netloc}/ws/live/"
    live = websockets.connect(address, origin=hub.url, additional_headers={"cookie": cookies}, proxy=None)
    async with contextlib.aclosing(api), camera.mqtt, camera.http, person, live as events:
        await person.subscribe(device["result_topic"], qos=1)
        serving = asyncio.create_task(camera.serve())
        await _until_online(api)
        try:
            yield camera, lambda: api.post("/devices/lane/capture", json={}), events, person, device
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def _until_online(api: httpx.AsyncClient) -> None:
    for _ in range(int(PATIENCE_S * 20)):
        if (await api.get("/devices/lane")).json()["online"]:
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("The hub does not see its camera.")


@contextlib.asynccontextmanager
async def _echo(server: Server) -> AsyncIterator[websockets.ClientConnection]:
    async with websockets.connect(server.urls[0].replace("http://", "ws://"), proxy=None) as socket:
        yield socket


async def _press(press: Callable[[], Awaitable[httpx.Response]], live: websockets.ClientConnection) -> None:
    pressed = asyncio.ensure_future(press())
    while json.loads(await live.recv())["type"] != "capture.created":
        pass
    (await pressed).raise_for_status()


async def _message(device: aiomqtt.Client, person: aiomqtt.Client, topic: str) -> None:
    payload = json.dumps({"url": secrets.token_hex(16)}).encode()
    await device.publish(topic, payload, qos=1)
    async for message in person.messages:
        if message.payload == payload:
            return


async def _post(camera: Camera, url: str) -> None:
    (await camera.http.post(url, content=camera.next_picture())).raise_for_status()


async def _there_and_back(socket: websockets.ClientConnection) -> None:
    await socket.send("x")
    await socket.recv()


def report(result: dict[str, Any]) -> str:
    """Return the result as a table; the last line is the ratio of the whole to the sum, round by round."""
    times = result["times_ms"]
    sums = [sum(each) for each in zip(*(times[name] for name in _PARTS), strict=True)]
    rows = [(name, median(values), _p95(values)) for name, values in times.items()]
    rows.append(("sum of the parts", median(sums), _p95(sums)))
    ratios = [story / parts for story, parts in zip(times[_STORY], sums, strict=True)]
    rows.append(("the whole, as a multiple of the sum", median(ratios), _p95(ratios)))
    return table((f"{result['rounds']} rounds", "median, ms", "95 %, ms"), rows)


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]
