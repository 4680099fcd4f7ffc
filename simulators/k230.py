r"""A K230 board with MicroPython, in each of the ways its published answer shows.

client, server    <decimal>\r\n\r\n JPEG, the same with the letters rnrn, or one bare JPEG per connection,
                  in pieces of 1024 bytes, about 10 fps; a server takes one client at a time
mqtt              topic k230/camera/frame: the JPEG, <u32 little ticks_ms> <u32 little size> JPEG,
                  or parts on …/part1, …/part2, …
"""

import asyncio
import struct
import time
from dataclasses import dataclass
from typing import Literal

import aiomqtt

from simulators.device import FrameSource
from simulators.streaming import StreamingCamera

PIECE_BYTES = 1024
FRAME_TOPIC = "k230/camera/frame"

Role = Literal["client", "server", "mqtt"]
Framing = Literal["decimal", "letters", "single"]
Payload = Literal["raw", "header", "parts"]


@dataclass(frozen=True)
class K230Config:
    """Describe one board. `host` and `port` are the hub's, the broker's, or the board's own as a server."""

    role: Role = "client"
    host: str = "127.0.0.1"
    port: int = 8100
    code: str = ""
    key: str = ""
    framing: Framing = "decimal"
    payload: Payload = "raw"
    topic: str = FRAME_TOPIC
    fps: float = 10.0
    part_bytes: int = 8192
    retry_s: float = 1.0


def frame_bytes(jpeg: bytes, framing: Framing) -> bytes:
    """Return a picture as it goes over TCP."""
    if framing == "single":
        return jpeg
    return str(len(jpeg)).encode() + (b"\r\n\r\n" if framing == "decimal" else b"rnrn") + jpeg


def mqtt_messages(
    jpeg: bytes, payload: Payload, topic: str, ticks_ms: int, part_bytes: int
) -> list[tuple[str, bytes]]:
    """Return a picture as topics and payloads; `ticks_ms` counts from the start of the board and wraps."""
    if payload == "raw":
        return [(topic, jpeg)]
    if payload == "header":
        return [(topic, struct.pack("<II", ticks_ms & 0xFFFFFFFF, len(jpeg)) + jpeg)]
    pieces = [jpeg[at : at + part_bytes] for at in range(0, len(jpeg), part_bytes)]
    return [(f"{topic}/part{number}", piece) for number, piece in enumerate(pieces, 1)]


class K230(StreamingCamera):
    """Run one board. As a server it knows its port (`port`) once `listening` is set."""

    def __init__(self, config: K230Config, scene: FrameSource) -> None:
        super().__init__(scene, config.fps)
        self.config = config
        self.port = config.port
        self.listening = asyncio.Event()
        self._started_s = time.monotonic()
        self._serving = asyncio.Lock()

    async def _live(self) -> None:
        if self.config.role == "server":
            await self._serve()
            return
        work = self._send_by_mqtt if self.config.role == "mqtt" else self._send_as_client
        while not self._stopping.is_set():
            try:
                await work()
            except (OSError, aiomqtt.MqttError) as error:
                self.note("disconnected", str(error))
                await self._rest(self.config.retry_s)

    # --- TCP

    async def _send_as_client(self) -> None:
        _, writer = await asyncio.open_connection(self.config.host, self.config.port)
        self.note("connected")
        try:
            if self.config.key:
                writer.write(f"PHOTOHUB {self.config.code} {self.config.key}\n".encode())
            await self._send_frames(writer)
        finally:
            writer.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, self.config.host, self.config.port)
        self.port = server.sockets[0].getsockname()[1]
        self.listening.set()
        await self._stopping.wait()
        server.close()

    async def _accept(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The published program accepts one client and turns to the next when that one is gone.
        async with self._serving:
            self.note("connected")
            try:
                await self._send_frames(writer)
            except OSError as error:
                self.note("disconnected", str(error))
            finally:
                writer.close()

    async def _send_frames(self, writer: asyncio.StreamWriter) -> None:
        while not self._stopping.is_set():
            data = frame_bytes(await self._next_picture(), self.config.framing)
            for at in range(0, len(data), PIECE_BYTES):
                writer.write(data[at : at + PIECE_BYTES])
                await writer.drain()
            self.counters["frame"] += 1
            if self.config.framing == "single":
                return

    # --- MQTT

    async def _send_by_mqtt(self) -> None:
        config = self.config
        async with aiomqtt.Client(
            config.host, config.port, username=config.code or None, password=config.key or None
        ) as client:
            self.note("connected")
            while not self._stopping.is_set():
                jpeg = await self._next_picture()
                ticks_ms = int((time.monotonic() - self._started_s) * 1000)
                messages = mqtt_messages(jpeg, config.payload, config.topic, ticks_ms, config.part_bytes)
                for topic, payload in messages:
                    await client.publish(topic, payload)
                self.counters["frame"] += 1
