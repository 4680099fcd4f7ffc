"""A panel with the TRMNL firmware: it wakes, asks what to show, fetches and draws it, and sleeps.

It does what was read in the firmware's source (usetrmnl/trmnl-firmware): set-up by hardware address while it has
no key; a picture whose name is in its flash is drawn from there; bitmaps are checked field by field; a failure is
reported; status 202 waits, and status 500 or `reset_firmware` makes it forget its key.
"""

import asyncio
import json
import struct
from dataclasses import dataclass
from pathlib import Path

from simulators import esp_http
from simulators.device import Diary, Life

BITMAP_BYTES = 48_062
LARGEST_PICTURE_BYTES = 90_000
NAME_CHARS = 31
FAST_POLL_S = 5.0
DEFAULT_REFRESH_S = 900


@dataclass(frozen=True)
class TrmnlConfig:
    """Describe one panel. `key`: kept from an earlier set-up. `sleep_at_most_s`: shorten the nights of a test."""

    hub_url: str
    address: str = "94:A9:90:8C:6D:18"
    code: str = ""
    key: str = ""
    model: str = "og"
    firmware_version: str = "1.6.9"
    battery_v: float = 4.05
    rssi_dbm: int = -61
    patience_s: float = 15.0
    sleep_at_most_s: float | None = None
    folder: Path | None = None


class CannotDraw(Exception):
    """The picture is none that this panel draws; the text says why."""


def check_picture(data: bytes) -> None:
    """Raise CannotDraw for what the firmware refuses."""
    if len(data) > LARGEST_PICTURE_BYTES:
        raise CannotDraw(f"file size too big: {len(data)}")
    if data.startswith(b"BM"):
        width, height, _planes, bits, _packing, size = struct.unpack_from("<iiHHII", data, 18)
        (colours,) = struct.unpack_from("<I", data, 46)
        (start,) = struct.unpack_from("<I", data, 10)
        if (width, abs(height), bits, size, colours) != (800, 480, 1, 48_000, 2) or start <= 54:
            raise CannotDraw("BMP_BAD_SIZE")
    elif not data.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        raise CannotDraw("wrong image format")


class Trmnl(Life, Diary):
    """Run one panel: `await run()` until `await stop()`, or `await wake()` once. `screen` is what it shows."""

    def __init__(self, config: TrmnlConfig) -> None:
        super().__init__()
        self.config = config
        self.key = config.key
        self.friendly_id = ""
        self.screen = b""
        self.message = ""
        self.flash: dict[str, bytes] = {}
        self.refresh_s: float = DEFAULT_REFRESH_S
        self._shown_name = ""

    async def _live(self) -> None:
        while not self._stopping.is_set():
            await self.wake()
            limit_s = self.config.sleep_at_most_s
            await self._rest(self.refresh_s if limit_s is None else min(self.refresh_s, limit_s))

    async def wake(self) -> None:
        """Do what the panel does between two sleeps."""
        try:
            if self.key or await self._set_up():
                await self._display()
        except esp_http.HttpFailure as failure:
            self.note("failed", str(failure))
        except CannotDraw as fault:
            await self._report(str(fault))

    async def _set_up(self) -> bool:
        headers = {"ID": self.config.address, "FW-Version": self.config.firmware_version, **self._itself()}
        answer = await self._ask("/api/setup", headers)
        self.message = answer.get("message") or ""
        if answer.get("status") != 200:
            self.note("not registered", self.message)
            self.refresh_s = DEFAULT_REFRESH_S
            return False
        self.key, self.friendly_id = answer["api_key"], answer["friendly_id"]
        self.note("set up", self.friendly_id)
        picture = await self._fetch(answer["image_url"])
        if len(picture) != BITMAP_BYTES and not picture.startswith(b"\x89PNG"):
            raise CannotDraw(f"Receiving failed. Read: {len(picture)}")
        await self._draw(picture)
        return True

    async def _display(self) -> None:
        headers = {
            "ID": self.config.address,
            "Access-Token": self.key,
            "Refresh-Rate": str(int(self.refresh_s)),
            "Battery-Voltage": f"{self.config.battery_v:.2f}",
            "FW-Version": self.config.firmware_version,
            **self._itself(),
        }
        answer = await self._ask("/api/display", headers)
        status = answer.get("status")
        if status in (202, 500):
            self.note(f"status {status}", answer.get("error") or "")
            self.refresh_s = FAST_POLL_S
        elif status == 0 and answer.get("image_url"):
            self.refresh_s = int(answer["refresh_rate"]) or DEFAULT_REFRESH_S
            await self._show(answer["filename"], answer["image_url"])
        if status == 500 or answer.get("reset_firmware"):
            self.key = ""

    async def _show(self, name: str, address: str) -> None:
        if len(name) > NAME_CHARS:
            raise CannotDraw(f"the name {name} does not fit the flash")
        if name == self._shown_name:
            self.note("unchanged", name)
            return
        if name not in self.flash:
            picture = await self._fetch(address)
            check_picture(picture)
            self.flash[name] = picture
        else:
            self.note("from flash", name)
        await self._draw(self.flash[name])
        self._shown_name = name

    async def _fetch(self, address: str) -> bytes:
        # The firmware sends its key to the hub's own addresses only; none must be needed.
        answer = await esp_http.get(
            address, {"Accept-Encoding": "identity"}, timeout_s=self.config.patience_s
        )
        if answer.status != 200:
            raise CannotDraw(f"[HTTPS] GET... failed, code: {answer.status}")
        self.note("fetched", f"{len(answer.body)} bytes")
        return answer.body

    async def _draw(self, picture: bytes) -> None:
        self.screen = picture
        self.note("drawn", f"{len(picture)} bytes")
        if self.config.folder is not None:
            path = self.config.folder / f"{self.config.code or 'trmnl'}-{self.counters['drawn']:04d}.bin"
            await asyncio.to_thread(path.write_bytes, picture)

    async def _report(self, fault: str) -> None:
        self.note("cannot draw", fault)
        body = json.dumps(
            {"logs": [{"message": fault, "firmware_version": self.config.firmware_version}]}
        ).encode()
        headers = {"ID": self.config.address, "Access-Token": self.key, "Content-Type": "application/json"}
        url = self.config.hub_url.rstrip("/") + "/api/log"
        try:
            answer = await esp_http.post(
                url, headers, body, timeout_s=self.config.patience_s, buffer_bytes=2048
            )
        except esp_http.HttpFailure as failure:
            self.note("failed", str(failure))
        else:
            self.note("reported", str(answer.status))

    async def _ask(self, path: str, headers: dict[str, str]) -> dict:
        url = self.config.hub_url.rstrip("/") + path
        answer = await esp_http.get(url, headers, timeout_s=self.config.patience_s)
        if answer.status not in (200, 301, 429):
            raise esp_http.HttpFailure(f"{path} answered {answer.status}.")
        try:
            return json.loads(answer.body)
        except ValueError:
            raise esp_http.HttpFailure(f"{path} answered what is no JSON.") from None

    def _itself(self) -> dict[str, str]:
        return {
            "Model": self.config.model,
            "RSSI": str(self.config.rssi_dbm),
            "Width": "800",
            "Height": "480",
        }
