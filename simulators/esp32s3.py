"""A camera that acts as the published ESP32-S3 program does, faults included.

It waits for `{"action":0,"name":"<name>"}` on its command topic, takes two frames and posts the second one,
because the first may be stale. Whatever HTTP answer it gets goes to its result topic, raw and piece by piece.
What it does with an odd command was read in the program's source (xuhongv/StudyInEsp32, project 24).
"""

import asyncio
import logging
import random
import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

import aiomqtt

from devices.protocol import camera_settings, light
from simulators import esp_http
from simulators.device import Diary, FrameSource, MqttLife, PowerCut, pull_the_plug, say_status, will_of
from simulators.scenes import with_settings

logger = logging.getLogger(__name__)

PADDING_BYTES = 512
END_OF_IMAGE = b"\xff\xd9"
OUTBOX_PIECES = 100

Fault = Literal["none", "padded", "stale_tail", "cut"]


@dataclass(frozen=True)
class Order:
    """What the program makes of one message; `text` is the picture's name, or the reason."""

    kind: Literal["capture", "ignored", "crash"]
    text: str


@dataclass(frozen=True)
class Esp32S3Config:
    """Describe one board. The defaults are the published program: no code, no key, no status topic."""

    upload_url: str
    mqtt_host: str
    mqtt_port: int
    mac: str = "7cdfa1e0c0de"
    code: str = ""
    key: str = ""
    command_topic: str = "/light/deviceIn"
    result_topic: str = "/light/deviceOut"
    status_topic: str = ""
    keyed_upload: bool = False
    relay_answers: bool = True
    fault: Fault = "none"
    latency_s: float = 0.0
    drop_rate: float = 0.0
    battery_mv: int = 0
    every_s: float = 0.0
    patience_s: float = 10.0
    reboot_s: float = 3.0
    reconnect_s: float = 2.0
    buffer_bytes: int = esp_http.DEFAULT_BUFFER_BYTES
    seed: int = 0
    # Newer programs take settings up, on this topic and the level below it; "" is none.
    settings_topic: str = ""


def read_order(payload: bytes) -> Order:
    """Read a command as the program does: it checks for no key, and its name buffer has 50 bytes."""
    if light.crashes_firmware(payload):
        return Order("crash", "a missing key, or a name over its buffer")
    command = light.decode_command(payload)
    if command is None:
        return Order("ignored", payload[:80].decode("utf-8", "replace"))
    return Order("capture", command.name)


