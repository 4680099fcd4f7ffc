"""The main story, told once for every form that PhotoHub runs in."""

import asyncio
import base64
import json
import time
from urllib.parse import urlsplit

import httpx
import websockets

from simulators.esp32s3 import Esp32S3Camera, Esp32S3Config
from simulators.scenes import make_still

# As long as a machine may take that others use too; what happens in time is not waited for.
PATIENCE_S = 45.0


async def until(check, within_s: float = PATIENCE_S):
    """Return the first true answer of an async or plain `check`; fails when there is none in time."""
    deadline = time.monotonic() + within_s
    while True:
        answer = check()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)


def board(url: str, mqtt_port: int, device: dict, made: dict, **values) -> Esp32S3Camera:
    """Return a board with the published firmware: MQTT by code and key, uploads with nothing but the issued name."""
    config = Esp32S3Config(
        upload_url=f"{url}/api/upload",
        mqtt_host="127.0.0.1",
        mqtt_port=mqtt_port,
        code=made["code"],
        key=made["key"],
        command_topic=device["command_topic"],
        result_topic=device["result_topic"],
        reconnect_s=0.3,
        **values,
    )
    return Esp32S3Camera(config, Recorded())


class Recorded:
    """A view that remembers every frame it gave, so that a test knows what the camera really sent."""

    def __init__(self) -> None:
        self._still = make_still("workshop", width=320, height=240)
        self.frames: list[bytes] = []

    def jpeg(self, t: float, frame: int) -> bytes:
        self.frames.append(self._still.jpeg(t, frame))
        return self.frames[-1]


class Visitor:
    """A person's program: the API with a token, and the live socket with a session."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        headers = {"authorization": f"Bearer {token}"}
        self.api = httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, trust_env=False, timeout=40)

    async def device(self, code: str) -> dict:
        return (await self.api.get(f"/devices/{code}")).json()

    async def log_in(self, username: str, password: str) -> str:
        """Log in as a browser does and return the cookies."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as browser:
            await browser.get("/login")
            token = next(v for n, v in browser.cookies.items() if "csrf" in n)
            form = {"username": username, "password": password, "csrfmiddlewaretoken": token}
            answer = await browser.post("/login", data=form, headers={"referer": self.url})
            assert answer.status_code == 302, answer.text[:300]
            return "; ".join(f"{n}={v}" for n, v in browser.cookies.items())

    def live(self, cookies: str):
        """Open the live socket."""
        address = f"ws://{urlsplit(self.url).netloc}/ws/live/"
        return websockets.connect(
            address, origin=self.url, additional_headers={"cookie": cookies}, proxy=None
        )


async def tell_the_story(url: str, mqtt_port: int, token: str, login: tuple[str, str], made: dict) -> dict:
    """Told to take a picture, the camera sends it, and people see it. Returns the capture as the API shows it."""
    visitor = Visitor(url, token)
    device = await visitor.device(made["code"])
    camera = board(url, mqtt_port, device, made)
    running = asyncio.create_task(camera.run())
    try:
        await until(lambda: _online(visitor, made["code"]))
        async with visitor.live(await visitor.log_in(*login)) as socket:
            assert json.loads(await socket.recv())["type"] == "hello"
            capture = (await visitor.api.post(f"/devices/{made['code']}/capture", json={"wait": 20})).json()
            heard = await _hear(socket, "capture.created")
        assert heard["capture"] == capture["id"] and heard["device"] == made["code"]
        assert await _bytes_behind(capture["url"], url) == camera.scene.frames[-1]
        return await until(lambda: _published(visitor, capture["id"]))
    finally:
        await camera.stop()
        await asyncio.gather(running, return_exceptions=True)
        await visitor.api.aclose()


async def _online(visitor: Visitor, code: str) -> bool:
    return (await visitor.device(code))["online"]


async def _hear(socket, type_: str) -> dict:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            event = json.loads(await socket.recv())
            if event["type"] == type_:
                return event


async def _published(visitor: Visitor, capture_id: str) -> dict | None:
    capture = (await visitor.api.get(f"/captures/{capture_id}")).json()
    return capture if capture["published_at"] else None


async def _bytes_behind(link: str, url: str) -> bytes:
    async with httpx.AsyncClient(trust_env=False) as stranger:
        answer = await stranger.get(url + urlsplit(link).path)
        assert answer.status_code == 200 and answer.headers["content-type"] == "image/jpeg"
        return answer.content


def link_in(payload: bytes) -> str:
    """Return the link inside a message of a result topic."""
    return base64.b64decode(json.loads(payload)["url"]).decode()
