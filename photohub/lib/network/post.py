"""Sending a body over HTTP to an address that somebody gave: one request, no redirects, every size and time limited."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from .get import MAX_HEAD_BYTES, AllowAddress, checked_tls, connect, read_head, read_url

_ANSWER_AT_MOST_BYTES = MAX_HEAD_BYTES


@dataclass(frozen=True)
class Posted:
    """What the other side answered: its status, and the beginning of its body as text."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def is_fine(self) -> bool:
        return 200 <= self.status < 300


def post(
    url: str, body: bytes, headers: Mapping[str, str], allow: AllowAddress, within_s: float = 15.0
) -> Posted:
    """Send `body` and return the answer, whatever its status. For threads without an event loop.

    Raises GetFailed, TimeoutError, or OSError when the connection breaks.
    """
    return asyncio.run(_post(url, body, headers, allow, within_s))


async def _post(
    url: str, body: bytes, headers: Mapping[str, str], allow: AllowAddress, within_s: float
) -> Posted:
    parts = read_url(url, ("http", "https"))
    is_https = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if is_https else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"POST {target} HTTP/1.1", f"Host: {parts.netloc.rpartition('@')[2]}", "User-Agent: PhotoHub"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    async with asyncio.timeout(within_s):
        reader, writer = await connect(host, port, allow, checked_tls() if is_https else None, strict=True)
        try:
            writer.write("\r\n".join(lines).encode("ascii") + body)
            await writer.drain()
            answer = await read_head(reader, host)
            return Posted(answer.status, answer.headers, await _beginning_of(answer))
        finally:
            writer.transport.abort()


async def _beginning_of(answer) -> str:
    parts, size = [], 0
    async for piece in answer.pieces():
        parts.append(piece)
        size += len(piece)
        if size >= _ANSWER_AT_MOST_BYTES:
            break
    return b"".join(parts)[:_ANSWER_AT_MOST_BYTES].decode("utf-8", "replace")
