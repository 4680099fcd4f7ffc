"""What simulated devices share: a diary, a life from `run()` to `stop()`, and a broker to come back to."""

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from typing import NamedTuple, Protocol

import aiomqtt

logger = logging.getLogger(__name__)

EVENTS_KEPT = 1000


class FrameSource(Protocol):
    """Anything that makes JPEG frames: see simulators.scenes."""

    def jpeg(self, t: float, frame: int) -> bytes:
        """Return the frame numbered `frame`, taken at unix time `t`."""


class Event(NamedTuple):
    """One thing that happened: connected, disconnected, command, ignored, crash, upload, answer, failed."""

    kind: str
    detail: str


class Restart(Exception):
    """Unwind to the start of the program."""


class PowerCut(Restart):
    """Unwind to the start of the board: the power was gone."""


class Diary:
    """Tell what happened: `counters` all of it, `events` the newest."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.counters: Counter[str] = Counter()

    def note(self, kind: str, detail: str = "") -> None:
        """Write into the diary."""
        self.counters[kind] += 1
        self.events.append(Event(kind, detail))
        del self.events[:-EVENTS_KEPT]


class Life:
    """Run one device: `await run()` until `await stop()`."""

    def __init__(self) -> None:
        super().__init__()
        self._stopping = asyncio.Event()
        self._finished = asyncio.Event()
        self._finished.set()

    async def run(self) -> None:
        """Do what the device does until `stop()`, or until its program would end."""
        self._finished.clear()
        try:
            await self._live()
        finally:
            self._finished.set()

    async def stop(self) -> None:
        """End `run()` after what is under way."""
        self._stopping.set()
        await self._finished.wait()

    async def _live(self) -> None:
        raise NotImplementedError

    async def _rest(self, pause_s: float) -> None:
        """Wait so long, or until `stop()`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), max(0.0, pause_s))


class MqttLife(Life):
    """Hold one connection to the broker after the other; `connected` is set while one stands."""

    def __init__(self, name: str, reconnect_s: float) -> None:
        super().__init__()
        self.connected = asyncio.Event()
        self._name = name
        self._reconnect_s = reconnect_s
        self._session_task: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """End `run()` in the middle of whatever it does."""
        self._stopping.set()
        # Python 3.11's wait_for, which aiomqtt uses, drops a cancellation that meets a result: so ask again.
        while not self._finished.is_set():
            if self._session_task is not None:
                self._session_task.cancel()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._finished.wait(), 2.0)

    async def _live(self) -> None:
        while not self._stopping.is_set():
            await self._rest(await self._live_until_cut())

    async def _live_until_cut(self) -> float:
        """Hold one connection for as long as it lasts; return how long the board pauses before the next."""
        self._session_task = asyncio.create_task(self._session())
        try:
            await self._session_task
        except Restart:
            return self._start_again()
        except (aiomqtt.MqttError, OSError) as error:
            self._note_cut(error)
        except asyncio.CancelledError:
            # stop() cancels the session alone; a cancellation from outside ends run() as well.
            if not self._stopping.is_set():
                raise
        finally:
            self._leave()
        return self._reconnect_s

    async def _session(self) -> None:
        """Live through one connection to the broker."""
        raise NotImplementedError

    def _start_again(self) -> float:
        """Do what a restart does; return how long it takes."""
        return 0.0

    def _note_cut(self, error: Exception) -> None:
        logger.info("Simulated device %s lost its broker: %s", self._name, error)

    def _leave(self) -> None:
        self.connected.clear()


def will_of(topic: str) -> aiomqtt.Will | None:
    """Return the will of a board that says on this topic whether it is online; "" is none."""
    return aiomqtt.Will(topic, b"offline", qos=1) if topic else None


async def say_status(client: aiomqtt.Client, topic: str, status: bytes) -> None:
    """Say online or offline on this topic; "" is none."""
    if topic:
        await client.publish(topic, status, qos=1)


async def pull_the_plug(client: aiomqtt.Client) -> None:
    """Cut the connection without a DISCONNECT, so that the broker sends the will."""
    # aiomqtt offers only the polite way, so the socket is fetched from the paho client inside it.
    connection = client._client.socket()
    if connection is not None:
        with contextlib.suppress(OSError):
            # A socket, or TLS over one: both can be shut down.
            # pyrefly: ignore[missing-attribute]
            connection.shutdown(socket.SHUT_RDWR)
    # Until aiomqtt has noticed, leaving its context would still try to send a DISCONNECT.
    with contextlib.suppress(aiomqtt.MqttError):
        async for message in client.messages:
            logger.debug("A message on %s is lost in the crash", message.topic)
