"""Looking at live pictures as a browser does, and cameras that stream, for tests over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from simulators.scenes import make_still
from simulators.streaming import StreamingCamera
from tests.flows.story import PATIENCE_S

END = b"\r\n--FRAME\r\n"


class Counted:
    """A view, small unless told, whose every frame has other bytes; it remembers all that it gave."""

    def __init__(self, width: int = 160, height: int = 120) -> None:
        self._still = make_still("workshop", width=width, height=height)
        self.frames: list[bytes] = []

    def jpeg(self, t: float, frame: int) -> bytes:
        self.frames.append(self._still.jpeg(t, frame))
        return self.frames[-1]


class Viewer:
    """One person's program that looks at a stream; `frames` are the pictures that came, each once."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self.frames: list[bytes] = []
        self.status = 0
        self.ended = False

    async def look(self) -> None:
        """Look until cancelled, or until the hub ends the stream."""
        limits = httpx.Timeout(30, connect=5)
        async with (
            httpx.AsyncClient(trust_env=False, timeout=limits) as client,
            client.stream("GET", self._url, headers=self._headers) as answer,
        ):
            self.status = answer.status_code
            rest = b""
            async for piece in answer.aiter_bytes():
                *parts, rest = (rest + piece).split(END)
                for part in parts:
                    self._take(part.partition(b"\r\n\r\n")[2])
        self.ended = True

    def _take(self, picture: bytes) -> None:
        if picture and (not self.frames or self.frames[-1] != picture):
            self.frames.append(picture)


@asynccontextmanager
async def viewing(url: str, token: str) -> AsyncIterator[Viewer]:
    """Look at a stream while the body runs."""
    viewer = Viewer(url, token)
    task = asyncio.create_task(viewer.look())
    try:
        yield viewer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def streaming(camera: StreamingCamera) -> AsyncIterator[StreamingCamera]:
    """Let a camera run while the body runs."""
    task = asyncio.create_task(camera.run())
    try:
        yield camera
    finally:
        async with asyncio.timeout(PATIENCE_S):
            await camera.stop()
        await asyncio.gather(task, return_exceptions=True)
