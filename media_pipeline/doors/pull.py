"""Fetching pictures from cameras that are servers: a snapshot URL, a multipart stream, or a TCP port.

    http(s)://…     the answer tells: a picture is a snapshot, fetched again every `interval_s`; a multipart
                    stream is read for as long as it lasts
    tcp://host:port frames in any of the framings of port 8100; a device that closes after one picture is
                    asked again after `interval_s`

A camera that fails is tried again after 1, 2, 4 … 60 s, and its failure is told once, not at each try.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from devices.protocol.jpeg_end import SOI
from devices.protocol.stream_framing import MAX_FRAME_BYTES, Frame, Framing, StreamError, StreamReader
from devices.pull_url import SCHEMES
from photohub.lib.http_get import (
    AllowAddress,
    Answer,
    BadAnswer,
    GetFailed,
    connect,
    get,
    is_fit_address,
    read_url,
)

from .stream import LinkEvent, LinkState, OnFrame, OnLink, tell_nobody

log = logging.getLogger(__name__)

ALIVE_EVERY_S = 8.0
_READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Pull:
    """What to fetch for a device."""

    code: str
    url: str
    interval_s: float = 10.0


@dataclass(frozen=True, slots=True)
class PullLimits:
    """What a camera may cost. `idle_s` is the longest silence in a stream or a body."""

    frame_bytes: int = MAX_FRAME_BYTES
    answer_within_s: float = 10.0
    body_within_s: float = 30.0
    idle_s: float = 30.0
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0


def check_url(url: str) -> None:
    """Raise BadUrl, in a sentence for a person, when this address cannot be pulled."""
    read_url(url, SCHEMES)


class Puller:
    """Fetches for one device until cancelled. `run()` never raises for what a camera does."""

    def __init__(
        self,
        pull: Pull,
        on_frame: OnFrame,
        on_link: OnLink = tell_nobody,
        *,
        limits: PullLimits | None = None,
        allow: AllowAddress = is_fit_address,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pull = pull
        self._on_frame = on_frame
        self._on_link = on_link
        self._limits = limits or PullLimits()
        self._allow = allow
        self._sleep = sleep
        self._host = ""
        self._failures = 0
        self._state: LinkState | None = None
        self._complained = False
        self._told_s = 0.0

    async def run(self) -> None:
        """Fetch again and again."""
        while True:
            began_s, sentence = time.monotonic(), ""
            try:
                await self._fetch()
            except TimeoutError:
                sentence = "The camera did not answer in time."
            except (GetFailed, StreamError) as error:
                sentence = str(error)
            except OSError as error:
                sentence = f"The connection to the camera broke ({type(error).__name__})."
            except Exception as error:
                log.exception("Pulling from %s failed in a way PhotoHub did not expect.", self._pull.code)
                sentence = f"The hub stumbled ({type(error).__name__})."
            await self._rest(began_s, sentence)

    async def _fetch(self) -> None:
        parts = read_url(self._pull.url, SCHEMES)
        self._host = parts.hostname or ""
        if parts.scheme == "tcp":
            await self._fetch_tcp(self._host, parts.port or 0)
            return
        within_s = self._limits.answer_within_s
        async with get(self._pull.url, allow=self._allow, within_s=within_s) as answer:
            if answer.content_type.startswith("multipart/"):
                await self._read_multipart(answer)
            else:
                async with asyncio.timeout(self._limits.body_within_s):
                    picture = await answer.body(self._limits.frame_bytes)
                if not picture.startswith(SOI):
                    raise BadAnswer("The camera's answer is not a JPEG.")
                await self._hand_on(picture)

    async def _read_multipart(self, answer: Answer) -> None:
        frames = StreamReader(self._limits.frame_bytes, Framing.JPEGS)
        async with aclosing(answer.pieces()) as pieces:
            while True:
                async with asyncio.timeout(self._limits.idle_s):
                    piece = await anext(pieces, None)
                if piece is None:
                    raise BadAnswer("The camera ended its stream.")
                await self._take(frames, piece)

    async def _fetch_tcp(self, host: str, port: int) -> None:
        async with asyncio.timeout(self._limits.answer_within_s):
            reader, writer = await connect(host, port, self._allow)
        frames, count = StreamReader(self._limits.frame_bytes), 0
        try:
            while not frames.ended:
                async with asyncio.timeout(self._limits.idle_s):
                    data = await reader.read(_READ_BYTES)
                if not data:
                    break
                count += await self._take(frames, data)
        finally:
            writer.transport.abort()
        if count == 0:
            raise BadAnswer("The camera closed the connection without a picture.")

    async def _take(self, frames: StreamReader, data: bytes) -> int:
        pictures = [event.jpeg for event in frames.feed(data) if isinstance(event, Frame)]
        for picture in pictures:
            await self._hand_on(picture)
        if frames.error:
            raise frames.error
        return len(pictures)

    async def _hand_on(self, picture: bytes) -> None:
        self._failures = 0
        self._complained = False
        try:
            self._on_frame(self._pull.code, picture, self._host)
        except Exception:
            log.exception("A frame of %s could not be handed on.", self._pull.code)
        await self._tell(LinkState.CONNECTED)

    async def _rest(self, began_s: float, sentence: str) -> None:
        """Wait for the next turn; a failure is told once and makes the pauses grow."""
        if not sentence:
            await self._sleep(max(0.0, self._pull.interval_s - (time.monotonic() - began_s)))
            return
        if not self._complained:
            log.warning("Nothing could be pulled for %s: %s", self._pull.code, sentence)
            self._complained = True
        await self._tell(LinkState.GONE, sentence)
        pause_s = min(self._limits.first_pause_s * 2 ** min(self._failures, 10), self._limits.longest_pause_s)
        self._failures += 1
        await self._sleep(pause_s * random.uniform(0.75, 1.25))

    async def _tell(self, state: LinkState, sentence: str = "") -> None:
        now_s = time.monotonic()
        if state == self._state:
            if state is LinkState.GONE or now_s - self._told_s < ALIVE_EVERY_S:
                return
            state = LinkState.ALIVE
        else:
            self._state = state
        self._told_s = now_s
        try:
            await self._on_link(LinkEvent(self._pull.code, state, self._host, sentence))
        except Exception:
            log.exception("The link of %s could not be noted.", self._pull.code)
