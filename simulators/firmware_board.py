"""A board that takes firmware updates: what runs, what was written beside it, and what can go wrong.

An image tells its version itself, as a compiled program would; the board believes nobody else. The new image
is written beside the running one, so that a board that lost power starts the old one.
"""

import hashlib
import math
import random
import re
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal

from simulators.device import Diary, PowerCut
from simulators.esp_http import HttpFailure
from simulators.http_fetch import Fetched, Interrupted, Wish, fetch

MARK = b"photohub simulated image, version "
_VERSION = re.compile(re.escape(MARK) + rb"([!-~]{1,64})\0")
# One segment, DIO, 4 MB on an ESP8266 and 8 MB on an ESP32.
FRONTS = {
    "esp8266": bytes.fromhex("e9010240"),
    "esp32": bytes.fromhex("e906023f"),
    "stm32": b"\x00\x50\x00\x20",
}

Step = Literal["download", "verify", "flash"]


class UpdateFailed(Exception):
    """Say at which step an update failed, and why; the board runs what it ran."""

    def __init__(self, step: Step, sentence: str) -> None:
        super().__init__(sentence)
        self.step: Step = step


@dataclass(frozen=True)
class Faults:
    """What goes wrong, at the first update only.

    power_cut_at: the power goes at this step.  wrong_hash: a bit changes on the way.
    silent: the board takes the offer and says nothing more.  lies: it reports success and runs the old image.
    """

    power_cut_at: Step | Literal[""] = ""
    wrong_hash: bool = False
    silent: bool = False
    lies: bool = False


@dataclass(frozen=True)
class Firmware:
    """An image and the version it has."""

    version: str
    data: bytes

    @property
    def md5(self) -> str:
        """Return the MD5 in hex, as boards report what runs."""
        return hashlib.md5(self.data).hexdigest()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 in hex."""
        return hashlib.sha256(self.data).hexdigest()


def make_firmware(version: str, size_bytes: int = 20_000, chip: str = "esp8266") -> Firmware:
    """Return an image of this version: the header of its chip, the mark, and bytes that do not repeat."""
    front = FRONTS[chip] + bytes(4) + MARK + version.encode("ascii") + b"\0"
    return Firmware(version, front + random.Random(version).randbytes(size_bytes - len(front)))


def read_version(data: bytes) -> str:
    """Return the version that an image tells, or ""."""
    found = _VERSION.search(data)
    return found[1].decode("ascii") if found else ""


class Board(Diary):
    """Hold one running image and room for another. `events` and `counters` tell what happened."""

    def __init__(self, firmware: Firmware, faults: Faults | None = None) -> None:
        super().__init__()
        self.running = firmware
        self.starts = 1
        self._faults = faults or Faults()
        self._spare: Firmware | None = None

    @property
    def silent(self) -> bool:
        """Tell whether this update is one that nothing more is heard of."""
        return self._faults.silent

    @property
    def lies(self) -> bool:
        """Tell whether success is reported for nothing."""
        return self._faults.lies

    def pass_step(self, step: Step) -> None:
        """Go through a step; raises PowerCut when that is where the power goes."""
        self.note(step)
        if self._faults.power_cut_at == step:
            raise PowerCut

    def receive(self, data: bytes) -> bytes:
        """Return the image as it arrived in the board's memory."""
        if not self._faults.wrong_hash or not data:
            return data
        return data[:-1] + bytes([data[-1] ^ 1])

    async def fetch(self, wish: Wish, tries: float = math.inf) -> Fetched:
        """Make a request and return what came, also when it broke off; raises UpdateFailed when that came too often."""
        try:
            return await fetch(wish)
        except Interrupted as broken:
            self.note("interrupted", str(broken))
            if self.counters["interrupted"] >= tries:
                raise UpdateFailed("download", "The connection broke too often.") from broken
            return broken.fetched

    def verify(self, data: bytes, **hashes: str) -> None:
        """Compare with each hash that is given, by the name of its method; raises UpdateFailed."""
        self.pass_step("verify")
        for name, wanted in hashes.items():
            if wanted and hashlib.new(name, data).hexdigest() != wanted.lower():
                raise UpdateFailed("verify", f"The image's {name} is not the one that was told.")

    def flash(self, data: bytes, told_version: str = "") -> None:
        """Write the image beside the running one; it is started by `restart`."""
        self.pass_step("flash")
        self._spare = Firmware(read_version(data) or told_version, data)

    def restart(self) -> None:
        """Start what was written last, or the old one when the power went before it was whole."""
        if self._spare is not None and not self._faults.lies:
            self.running = self._spare
        self._spare = None
        self.starts += 1
        self._faults = Faults()
        self.note("restart", self.running.version)

    async def survive(self, update: Awaitable[str]) -> str:
        """Return how the update ended: what it says, or "failed" or "power_cut"."""
        try:
            return await update
        except (HttpFailure, UpdateFailed) as error:
            self.note("failed", str(error))
            return "failed"
        except PowerCut:
            self.lose_power()
            return "power_cut"

    def lose_power(self) -> None:
        """Start again after a power cut: what was half written is gone."""
        self._spare = None
        self.note("power_cut")
        self.restart()
