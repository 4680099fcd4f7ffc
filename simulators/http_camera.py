"""A camera with a key and no MQTT: it posts a picture every so often and tries again until the hub has it.

A retry sends the same bytes under the same name, so that a hub that stored the picture but lost its answer on
the way recognises it and answers `dup`. With `sleeps` it reads what the answer carries: it carries out an order at
once, takes up the settings, and sleeps for as long as it is told.
"""

import asyncio
import hashlib
import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from devices.protocol import camera_settings, one_wake
from simulators import esp_http
from simulators.device import Diary, FrameSource, Life
from simulators.scenes import with_settings

ANSWER_BUFFER_BYTES = 4096
LONGEST_PAUSE_S = 300.0


@dataclass(frozen=True)
class HttpCameraConfig:
    """Describe one camera; `hub_url` is the address of the hub, and pictures go to its `/api/upload`."""

    hub_url: str
    code: str
    key: str
    every_s: float = 10.0
    patience_s: float = 10.0
    attempts: int = 6
    first_pause_s: float = 1.0
    battery_mv: int = 4120
    firmware_version: str = "1.4.0"
    key_header: str = "X-Device-Key"
    seed: int = 0
    # It reads what the answers carry, as a camera does that wakes seldom.
    sleeps: bool = False


class Shot(NamedTuple):
    """One picture on its way: a retry sends the very same one."""

    name: str
    jpeg: bytes
    taken_at: float


def is_worth_retrying(status: int) -> bool:
    """Tell whether the hub may take the same picture later: it is busy, limits the rate, or failed itself."""
    return status in (408, 429) or status >= 500


def read_retry_after(text: str, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or as a date, or None."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None


def choose_pause_s(attempt: int, first_pause_s: float, asked_s: float | None, luck: float) -> float:
    """Return how long to wait after failed attempt number `attempt` (from 0); `luck` is a random number 0..1.

    The pause doubles each time and is spread by half, so that cameras that failed together do not return
    together. The hub's own wish is a lower bound.
    """
    pause_s = first_pause_s * 2**attempt * (0.75 + luck / 2)
    return min(max(pause_s, asked_s or 0.0), LONGEST_PAUSE_S)


class HttpCamera(Life, Diary):
    """Run one camera: `await run()` until `await stop()`. `events` and `counters` tell what happened."""

    def __init__(self, config: HttpCameraConfig, scene: FrameSource) -> None:
        super().__init__()
        self.config = config
        self._scene = scene
        self._frame = 0
        self._luck = random.Random(config.seed)
        self._started_at = time.time()
        self.told = one_wake.Extras()
        self.settings: dict = {}
        self.settings_version = 0

    async def _live(self) -> None:
        while not self._stopping.is_set():
            begun_at = time.monotonic()
            await self.wake()
            pause_s = self.config.every_s if self.told.sleep_s is None else self.told.sleep_s
            await self._rest(pause_s - (time.monotonic() - begun_at))

    async def wake(self) -> None:
        """Send a picture, then one for each order that an answer carries."""
        delivered = await self.send_one()
        while delivered and self.told.command and not self._stopping.is_set():
            if restarted := camera_settings.read_restart(self.told.command):
                self.note("restart", restarted)
                await self._report(restarted)
                return
            name = self.told.command["name"]
            self.note("command", name)
            delivered = await self.send_one(name)

    async def send_one(self, name: str = "") -> bool:
        """Take one picture and try to deliver it, under an order's name; return whether the hub has it."""
        shot = await self._shoot(name)
        self.told = one_wake.Extras()
        for attempt in range(self.config.attempts):
            asked_s: float | None = None
            try:
                answer = await self._post(shot)
            except esp_http.HttpFailure as failure:
                self.note("failed", str(failure))
            else:
                self.note("upload", f"{answer.status} {shot.name}")
                if answer.status == 200:
                    self.note("answer", answer.body.decode("utf-8", "replace"))
                    if self.config.sleeps:
                        self.told = one_wake.read_extras(answer.body)
                        await self._take_up_settings()
                    return True
                if not is_worth_retrying(answer.status):
                    break
                asked_s = read_retry_after(answer.headers.get("retry-after", ""), time.time())
            if attempt + 1 < self.config.attempts:
                pause_s = choose_pause_s(attempt, self.config.first_pause_s, asked_s, self._luck.random())
                await self._rest(pause_s)
            if self._stopping.is_set():
                break
        self.note("given_up", shot.name)
        return False

    async def _take_up_settings(self) -> None:
        """Be as the answer says, or ask where it only has another number."""
        version, settings = self.told.settings_version, camera_settings.read_values(self.told.settings)
        if version is None or version == self.settings_version:
            return
        if not settings:
            answer = await self._ask("GET", f"?version={self.settings_version}")
            wish = camera_settings.read_wish(answer.body) if answer is not None else None
            if wish is None:
                return
            version, settings = wish.version, wish.settings
        self.settings, self.settings_version = self.settings | settings, version
        self.note("settings", str(version))
        self._scene = with_settings(self._scene, self.settings)
        await self._report()

    async def _report(self, restarted: str = "") -> None:
        report = camera_settings.Report(
            self.settings_version, self.settings, can=camera_settings.NAMES, restarted=restarted
        )
        await self._ask("POST", body=camera_settings.encode_report(report))

    async def _ask(self, method: str, query: str = "", body: bytes = b"") -> esp_http.Answer | None:
        url = f"{self.config.hub_url.rstrip('/')}/api/v1/device/settings{query}"
        headers = {"Content-Type": "application/json", **self._identity()}
        patience_s = self.config.patience_s
        try:
            return await esp_http.post(url, headers, body, timeout_s=patience_s, method=method)
        except esp_http.HttpFailure as failure:
            self.note("failed", str(failure))
            return None

    async def _shoot(self, name: str = "") -> Shot:
        self._frame += 1
        t = time.time()
        jpeg = await asyncio.to_thread(self._scene.jpeg, t, self._frame)
        return Shot(name or f"{self.config.code}-{int(t * 1000):x}-{self._frame}", jpeg, t)

    async def _post(self, shot: Shot) -> esp_http.Answer:
        headers = {
            "Content-Type": "image/jpeg",
            "Name-Pic": shot.name,
            "X-Content-SHA256": hashlib.sha256(shot.jpeg).hexdigest(),
            "X-Captured-At": f"{shot.taken_at:.3f}",
            **self._identity(),
            **self._telemetry(),
        }
        if self.config.sleeps:
            headers["X-Settings-Version"] = str(self.settings_version)
        return await esp_http.post(
            self.config.hub_url.rstrip("/") + "/api/upload",
            headers,
            shot.jpeg,
            timeout_s=self.config.patience_s,
            buffer_bytes=ANSWER_BUFFER_BYTES,
        )

    def _identity(self) -> dict[str, str]:
        if self.config.key_header == "Authorization":
            return {"Authorization": f"Bearer {self.config.key}"}
        return {self.config.key_header: self.config.key}

    def _telemetry(self) -> dict[str, str]:
        """Return plausible figures: a cell that runs down over weeks, a radio and a heap that breathe."""
        up_s = max(0.0, time.time() - self._started_at)
        return {
            "X-Battery-Mv": str(max(3300, int(self.config.battery_mv - up_s / 1800 - self._frame / 20))),
            "X-RSSI": str(-58 - self._luck.randrange(12)),
            "X-Free-Heap": str(182_000 + self._luck.randrange(9_000)),
            "X-Firmware-Version": self.config.firmware_version,
        }
