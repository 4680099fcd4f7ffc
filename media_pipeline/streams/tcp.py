"""The TCP endpoint, port 8100: cameras that send frame after frame in any framing (docs/protocol.md, "Stream").

A connection is refused, asked who it is, read, and at last closed; whether anybody looks at the pictures does
not matter here. What the endpoint must know is passed in: whose a claim is, where frames go, who hears of links.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from devices.protocol.frames.framing import (
    MAX_FRAME_BYTES,
    Ended,
    Frame,
    FrameTooLarge,
    Hello,
    StreamError,
    StreamEvent,
    StreamReader,
)
from photohub.lib.pages.sentences import Said, said

from .pace import FramePace

log = logging.getLogger(__name__)

_READ_BYTES = 65_536
# Less than this in `idle_s` is a peer that only pretends to send.
_PROGRESS_BYTES = 1024
TROUBLES: dict[type[StreamError], str] = {FrameTooLarge: "stream_too_large"}


@dataclass(frozen=True, slots=True)
class StreamClaim:
    """What a connection shows of itself. Without a hello there is only its address."""

    address: str
    code: str = ""
    key: str = ""

    def __repr__(self) -> str:
        return f"StreamClaim(address={self.address!r}, code={self.code!r})"


class LinkState(StrEnum):
    """What happened to a camera's stream."""

    CONNECTED = "connected"
    ALIVE = "alive"
    GONE = "gone"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """News of a camera's stream; `sentence` says why it is gone.

    `trouble` is the word for it on the device's page, when the fault is in what the device sent, and `limit` its value.
    """

    code: str
    state: LinkState
    address: str
    sentence: str | Said = ""
    trouble: str = ""
    limit: int = 0


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What connections may cost. Rights are asked again every `recheck_s`."""

    connections: int = 220
    strangers: int = 64
    frame_bytes: int = MAX_FRAME_BYTES
    hello_within_s: float = 5.0
    idle_s: float = 30.0
    recheck_s: float = 8.0


Identify = Callable[[StreamClaim], Awaitable[str | None]]
OnFrame = Callable[[str, bytes, str], None]
OnLink = Callable[[LinkEvent], Awaitable[None]]


class Closed(Exception):
    """The connection is to be closed; the text says why, and `trouble` is a word for the device's page."""

    def __init__(self, sentence: Said, trouble: str = "") -> None:
        super().__init__(sentence)
        self.sentence, self.trouble = sentence, trouble


async def tell_nobody(_event: LinkEvent) -> None:
    """Drop the news."""


class StreamEndpoint:
    """Serves one port. `identify` returns a device's code, None for a stranger; `on_frame` must not wait."""

    def __init__(
        self,
        identify: Identify,
        on_frame: OnFrame,
        on_link: OnLink = tell_nobody,
        limits: StreamLimits | None = None,
    ) -> None:
        self.identify = identify
        self.on_frame = on_frame
        self.on_link = on_link
        self.limits = limits or StreamLimits()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task] = set()
        self._streams: dict[str, _Connection] = {}
        # How many connections were refused because too many were open.
        self.crowded = 0

    @property
    def port(self) -> int:
        return self._server.sockets[0].getsockname()[1] if self._server else 0

    @property
    def codes(self) -> list[str]:
        """The devices that are connected."""
        return sorted(self._streams)

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=_READ_BYTES, backlog=256)

    async def start_on(self, listener: socket.socket) -> None:
        """Listen on a socket that was opened elsewhere."""
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=_READ_BYTES)

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop(self, code: str, sentence: Said) -> None:
        """Close the device's connection, if it has one: its key was revoked, or it was switched off."""
        if (stream := self._streams.get(code)) is not None:
            stream.close(sentence)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A connection is served by a task.")
        connection = _Connection(self, reader, writer)
        strangers = len(self._tasks) - len(self._streams)
        if len(self._tasks) >= self.limits.connections or strangers >= self.limits.strangers:
            log.warning("A stream from %s was refused: too many connections.", connection.address)
            self.crowded += 1
            writer.transport.abort()
            return
        self._tasks.add(task)
        try:
            await connection.run()
        except asyncio.CancelledError:
            # Only `stop` cancels it, and nobody waits for more: asyncio would report a handler that ends as cancelled.
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    def enter(self, connection: "_Connection") -> None:
        """Let a device's new connection take the place of its old one, which may be a dead one."""
        old = self._streams.get(connection.code)
        self._streams[connection.code] = connection
        if old is not None:
            old.close(said("the device connected again"))

    def leave(self, connection: "_Connection") -> bool:
        """Forget a connection; tell whether it was still its device's."""
        if self._streams.get(connection.code) is not connection:
            return False
        del self._streams[connection.code]
        return True


