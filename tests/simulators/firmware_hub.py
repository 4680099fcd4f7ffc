"""A small hub on a real socket that serves firmware as the real one does, and keeps every request."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from devices.protocol.firmware import byte_ranges, esp_update
from devices.protocol.firmware.esp_image import read_header
from simulators.firmware_board import Firmware, make_firmware


@dataclass
class Asked:
    """One request, header names in lower case."""

    method: str
    path: str
    version: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """One answer; `raw` is sent instead, as it is."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""

    def encode(self, method: str) -> bytes:
        headers = {"Content-Length": str(len(self.body))} | self.headers
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        head = "\r\n".join([*lines, *(f"{n}: {v}" for n, v in headers.items()), "", ""]).encode()
        return self.raw or head + (self.body if method != "HEAD" else b"")


@dataclass
class FirmwareHub:
    """Serve `image` at /ota/f/… and /ota/esp/…, and whatever `routes` hold, by the path's beginning."""

    image: Firmware
    routes: dict[str, Callable[[Asked], Reply]] = field(default_factory=dict)
    requests: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def wanted(self) -> list[str]:
        """Return the ranges that were asked for, in order."""
        return [asked.headers.get("range", "") for asked in self.requests if asked.method == "GET"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {n.lower(): v for n, v in (line.split(": ", 1) for line in lines[1:] if line)}
            if headers.get("expect") == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            asked = Asked(*lines[0].split(" "), headers, body)
            self.requests.append(asked)
            writer.write(self._answer(asked).encode(asked.method))
            await writer.drain()
        except ConnectionError:
            pass  # The device went away, as some tests want.
        finally:
            writer.close()

    def _answer(self, asked: Asked) -> Reply:
        routes = {"/ota/f/": self.download, "/ota/esp/": self.updater} | self.routes
        found = [routes[front] for front in sorted(routes, key=len) if asked.path.startswith(front)]
        return found[-1](asked) if found else Reply(404)

    def download(self, asked: Asked) -> Reply:
        """Answer a plain download."""
        data, etag = self.image.data, f'"{self.image.sha256}"'
        conditions = {n: asked.headers.get(n.replace("_", "-"), "") for n in ("if_range", "if_none_match")}
        wanted = asked.headers.get("range", "")
        found = byte_ranges.decide_range(len(data), etag, method=asked.method, wanted=wanted, **conditions)
        headers = {"ETag": etag} | ({"Content-Range": found.content_range} if found.content_range else {})
        return Reply(found.status, data[found.first : found.last + 1], headers)

    def updater(self, asked: Asked) -> Reply:
        """Answer the updaters of the Arduino cores."""
        request, data = esp_update.read_request(asked.headers), self.image.data
        if request is None or asked.version != "HTTP/1.0":
            return Reply(403)
        facts = esp_update.ImageFacts(
            len(data), self.image.version, hashlib.md5(data).hexdigest(), header=read_header(data)
        )
        status = esp_update.decide(request, facts).status
        return Reply(status, data, esp_update.answer_headers(facts)) if status == 200 else Reply(status)


@asynccontextmanager
async def firmware_hub(image: Firmware | None = None) -> AsyncIterator[FirmwareHub]:
    """Serve a hub on a free port; its image is version 2.0.0."""
    hub = FirmwareHub(image or make_firmware("2.0.0"))
    server = await asyncio.start_server(hub.serve, "127.0.0.1", 0)
    hub.port = server.sockets[0].getsockname()[1]
    try:
        yield hub
    finally:
        server.close()
        await server.wait_closed()
