"""An HTTP client with the habits of ESP-IDF's esp_http_client (read in its source).

One request per connection, HTTP/1.1, `Content-Length` always sent. The answer is read into one small buffer;
every stretch of body that one read of that buffer uncovers becomes one data event of its own. So an answer
whose headers and body do not fit the buffer together, and every chunk of a chunked answer, comes in pieces.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from urllib.parse import urlsplit

USER_AGENT = "ESP32 HTTP Client/1.0"
DEFAULT_BUFFER_BYTES = 512
LARGEST_ANSWER_BYTES = 1 << 20


class HttpFailure(Exception):
    """Say why no usable answer came; the firmware logs this and publishes nothing."""


@dataclass
class Answer:
    """Hold one answer: `pieces` are the body as the data events delivered it, header names are lower case."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


class AnswerParser:
    """Parse an answer from reads of any size, without I/O; HttpFailure is what it cannot take."""

    def __init__(self, line_limit: int = DEFAULT_BUFFER_BYTES) -> None:
        self.answer = Answer()
        self.done = False
        self._line_limit = line_limit
        self._held = b""
        # The stage names what the next bytes are: status, headers, body (counted), close (until the
        # connection ends), and size, chunk, gap, trailer of a chunked answer.
        self._stage = "status"
        self._left = 0
        self._taken = 0

    def feed(self, data: bytes) -> None:
        """Take the bytes of one read; body found in them is appended to the answer's pieces."""
        self._held += data
        while not self.done and self._step():
            pass

    def end(self) -> None:
        """Take the end of the connection."""
        if self._stage == "close":
            self.done = True
        if not self.done:
            raise HttpFailure("The connection closed before the whole answer had come.")

    def _step(self) -> bool:
        """Advance by one line or one stretch of body; False asks for more bytes."""
        if self._stage in ("body", "chunk", "close"):
            return self._take_body()
        line, found, rest = self._held.partition(b"\n")
        if len(line) > self._line_limit:
            raise HttpFailure(
                "Out of buffer: a line of the answer's head is longer than the client's buffer."
            )
        if not found:
            return False
        self._held = rest
        self._take_line(line.rstrip(b"\r").decode("latin-1"))
        return True

    def _take_line(self, line: str) -> None:
        if self._stage == "status":
            parts = line.split(" ", 2)
            if not parts[0].startswith("HTTP/") or len(parts) < 2 or not parts[1].isdigit():
                raise HttpFailure("The answer does not begin with an HTTP status line.")
            self.answer.status, self._stage = int(parts[1]), "headers"
        elif self._stage == "headers":
            if line:
                name, _, value = line.partition(":")
                self.answer.headers[name.strip().lower()] = value.strip()
            else:
                self._begin_body()
        elif self._stage == "size":
            self._left = self._whole_number(line.split(";")[0], 16)
            self._stage = "chunk" if self._left else "trailer"
        elif self._stage == "gap":
            self._stage = "size"
        elif not line:
            self.done = True

    def _begin_body(self) -> None:
        headers = self.answer.headers
        if self.answer.status < 200:
            self.answer, self._stage = Answer(), "status"
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            self._stage = "size"
        elif "content-length" in headers:
            self._left, self._stage = self._whole_number(headers["content-length"], 10), "body"
            self.done = self._left == 0
        else:
            self._stage, self._left = "close", LARGEST_ANSWER_BYTES + 1

    def _take_body(self) -> bool:
        piece, self._held = self._held[: self._left], self._held[self._left :]
        if not piece:
            return False
        self._left -= len(piece)
        self._taken += len(piece)
        if self._taken > LARGEST_ANSWER_BYTES:
            raise HttpFailure("The answer is larger than any device would read.")
        self.answer.pieces.append(piece)
        if self._left == 0:
            self.done = self._stage == "body"
            self._stage = "gap"
        return True

    @staticmethod
    def _whole_number(text: str, base: int) -> int:
        try:
            number = int(text.strip(), base)
        except ValueError:
            number = -1
        if number < 0:
            raise HttpFailure(f"The answer gives its length as {text[:20]!r}.")
        return number


def build_head(
    url: str,
    headers: dict[str, str],
    size_bytes: int,
    line_limit: int = DEFAULT_BUFFER_BYTES,
    method: str = "POST",
) -> bytes:
    """Return the request head; a line longer than the client's buffer raises HttpFailure."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"{method} {target} HTTP/1.1",
        f"User-Agent: {USER_AGENT}",
        f"Host: {parts.netloc.rpartition('@')[2]}",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Content-Length: {size_bytes}")
    if any(len(line) > line_limit for line in lines):
        raise HttpFailure("Out of buffer: a line of the request's head is longer than the client's buffer.")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


async def get(
    url: str, headers: dict[str, str], *, timeout_s: float = 15.0, buffer_bytes: int = 2048
) -> Answer:
    """GET an address and return the answer; raises HttpFailure with a sentence when none came."""
    return await post(url, headers, b"", timeout_s=timeout_s, buffer_bytes=buffer_bytes, method="GET")


async def post(
    url: str,
    headers: dict[str, str],
    body: bytes,
    *,
    timeout_s: float = 10.0,
    buffer_bytes: int = DEFAULT_BUFFER_BYTES,
    cut_after_bytes: int | None = None,
    method: str = "POST",
) -> Answer:
    """POST `body` and return the answer; raises HttpFailure with a sentence when none came.

    `timeout_s` bounds the connection, the sending and the answer each, as the firmware's patience does.
    `cut_after_bytes` plays a radio that goes away: the connection is reset after so many bytes of body.
    """
    parts = urlsplit(url)
    head = build_head(url, headers, len(body), buffer_bytes, method)
    stage = "connect to"
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
        stage = "send to"
        async with asyncio.timeout(timeout_s):
            writer.write(head + body[:cut_after_bytes])
            await writer.drain()
        if cut_after_bytes is not None:
            raise HttpFailure(
                f"The radio went away after {min(cut_after_bytes, len(body))} of {len(body)} bytes."
            )
        stage = "get an answer from"
        async with asyncio.timeout(timeout_s):
            return await _read_answer(reader, buffer_bytes)
    except TimeoutError:
        raise HttpFailure(f"Could not {stage} {parts.netloc} within {timeout_s:g} s.") from None
    except OSError as error:
        raise HttpFailure(f"Could not {stage} {parts.netloc}: {error}.") from error
    finally:
        if writer is not None:
            await _close(writer, abort=cut_after_bytes is not None)


async def _read_answer(reader: asyncio.StreamReader, buffer_bytes: int) -> Answer:
    parser = AnswerParser(buffer_bytes)
    while not parser.done:
        data = await reader.read(buffer_bytes)
        if data:
            parser.feed(data)
        else:
            parser.end()
    return parser.answer


async def _close(writer: asyncio.StreamWriter, *, abort: bool) -> None:
    if abort:
        writer.transport.abort()
    writer.close()
    # The far side may have reset the connection already: then closing reports an error nobody needs.
    with contextlib.suppress(OSError):
        await writer.wait_closed()
