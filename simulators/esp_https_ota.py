"""An ESP32 with ESP-IDF's esp_https_ota: HEAD, then the image in steps of 64 KB, with resume.

It asks for the size by HEAD, and when that is refused by `Range: bytes=0-0`. The last step's end lies one byte
behind the file. What was written before the power went is kept; the next start goes on with `bytes=<n>-` and
takes nothing but 206. With `If-None-Match` a 304 means that there is nothing new.
"""

import re
from dataclasses import dataclass, replace

from devices.protocol.firmware import esp_image
from simulators.firmware_board import Board, UpdateFailed
from simulators.http_fetch import Fetched, Wish

STEP_BYTES = 65_536
USER_AGENT = "ESP32 HTTP Client/1.0"
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class EspHttpsOtaConfig:
    """Describe one board. `partial` asks in steps; else one GET takes all. `sha256` is checked when it is given."""

    url: str
    sha256: str = ""
    etag: str = ""
    partial: bool = True
    step_bytes: int = STEP_BYTES
    cut_after_bytes: int = 0
    tries: int = 3
    patience_s: float = 5.0


class EspHttpsOta:
    """Run one board: `await update()`. `kept` is what is in the spare partition, across power cuts."""

    def __init__(self, config: EspHttpsOtaConfig, board: Board) -> None:
        self.config = config
        self.board = board
        self.etag = config.etag
        self.kept = b""
        self._begun_tag = ""
        self._cut_after_bytes = config.cut_after_bytes

    async def update(self) -> str:
        """Update once; return "updated", "no_update", "failed" or "power_cut"."""
        return await self.board.survive(self._update())

    async def _update(self) -> str:
        headers = {"If-None-Match": self.etag} if self.etag else {}
        size_bytes = await self._ask_size(headers)
        if size_bytes is None:
            self.board.note("no_update")
            return "no_update"
        if self.kept and len(self.kept) < size_bytes:
            await self._resume(size_bytes)
        while len(self.kept) < size_bytes:
            await self._take_step(size_bytes)
        data, self.kept = self.board.receive(self.kept), b""
        if esp_image.read_header(data) is None:
            raise UpdateFailed("verify", "The image does not begin with E9.")
        self.board.verify(data, sha256=self.config.sha256)
        self.board.flash(data)
        self.board.restart()
        self.etag = self._begun_tag
        return "updated"

    async def _ask_size(self, headers: dict[str, str]) -> int | None:
        """Return the file's size; None when it is the one that the board has."""
        answer = await self._fetch(headers, method="HEAD")
        if answer.status == 304:
            return None
        length = answer.headers.get("content-length", "")
        if answer.status == 200 and length.isdigit():
            self._note_tag(answer)
            return int(length)
        answer = await self._fetch(headers | {"Range": "bytes=0-0"})
        if answer.status == 304:
            return None
        self._note_tag(answer)
        return _span_of(answer)[2]

    def _note_tag(self, answer: Fetched) -> None:
        tag = answer.headers.get("etag", "")
        if tag != self._begun_tag:
            # Another file than the one that was begun: what is kept of that is worth nothing.
            self._begun_tag, self.kept = tag, b""

    async def _resume(self, size_bytes: int) -> None:
        self.board.note("resume", str(len(self.kept)))
        await self._take(f"bytes={len(self.kept)}-", size_bytes)

    async def _take_step(self, size_bytes: int) -> None:
        first = len(self.kept)
        if not self.config.partial:
            await self._take(f"bytes={first}-" if first else "", size_bytes)
            return
        # Here the updater does not look at the size: the end of the last step is one too many.
        await self._take(f"bytes={first}-{min(first + self.config.step_bytes - 1, size_bytes)}", size_bytes)

    async def _take(self, wanted: str, size_bytes: int) -> None:
        """Ask for a range and keep what comes, also when it broke off; raises UpdateFailed for a wrong answer."""
        first = len(self.kept)
        answer = await self._fetch({"Range": wanted} if wanted else {})
        if wanted and answer.status != 206:
            raise UpdateFailed("download", f"A range was answered with {answer.status}.")
        if not wanted and answer.status != 200:
            raise UpdateFailed("download", f"The file was answered with {answer.status}.")
        if wanted and _span_of(answer)[::2] != (first, size_bytes):
            raise UpdateFailed("download", "The part that came is not the one that was asked for.")
        self.kept += answer.body
        self.board.pass_step("download")

    async def _fetch(self, headers: dict[str, str], method: str = "GET") -> Fetched:
        wish = Wish(
            self.config.url,
            {"User-Agent": USER_AGENT} | headers,
            method=method,
            timeout_s=self.config.patience_s,
        )
        if method == "GET" and self._cut_after_bytes and "bytes=0-0" not in headers.values():
            wish, self._cut_after_bytes = replace(wish, stop_after_bytes=self._cut_after_bytes), 0
        return await self.board.fetch(wish, self.config.tries)


def _span_of(answer: Fetched) -> tuple[int, int, int]:
    """Return first, last and size of a 206's Content-Range."""
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if answer.status != 206 or not found:
        raise UpdateFailed("download", f"A range was answered with {answer.status} and no Content-Range.")
    return int(found[1]), int(found[2]), int(found[3])