def spoil(jpeg: bytes, fault: Fault, older: bytes = b"") -> bytes:
    """Return the frame as a cheap camera driver hands it over.

    padded: zero bytes up to a multiple of 512. stale_tail: the end of an older frame, with its end
    marker, behind this one. cut: the buffer was too small, so the last third and the end marker are missing.
    """
    if fault == "padded":
        return jpeg + bytes(-len(jpeg) % PADDING_BYTES or PADDING_BYTES)
    if fault == "stale_tail":
        return jpeg + (older or jpeg)[-PADDING_BYTES:]
    if fault == "cut":
        return jpeg[: len(jpeg) * 2 // 3].removesuffix(END_OF_IMAGE)
    return jpeg


def mac_for(number: int) -> str:
    """Return the MAC address, as 12 hex digits, of the simulated board with this number."""
    return f"7cdfa1{number & 0xFFFFFF:06x}"


class Esp32S3Camera(MqttLife, Diary):
    """Run one board: `await run()` until `await stop()`. `events` and `counters` tell what happened."""

    def __init__(self, config: Esp32S3Config, scene: FrameSource) -> None:
        super().__init__(config.mac, config.reconnect_s)
        self.config = config
        self.scene = scene
        self._frame = 0
        self._battery_mv = config.battery_mv
        self._radio = random.Random(config.seed)
        self._outbox: deque[bytes] = deque(maxlen=OUTBOX_PIECES)
        self.wish = camera_settings.Wish(0, {})
        # One frame buffer: orders and the timer take turns.
        self._camera = asyncio.Lock()

    def _start_again(self) -> float:
        return self.config.reboot_s

    def _leave(self) -> None:
        if self.connected.is_set():
            self.note("disconnected")
        super()._leave()

    def _client(self) -> aiomqtt.Client:
        config = self.config
        return aiomqtt.Client(
            config.mqtt_host,
            config.mqtt_port,
            identifier=config.mac,
            username=config.code or None,
            password=config.key if config.code else None,
            keepalive=120,
            clean_session=True,
            protocol=aiomqtt.ProtocolVersion.V311,
            will=will_of(config.status_topic),
            timeout=self.config.patience_s,
        )

    async def _session(self) -> None:
        async with self._client() as client:
            await client.subscribe(self.config.command_topic, qos=1)
            self.connected.set()
            self.note("connected", self.config.mac)
            timer = asyncio.create_task(self._take_unasked(client)) if self.config.every_s else None
            try:
                await say_status(client, self.config.status_topic, b"online")
                if self.config.settings_topic:
                    await client.subscribe(self.config.settings_topic, qos=1)
                    await self._report(client)
                async with self._camera:
                    await self._flush(client)
                async for message in client.messages:
                    if str(message.topic) == self.config.settings_topic:
                        await self._take_up(client, bytes(message.payload))
                    else:
                        await self._obey(client, bytes(message.payload))
            except asyncio.CancelledError:
                await say_status(client, self.config.status_topic, b"offline")
                raise
            finally:
                if timer is not None:
                    timer.cancel()

    async def _take_up(self, client: aiomqtt.Client, payload: bytes) -> None:
        """Be as the hub wishes, as far as a board can that has no light."""
        if (wish := camera_settings.read_wish(payload)) is None:
            return
        self.note("settings", str(wish.version))
        refused = {"led": "this board has no light"} if "led" in wish.settings else {}
        has = {name: value for name, value in wish.settings.items() if name not in refused}
        self.wish = camera_settings.Wish(wish.version, self.wish.settings | has)
        self.scene = with_settings(self.scene, self.wish.settings)
        await self._report(client, refused)

    async def _report(self, client: aiomqtt.Client, refused: dict[str, str] | None = None) -> None:
        report = camera_settings.Report(self.wish.version, self.wish.settings, refused or {})
        topic = f"{self.config.settings_topic}/reported"
        await client.publish(topic, camera_settings.encode_report(report), qos=1)

    async def _obey(self, client: aiomqtt.Client, payload: bytes) -> None:
        order = read_order(payload)
        if order.kind == "ignored":
            self.note("ignored", order.text)
        elif order.kind == "crash":
            self.note("crash", order.text)
            await pull_the_plug(client)
            raise PowerCut
        else:
            self.note("command", order.text)
            await self._shoot(client, order.text)

    async def _take_unasked(self, client: aiomqtt.Client) -> None:
        """Take a picture every so often: what newer programs add for a camera that watches by itself."""
        while True:
            try:
                await self._shoot(client, f"{self.config.mac}-{int(time.time() * 1000):x}")
            except aiomqtt.MqttError as error:
                logger.info("Simulated camera %s keeps an answer for later: %s", self.config.mac, error)
            await asyncio.sleep(self.config.every_s)

    async def _shoot(self, client: aiomqtt.Client, name: str) -> None:
        """Take two frames, post the second, relay the answer."""
        async with self._camera:
            await asyncio.sleep(self.config.latency_s)
            picture = await self._take_picture()
            try:
                answer = await self._upload(name, picture)
            except esp_http.HttpFailure as failure:
                self.note("failed", str(failure))
                return
            self.note("upload", f"{answer.status} {name}")
            self.note("answer", answer.body.decode("utf-8", "replace"))
            if self.config.relay_answers:
                self._outbox.extend(answer.pieces)
                await self._flush(client)

    async def _upload(self, name: str, picture: bytes) -> esp_http.Answer:
        fades = self._radio.random() < self.config.drop_rate
        return await esp_http.post(
            self.config.upload_url,
            self._headers(name),
            picture,
            timeout_s=self.config.patience_s,
            buffer_bytes=self.config.buffer_bytes,
            cut_after_bytes=len(picture) // 2 if fades else None,
        )

    async def _take_picture(self) -> bytes:
        """Return the second of two frames; Pillow works in a thread so that many cameras share one loop."""
        t = time.time()
        self._frame += 2
        older = b""
        if self.config.fault == "stale_tail":
            older = await asyncio.to_thread(self.scene.jpeg, t, self._frame - 1)
        newest = await asyncio.to_thread(self.scene.jpeg, t, self._frame)
        return spoil(newest, self.config.fault, older)

    def _headers(self, name: str) -> dict[str, str]:
        headers = {"Content-Type": "image/jpg", "Name-Pic": name}
        if self.config.keyed_upload:
            headers["X-Device-Key"] = self.config.key
        if self._battery_mv:
            # A lithium cell of this size loses about a millivolt per picture sent over Wi-Fi.
            self._battery_mv = max(3000, self._battery_mv - 1)
            headers["X-Battery-Mv"] = str(self._battery_mv)
        return headers

    async def _flush(self, client: aiomqtt.Client) -> None:
        """Publish the pieces in order; as in esp-mqtt's outbox, what fails goes out after reconnecting."""
        while self._outbox:
            await client.publish(self.config.result_topic, self._outbox[0], qos=1, retain=False)
            self._outbox.popleft()
