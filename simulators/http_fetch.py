"""An HTTP client as small devices have it: one request per connection, a counted body, nothing chunked.

What a device cannot take raises `HttpFailure`; a body that broke off raises `Interrupted`, which holds the part
that came, so that the next request can ask for the rest.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from simulators.esp_http import HttpFailure

HEAD_AT_MOST_BYTES = 16_384
READ_BYTES = 4096
CONTINUE_WAIT_S = 1.0


@dataclass
class Fetched:
    """One answer; `headers` by names in lower case, `spelled` by the names as they came."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Interrupted(HttpFailure):
    """Say that the connection ended in the middle of a body."""

    def __init__(self, fetched: Fetched, sentence: str) -> None:
        super().__init__(sentence)
        self.fetched = fetched


@dataclass(frozen=True)
class Wish:
    """One request. `stop_after_bytes` plays a radio that goes away after so many bytes of the answer's body."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: bytes = b""
    version: Literal["1.0", "1.1"] = "1.1"
    expects_continue: bool = False
    timeout_s: float = 8.0
    stop_after_bytes: int | None = None

    @property
    def head(self) -> bytes:
        """Return the request's head."""
        parts = urlsplit(self.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{self.method} {target} HTTP/{self.version}", f"Host: {parts.netloc.rpartition('@')[2]}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body or self.method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(self.body)}")
        if self.expects_continue:
            lines.append("Expect: 100-continue")
        return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("latin-1", "replace")


async def fetch(wish: Wish) -> Fetched:
    """Make one request and return the whole answer."""
    parts = urlsplit(wish.url)
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(wish.timeout_s):
            reader, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 80, limit=HEAD_AT_MOST_BYTES
            )
            first = await _send(reader, writer, wish)
            return await _read(reader, wish, first)
    except TimeoutError:
        raise HttpFailure(f"{parts.netloc} did not answer within {wish.timeout_s:g} s.") from None
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise HttpFailure(f"Could not fetch from {parts.netloc}: {error}.") from error
    finally:
        if writer is not None:
            writer.close()
            # The far side may have reset the connection already.
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wish: Wish) -> Fetched | None:
    """Send the request; return an answer that came instead of leave to send the body."""
    writer.write(wish.head)
    await writer.drain()
    if wish.expects_continue:
        # As curl does: wait a second for leave, then send the body without it.
        with contextlib.suppress(TimeoutError):
            answer = await asyncio.wait_for(_read_head(reader), CONTINUE_WAIT_S)
            if answer.status >= 200:
                return answer
    writer.write(wish.body)
    await writer.drain()
    return None


async def _read_head(reader: asyncio.StreamReader) -> Fetched:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    if not words[0].startswith("HTTP/") or len(words) < 2 or not words[1].isdigit():
        raise HttpFailure("The answer does not begin with an HTTP status line.")
    spelled = {}
    for line in filter(None, lines[1:]):
        name, _, value = line.partition(":")
        spelled[name.strip()] = value.strip()
    return Fetched(int(words[1]), {name.lower(): value for name, value in spelled.items()}, spelled)


async def _read(reader: asyncio.StreamReader, wish: Wish, first: Fetched | None) -> Fetched:
    answer = first or await _read_head(reader)
    while answer.status < 200:
        answer = await _read_head(reader)
    if wish.method == "HEAD" or answer.status in (204, 304):
        return answer
    if "transfer-encoding" in answer.headers:
        raise HttpFailure("The answer is chunked, which this device cannot read.")
    length = answer.headers.get("content-length", "")
    if not length.isdigit():
        raise HttpFailure("The answer has no Content-Length.")
    return await _read_body(reader, wish, answer, int(length))


async def _read_body(reader: asyncio.StreamReader, wish: Wish, answer: Fetched, length_bytes: int) -> Fetched:
    stop_bytes = length_bytes if wish.stop_after_bytes is None else min(wish.stop_after_bytes, length_bytes)
    body = bytearray()
    while len(body) < stop_bytes:
        data = await reader.read(min(READ_BYTES, stop_bytes - len(body)))
        if not data:
            break
        body += data
    answer.body = bytes(body)
    if len(body) < length_bytes:
        raise Interrupted(answer, f"The answer broke off after {len(body)} of {length_bytes} bytes.")
    return answer