class _Connection:
    """One camera, or one stranger."""

    def __init__(
        self, endpoint: StreamEndpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._endpoint = endpoint
        self._limits = endpoint.limits
        self._reader = reader
        self._writer = writer
        self._frames = StreamReader(endpoint.limits.frame_bytes)
        self._close_reason: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        self.address = (writer.get_extra_info("peername") or ("?",))[0]
        self.code = ""
        self._trouble = ""
        self._bytes_in = 0
        self._pace = FramePace()
        _keep_alive(writer)

    def close(self, sentence: Said) -> None:
        """End the connection from outside."""
        if not self._close_reason.done():
            self._close_reason.set_result(sentence)

    async def run(self) -> None:
        """Serve the connection to its end."""
        sentence = said("the hub stopped")
        try:
            sentence = await self._serve()
            if self._trouble and not self.code:
                await self._tell_whose()
        except Exception:
            log.exception("A stream from %s ended in a way PhotoHub did not expect.", self.address)
            sentence = said("the hub had an error")
        finally:
            if self.code and self._endpoint.leave(self):
                await self._tell(LinkState.GONE, sentence)

    async def _serve(self) -> Said:
        reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait({reading, self._close_reason}, return_when=asyncio.FIRST_COMPLETED)
            if self._close_reason.done():
                return self._close_reason.result()
            return reading.result()
        except Closed as closed:
            log.warning(
                "The stream of %s from %s was closed: %s", self.code or "a stranger", self.address, closed
            )
            self._trouble = closed.trouble
            return closed.sentence
        except OSError as error:
            return said("the connection broke (%(why)s)", why=type(error).__name__)
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, Closed, OSError):
                await reading

    async def _read(self) -> Said:
        claim, events = await self._introduce()
        self._endpoint.enter(self)
        await self._tell(LinkState.CONNECTED)
        checking = asyncio.create_task(self._keep_checking(claim))
        try:
            self._hand_on(events)
            return await self._read_frames()
        finally:
            checking.cancel()

    # --- who is it

    async def _introduce(self) -> tuple[StreamClaim, list[StreamEvent]]:
        """Find out whose connection this is; also returns what came behind the hello."""
        events: list[StreamEvent] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.hello_within_s):
                while self._frames.may_greet and not events:
                    events = self._feed(await self._reader.read(_READ_BYTES))
        claim = StreamClaim(self.address)
        if events and isinstance(hello := events[0], Hello):
            events.pop(0)
            claim = StreamClaim(self.address, hello.code, hello.key)
        self.code = await self._identify(claim)
        return claim, events

    async def _identify(self, claim: StreamClaim) -> str:
        try:
            code = await self._endpoint.identify(claim)
        except Exception as error:
            log.exception("The hub could not look up a device.")
            raise Closed(said("the hub could not look the device up; try again")) from error
        if code is None and claim.key:
            raise Closed(said("the hub does not know this key, or the device is turned off"))
        if code is None:
            raise Closed(said("no hello came, and the address belongs to no device's network"))
        return code

    async def _tell_whose(self) -> None:
        """Tell whose fault it was that came before any hello, when the address says so."""
        with contextlib.suppress(Exception):
            self.code = await self._endpoint.identify(StreamClaim(self.address)) or ""
        if self.code:
            await self._tell(LinkState.REFUSED)

    async def _keep_checking(self, claim: StreamClaim) -> None:
        bytes_before = 0
        while True:
            await asyncio.sleep(self._limits.recheck_s)
            try:
                code = await self._endpoint.identify(claim)
            except Exception as error:
                log.warning("The rights of %s could not be checked: %s", self.code, error)
                continue
            if code != self.code:
                log.warning(
                    "The stream of %s from %s was closed: it is no longer allowed.", self.code, self.address
                )
                self.close(said("the device is no longer allowed"))
                return
            if self._bytes_in > bytes_before:
                bytes_before = self._bytes_in
                await self._tell(LinkState.ALIVE)

    # --- what it sends

    async def _read_frames(self) -> Said:
        while not self._frames.ended:
            self._check_frames()
            seen = self._bytes_in, self._frames.empty_frames
            try:
                async with asyncio.timeout(self._limits.idle_s):
                    if not await self._read_some(*seen):
                        return said("the device closed the connection")
            except TimeoutError:
                raise Closed(
                    said("nothing came for %(seconds)s s", seconds=f"{self._limits.idle_s:g}")
                ) from None
        return said("the device ended its stream")

    async def _read_some(self, bytes_before: int, empty_before: int) -> bool:
        """Read until the device has shown that it is alive; False at the end of the stream."""
        while self._bytes_in - bytes_before < _PROGRESS_BYTES:
            data = await self._reader.read(_READ_BYTES)
            if not data:
                return False
            events = self._feed(data)
            self._hand_on(events)
            self._check_frames()
            await self._pace.keep(len(events))
            if events or self._frames.empty_frames > empty_before:
                return True
        return True

    def _feed(self, data: bytes) -> list[StreamEvent]:
        if not data:
            raise ConnectionResetError("closed before it said who it is")
        self._bytes_in += len(data)
        events = self._frames.feed(data)
        if not events:
            self._check_frames()
        return events

    def _check_frames(self) -> None:
        if self._frames.error:
            error = self._frames.error
            raise Closed(
                _unreadable(error, self._limits.frame_bytes), TROUBLES.get(type(error), "stream_unreadable")
            ) from error

    def _hand_on(self, events: list[StreamEvent]) -> None:
        for event in events:
            if isinstance(event, Frame):
                try:
                    self._endpoint.on_frame(self.code, event.picture, self.address)
                except Exception:
                    log.exception("A frame of %s could not be handed on.", self.code)
            elif isinstance(event, Ended):
                return

    async def _tell(self, state: LinkState, sentence: str | Said = "") -> None:
        try:
            limit = self._limits.frame_bytes
            await self._endpoint.on_link(
                LinkEvent(self.code, state, self.address, sentence, self._trouble, limit)
            )
        except Exception:
            log.exception("The link of %s could not be noted.", self.code)


def _unreadable(error: StreamError, limit_bytes: int) -> Said:
    if isinstance(error, FrameTooLarge):
        return said("a picture in it is larger than %(limit)s bytes", limit=limit_bytes)
    return said("its data is not in a format the hub knows (%(why)s)", why=Said(str(error)))


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """Let the system notice a peer whose cable was pulled."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
