"""An ESP8266 or ESP32 with the updater of its Arduino core: ESP8266httpUpdate or HTTPUpdate.

It asks by HTTP/1.0 with headers that say what runs, and takes 200 with a counted image, 304, 403 or 404. It
refuses a chunked answer, follows no redirect, and checks before it writes: the size against the free room, the
first byte, the flash size in the image's header, and `x-MD5`.
"""

from dataclasses import dataclass

from devices.protocol.firmware import esp_image
from devices.protocol.firmware.esp_image import Chip
from simulators.device import Life
from simulators.firmware_board import Board, UpdateFailed
from simulators.http_fetch import Fetched, Wish, fetch

NAMES = {Chip.ESP8266: "ESP8266", Chip.ESP32: "ESP32"}
NAMED_ERRORS = {403: "The server forbids the update.", 404: "The server has no such file."}


@dataclass(frozen=True)
class EspUpdaterConfig:
    """Describe one board; `url` is the hub's `/ota/esp/<key>`, with `?module=…` for a second processor."""

    url: str
    chip: Chip = Chip.ESP8266
    mac: str = "18:FE:34:16:40:E0"
    free_space_bytes: int = 671_744
    chip_size_bytes: int = 4_194_304
    sends_version: bool = True
    every_s: float = 60.0
    patience_s: float = 8.0


class EspUpdater(Life):
    """Run one board: `await check()` once, or `await run()` until `await stop()`."""

    def __init__(self, config: EspUpdaterConfig, board: Board) -> None:
        super().__init__()
        self.config = config
        self.board = board

    async def _live(self) -> None:
        while not self._stopping.is_set():
            await self.check()
            if self.board.counters["silence"]:
                await self._stopping.wait()
            await self._rest(self.config.every_s)

    async def check(self) -> str:
        """Ask once; return "updated", "no_update", "failed" or "power_cut"."""
        return await self.board.survive(self._update())

    def headers(self) -> dict[str, str]:
        """Return the headers of a question."""
        config, running = self.config, self.board.running
        front = f"x-{NAMES[config.chip]}-"
        told = {
            "Chip-ID": "1458400",
            "STA-MAC": config.mac,
            "AP-MAC": config.mac,
            "free-space": str(config.free_space_bytes),
            "sketch-size": str(len(running.data)),
            "sketch-md5": running.md5,
            "chip-size": str(config.chip_size_bytes),
            "sdk-version": "simulated",
            "mode": "sketch",
        }
        if config.chip is Chip.ESP32:
            told["sketch-sha256"] = running.sha256.upper()
        if config.sends_version:
            told["version"] = running.version
        agent = {"User-Agent": f"{NAMES[config.chip]}-http-Update", "Cache-Control": "no-cache"}
        return agent | {front + name: value for name, value in told.items()}

    async def _update(self) -> str:
        wish = Wish(self.config.url, self.headers(), version="1.0", timeout_s=self.config.patience_s)
        answer = await fetch(wish)
        if answer.status == 304:
            self.board.note("no_update")
            return "no_update"
        if answer.status != 200:
            raise UpdateFailed("download", NAMED_ERRORS.get(answer.status, "Wrong HTTP code."))
        self.board.pass_step("download")
        if self.board.silent:
            self.board.note("silence")
            return "failed"
        data = self.board.receive(answer.body)
        self._check(data)
        self.board.verify(data, md5=_md5_of(answer))
        self.board.flash(data)
        self.board.restart()
        return "updated"

    def _check(self, data: bytes) -> None:
        """Refuse what the updater would not write."""
        if not data:
            raise UpdateFailed("download", "The server sent an empty file.")
        if len(data) > self.config.free_space_bytes:
            raise UpdateFailed("download", "There is not enough room for the image.")
        if esp_image.is_gzip(data) and self.config.chip is Chip.ESP8266:
            return
        header = esp_image.read_header(data)
        if header is None:
            raise UpdateFailed("verify", "The image does not begin with E9.")
        made_for = header.flash_bytes(self.config.chip)
        if made_for is None or made_for > self.config.chip_size_bytes:
            raise UpdateFailed("verify", "The image was made for a larger flash.")


def _md5_of(answer: Fetched) -> str:
    md5 = answer.headers.get("x-md5", "")
    return md5 if len(md5) == 32 else ""
