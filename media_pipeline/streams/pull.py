"""Fetching pictures from cameras that are servers: a snapshot URL, a multipart stream, or a TCP port.

    http(s)://…     the answer tells: a picture is a snapshot, fetched again every `interval_s`; a multipart
                    stream is read for as long as it lasts
    tcp://host:port frames in any of the framings of port 8100; a device that closes after one picture is
                    asked again after `interval_s`

A camera that fails is tried again after 1, 2, 4 … 60 s, and after five minutes where it did not take the login, since
cameras lock accounts that are tried too often. Why it fails is told at each try; the log has it once.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from devices.protocol.frames.framing import (
    MAX_FRAME_BYTES,
    Frame,
    FrameTooLarge,
    NotPicture,
    StreamError,
    StreamReader,
)
from devices.protocol.frames.http_pictures import HttpPictures
from devices.registry.rules import SCHEMES
from photohub.lib.network.address_rules import is_safe
from photohub.lib.network.errors import BadAnswer, GetFailed, LoginRefused
from photohub.lib.network.get import AllowAddress, Answer, Asking, connect, get, login_of, read_url
from photohub.lib.pages.sentences import Said

from .pace import FramePace
from .tcp import LinkEvent, LinkState, OnFrame, OnLink, tell_nobody

log = logging.getLogger(__name__)

ALIVE_EVERY_S = 8.0
# That a camera has no trouble is told after each failure, and else seldom.
WELL_EVERY_S = 60.0
REDIRECTS_AT_MOST = 3
_READ_BYTES = 65_536
# A snapshot that is whole waits so long for the end of the answer.
SILENCE_S = 3.0

# Called with the device's code and why nothing could be fetched just now, or None when a picture came.
OnTrouble = Callable[[str, GetFailed | None], Awaitable[None]]


async def note_nothing(_code: str, _failure: GetFailed | None) -> None:
    """Drop what is told of failures."""


@dataclass(frozen=True, slots=True)
class Pull:
    """What to fetch for a device. `fingerprint` is the SHA-256 of the certificate that its owner trusts."""

    code: str
    url: str = field(repr=False)
    interval_s: float = 10.0
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class PullLimits:
    """What a camera may cost. `idle_s` is the longest silence in a stream, `frame_within_s` the longest time without a
    whole frame in one."""

    frame_bytes: int = MAX_FRAME_BYTES
    answer_within_s: float = 10.0
    body_within_s: float = 30.0
    idle_s: float = 30.0
    frame_within_s: float = 60.0
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    refused_pause_s: float = 300.0


class Puller:
    """Fetches for one device until cancelled. `run()` never raises for what a camera does."""

    def __init__(
        self,
        pull: Pull,
        on_frame: OnFrame,
        on_link: OnLink = tell_nobody,
        on_trouble: OnTrouble = note_nothing,
        *,
        limits: PullLimits | None = None,
        allow: AllowAddress = is_safe,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pull = pull
        self._on_frame = on_frame
        self._on_link = on_link
        self._on_trouble = on_trouble
        self._limits = limits or PullLimits()
        self._sleep = sleep
        self._host = ""
        self._asking = Asking(
            allow, self._limits.answer_within_s, fingerprint=pull.fingerprint, redirects=REDIRECTS_AT_MOST
        )
        self._failures = 0
        self._state: LinkState | None = None
        self._logged = ""
        # How many connections in a row gave one part each.
        self._singles = 0
        self._told_s = 0.0
        self._told_well_s = float("-inf")

    async def run(self) -> None:
        """Fetch again and again."""
        while True:
            began_s, failure = time.monotonic(), None
            try:
                await self._fetch()
            except TimeoutError:
                failure = GetFailed("fetch_slow")
            except GetFailed as error:
                failure = error
            except StreamError as error:
                failure = GetFailed("fetch_stream", why=Said(str(error)))
            except OSError as error:
                failure = GetFailed("fetch_broke", why=type(error).__name__)
            except Exception as error:
                log.exception("Pulling from %s failed in a way PhotoHub did not expect.", self._pull.code)
                failure = GetFailed("fetch_fault", why=type(error).__name__)
            await self._rest(began_s, failure)

    async def _fetch(self) -> None:
        parts = read_url(self._pull.url, SCHEMES)
        self._host = parts.hostname or ""
        if parts.scheme == "tcp":
            await self._fetch_tcp(self._host, parts.port or 0)
            return
        if self._asking.login is None:
            # Kept over all fetches, so that the camera's question need not be waited for each time.
            self._asking = replace(self._asking, login=login_of(parts))
        async with get(self._pull.url, self._asking) as answer:
            await self._read_answer(answer)

    async def _read_answer(self, answer: Answer) -> None:
        """Read a snapshot, or a stream, whatever the answer's type says."""
        pictures = HttpPictures(answer.headers.get("content-type", ""), self._limits.frame_bytes)
        count, fault = 0, None
        try:
            async with aclosing(answer.pieces()) as pieces:
                count = await self._read_pictures(pictures, pieces)
        except (GetFailed, OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            # Some cameras announce more than they send, or never end. A picture that is all there is one.
            fault = error
        last = pictures.finish(broken=fault is not None)
        if last is not None:
            await self._hand_on(last)
        elif fault is not None:
            raise fault
        elif pictures.error is not None or not pictures.is_stream:
            raise _unusable(pictures.error, self._limits.frame_bytes)
        if pictures.is_stream:
            self._end_stream(count + (last is not None))

    def _end_stream(self, count: int) -> None:
        """Raise BadAnswer, unless this camera always gives one picture for each connection: then the interval counts."""
        self._singles = self._singles + 1 if count == 1 else 0
        if self._singles < 2:
            raise BadAnswer("fetch_ended")

    async def _read_pictures(self, pictures: HttpPictures, pieces: AsyncGenerator[bytes]) -> int:
        """Hand on the pictures of a stream as they come; return how many. A snapshot stays in `pictures`."""
        clock = asyncio.get_running_loop().time
        snapshot_by_s, frame_by_s = (
            clock() + self._limits.body_within_s,
            clock() + self._limits.frame_within_s,
        )
        count, pace = 0, FramePace()
        while True:
            until_s = clock() + self._limits.idle_s
            if not pictures.is_stream:
                silence_s = SILENCE_S if pictures.is_whole else self._limits.idle_s
                until_s = min(clock() + silence_s, snapshot_by_s)
            async with asyncio.timeout_at(until_s):
                piece = await anext(pieces, b"")
            if not piece:
                return count
            came = pictures.feed(piece)
            for picture in came:
                await self._hand_on(picture)
            count += len(came)
            await pace.keep(len(came))
            if came:
                frame_by_s = clock() + self._limits.frame_within_s
            if pictures.error is not None:
                raise _unusable(pictures.error, self._limits.frame_bytes)
            if pictures.is_stream and clock() > frame_by_s:
                raise BadAnswer("fetch_no_frame", seconds=round(self._limits.frame_within_s))

    async def _fetch_tcp(self, host: str, port: int) -> None:
        async with asyncio.timeout(self._limits.answer_within_s):
            reader, writer = await connect(host, port, self._asking.allow)
        try:
            frames = StreamReader(self._limits.frame_bytes)
            count = await self._read_frames(frames, lambda: reader.read(_READ_BYTES))
        finally:
            writer.transport.abort()
        if count == 0:
            raise BadAnswer("fetch_closed_empty")

    async def _read_frames(self, frames: StreamReader, read: Callable[[], Awaitable[bytes]]) -> int:
        """Hand on frames until the source ends, and return how many. A source that only drips is given up."""
        count, clock, pace = 0, asyncio.get_running_loop().time, FramePace()
        frame_by_s = clock() + self._limits.frame_within_s
        while not frames.ended:
            async with asyncio.timeout(self._limits.idle_s):
                data = await read()
            if not data:
                break
            if taken := await self._take(frames, data):
                count += taken
                await pace.keep(taken)
                frame_by_s = clock() + self._limits.frame_within_s
            elif clock() > frame_by_s:
                raise BadAnswer("fetch_no_frame", seconds=round(self._limits.frame_within_s))
        return count

    async def _take(self, frames: StreamReader, data: bytes) -> int:
        pictures = [event.picture for event in frames.feed(data) if isinstance(event, Frame)]
        for picture in pictures:
            await self._hand_on(picture)
        if frames.error:
            raise frames.error
        return len(pictures)

    async def _hand_on(self, picture: bytes) -> None:
        self._failures = 0
        self._logged = ""
        try:
            self._on_frame(self._pull.code, picture, self._host)
        except Exception:
            log.exception("A frame of %s could not be handed on.", self._pull.code)
        await self._tell(LinkState.CONNECTED)

    async def _rest(self, began_s: float, failure: GetFailed | None) -> None:
        """Wait for the next turn; a failure makes the pauses grow."""
        if failure is None:
            await self._sleep(max(0.0, self._pull.interval_s - (time.monotonic() - began_s)))
            return
        if self._logged != failure.word:
            log.warning("Nothing could be fetched for %s: %s", self._pull.code, failure)
            self._logged = failure.word
        await self._tell(LinkState.GONE, failure.said)
        await self._tell_trouble(failure)
        pause_s = min(self._limits.first_pause_s * 2 ** min(self._failures, 10), self._limits.longest_pause_s)
        if isinstance(failure, LoginRefused):
            pause_s = max(pause_s, self._limits.refused_pause_s)
        self._failures += 1
        await self._sleep(pause_s * random.uniform(0.75, 1.25))

    async def _tell(self, state: LinkState, sentence: str | Said = "") -> None:
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
        if state is not LinkState.GONE and now_s - self._told_well_s >= WELL_EVERY_S:
            await self._tell_trouble(None)

    async def _tell_trouble(self, failure: GetFailed | None) -> None:
        self._told_well_s = time.monotonic() if failure is None else float("-inf")
        try:
            await self._on_trouble(self._pull.code, failure)
        except Exception:
            log.exception("The trouble of %s could not be noted.", self._pull.code)


def _unusable(error: StreamError | None, limit_bytes: int) -> Exception:
    """Return what is told of an answer that holds no picture."""
    if isinstance(error, FrameTooLarge):
        return BadAnswer("fetch_too_large", limit=limit_bytes)
    return BadAnswer("fetch_no_picture") if error is None or isinstance(error, NotPicture) else error
