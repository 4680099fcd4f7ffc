"""A Raspberry Pi that runs the published streaming program: MJPEG over TCP to port 8100, 640×480, 24 fps.

    00 00 00 00    <u32 big> JPEG    <u32 big> JPEG …

Its habits are kept: the first length is 0, because the program writes a picture's length when the next one
begins and there is none before the first; so the last picture is never sent. It tries to connect every second
until it succeeds once, and ends when the connection breaks; a supervisor may start it again (`restarts`).
"""

import asyncio
import struct
from dataclasses import dataclass

from simulators.device import FrameSource
from simulators.streaming import StreamingCamera

STREAM_PORT = 8100
RETRY_S = 1.0


@dataclass(frozen=True)
class RaspberryPiConfig:
    """Describe one Pi. With a key it says hello first, which the published program does not."""

    host: str = "127.0.0.1"
    port: int = STREAM_PORT
    code: str = ""
    key: str = ""
    fps: float = 24.0
    retry_s: float = RETRY_S
    restarts: bool = False


class RaspberryPi(StreamingCamera):
    """Run one Pi."""

    def __init__(self, config: RaspberryPiConfig, scene: FrameSource) -> None:
        super().__init__(scene, config.fps)
        self.config = config

    async def _live(self) -> None:
        while not self._stopping.is_set():
            writer = await self._connect()
            if writer is None:
                return
            try:
                await self._stream(writer)
            except OSError as error:
                self.note("disconnected", str(error))
            finally:
                writer.close()
            if not self.config.restarts:
                return
            await self._rest(self.config.retry_s)

    async def _connect(self) -> asyncio.StreamWriter | None:
        while not self._stopping.is_set():
            try:
                _, writer = await asyncio.open_connection(self.config.host, self.config.port)
            except OSError as error:
                self.note("failed", str(error))
                await self._rest(self.config.retry_s)
            else:
                self.note("connected", f"{self.config.host}:{self.config.port}")
                return writer
        return None

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        if self.config.key:
            writer.write(f"PHOTOHUB {self.config.code} {self.config.key}\n".encode())
        recorded = b""
        while not self._stopping.is_set():
            begun = await self._next_picture()
            # The camera's buffer holds what was recorded before this picture began: nothing, the first time.
            writer.write(struct.pack(">I", len(recorded)) + recorded)
            await writer.drain()
            if recorded:
                self.counters["frame"] += 1
            else:
                self.note("empty")
            recorded = begun
