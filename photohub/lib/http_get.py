"""A small HTTP/1.1 client for pictures that are on a server: GET, no redirects, every size and time limited.

GetFailed
├── BadUrl                  not an http or https address
│   └── AddressRefused      its name leads where nobody may ask
└── BadAnswer               the server's answer is not one, or not the one asked for
"""

import asyncio
import base64
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote

from .web_address import read_address

MAX_HEAD_BYTES = 16_384
_READ_BYTES = 65_536
_MAX_CHUNK_LINE = 256

AllowAddress = Callable[[str], bool]


class GetFailed(Exception):
    """Nothing could be fetched; the text says why, and never holds the URL's password."""


class BadUrl(GetFailed):
    """The address cannot be used."""


class AddressRefused(BadUrl):
    """The name leads to an address that may not be asked."""


class BadAnswer(GetFailed):
    """What the server answered cannot be used."""


def is_fit_address(address: str) -> bool:
    """Tell whether a camera may have this IP address: not a link-local one, where clouds keep secrets."""
    ip = ipaddress.ip_address(address.split("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return not (ip.is_link_local or ip.is_multicast or ip.is_unspecified)


async def connect(
    host: str, port: int, allow: AllowAddress, tls: ssl.SSLContext | None = None, strict: bool = False
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the address that was checked, so that a name cannot resolve to another one in between.

    `strict`: all addresses of the name must be allowed, not only the one that is used.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
    except OSError as error:
        raise BadUrl(f"The name {host} cannot be found.") from error
    addresses = [entry[4][0] for entry in found if allow(entry[4][0])]
    if not addresses or (strict and len(addresses) < len(found)):
        raise AddressRefused(f"{host} has an address that may not be asked.")
    try:
        return await asyncio.open_connection(
            addresses[0], port, ssl=tls, server_hostname=host if tls else None, limit=MAX_HEAD_BYTES
        )
    except (OSError, ssl.SSLError) as error:
        raise GetFailed(f"{host}:{port} cannot be reached: {error}") from error


@dataclass
class Answer:
    """A server's answer: its head, and the body to be read piece by piece."""

    status: int
    headers: dict[str, str]
    _reader: asyncio.StreamReader

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            async for piece in self._chunks():
                yield piece
            return
        text = self.headers.get("content-length")
        if text is not None and not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise BadAnswer("The server's Content-Length is not a number.")
        left = int(text) if text is not None else None
        while left is None or left > 0:
            piece = await self._reader.read(_READ_BYTES if left is None else min(left, _READ_BYTES))
            if not piece:
                if left:
                    raise BadAnswer(f"The server closed the connection {left} bytes too early.")
                return
            left = None if left is None else left - len(piece)
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            line = await self._reader.readuntil(b"\n")
            size_text = line.partition(b";")[0].strip()
            if len(line) > _MAX_CHUNK_LINE or not _is_hex(size_text):
                raise BadAnswer("The server's chunks are damaged.")
            left = int(size_text, 16)
            if left == 0:
                return
            while left > 0:
                piece = await self._reader.read(min(left, _READ_BYTES))
                if not piece:
                    raise BadAnswer("The server closed the connection inside a chunk.")
                left -= len(piece)
                yield piece
            await self._reader.readexactly(2)

    async def body(self, limit_bytes: int) -> bytes:
        """Return the whole body; raises BadAnswer when it is longer than the limit."""
        parts, size = [], 0
        async for piece in self.pieces():
            size += len(piece)
            if size > limit_bytes:
                raise BadAnswer(f"The picture is larger than {limit_bytes} bytes.")
            parts.append(piece)
        return b"".join(parts)


@asynccontextmanager
async def get(
    url: str, *, allow: AllowAddress = is_fit_address, within_s: float = 10.0, strict: bool = False
) -> AsyncIterator[Answer]:
    """Ask for a URL and give the answer once its head is there; `within_s` limits that, not the body.

    Raises GetFailed, TimeoutError, or OSError when the connection breaks.
    """
    parts = read_url(url, ("http", "https"))
    request = _request(parts)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(within_s):
            port = parts.port or (443 if tls else 80)
            reader, writer = await connect(parts.hostname or "", port, allow, tls, strict)
            writer.write(request)
            await writer.drain()
            answer = await _read_head(reader)
        yield answer
    except asyncio.IncompleteReadError as error:
        raise BadAnswer("The server closed the connection too early.") from error
    finally:
        if writer is not None:
            writer.transport.abort()


def read_url(url: str, schemes: tuple[str, ...]) -> SplitResult:
    """Split a URL of one of these schemes; raises BadUrl."""
    try:
        return read_address(url, schemes)
    except ValueError as error:
        raise BadUrl(str(error)) from error


def _request(parts: SplitResult) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: PhotoHub",
        "Accept: image/jpeg, multipart/*",
    ]
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append("Authorization: Basic " + base64.b64encode(login.encode()).decode())
    text = "\r\n".join([*lines, "Connection: close", "", ""])
    try:
        return text.encode("ascii")
    except UnicodeEncodeError as error:
        raise BadUrl("The address may hold ASCII characters only; percent-encode the others.") from error


async def _read_head(reader: asyncio.StreamReader) -> Answer:
    lines, size = [], 0
    while not lines or lines[-1]:
        try:
            # Small boards end their lines with a bare LF.
            raw = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise BadAnswer("The server's headers are too long.") from error
        size += len(raw)
        if size > MAX_HEAD_BYTES:
            raise BadAnswer("The server's headers are too long.")
        lines.append(raw.decode("latin-1").rstrip("\r\n"))
    words = lines[0].split(None, 2)
    if (
        len(words) < 2
        or not words[0].startswith("HTTP/1.")
        or not (words[1].isascii() and words[1].isdigit())
    ):
        raise BadAnswer("The server does not answer in HTTP.")
    if words[1] != "200":
        raise BadAnswer(f"The server answered {words[1]}.")
    split = (line.partition(":") for line in lines[1:])
    return Answer(200, {name.strip().lower(): value.strip() for name, colon, value in split if colon}, reader)


def _is_hex(text: bytes) -> bool:
    return 0 < len(text) <= 8 and all(c in b"0123456789abcdefABCDEF" for c in text)
