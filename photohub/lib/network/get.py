"""A small HTTP/1.1 client for pictures that are on a server: GET, with every size and time limited.

It logs in by Basic or Digest when the server asks for it, follows as many redirects as it is told to, and checks each
address before it connects to that very address. A login goes to the host that it was given for and to no other one, and
never from https to http. What can go wrong stands in `fetch_errors`.
"""

import asyncio
import contextlib
import functools
import hashlib
import ipaddress
import os
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urljoin

from .address_rules import is_safe
from .errors import AddressRefused, BadAnswer, BadUrl, CertificateRefused, GetFailed, LoginRefused
from .login import Login
from .web_address import read_address

MAX_HEAD_BYTES = 16_384
_READ_BYTES = 65_536
_MAX_CHUNK_LINE = 256
_TRIES_WITH_LOGIN = 3
_INTERIM_HEADS = 4
_JOINED = frozenset({"www-authenticate", "content-length", "transfer-encoding"})
_MOVED = frozenset({301, 302, 303, 307, 308})

_name_threads = ThreadPoolExecutor(4, thread_name_prefix="photohub-names")

AllowAddress = Callable[[str], bool]


@dataclass(frozen=True)
class Asking:
    """How to ask. `strict`: all addresses of a name must be allowed, not only the one that is used.

    `fingerprint` is the SHA-256 of the certificate that the first host has to show; then nothing else of the certificate
    is looked at. `within_s` limits all up to the head of the answer, not its body.
    """

    allow: AllowAddress = is_safe
    within_s: float = 10.0
    strict: bool = False
    login: Login | None = None
    fingerprint: str = ""
    redirects: int = 0


@dataclass
class Answer:
    """A server's answer: its head, and the body to be read piece by piece."""

    status: int
    headers: dict[str, str]
    _reader: asyncio.StreamReader = field(repr=False)

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the body as it comes."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            async for piece in self._chunks():
                yield piece
            return
        text = self.headers.get("content-length")
        if text is not None and not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise BadAnswer("fetch_length")
        left = int(text) if text is not None else None
        while left is None or left > 0:
            piece = await self._reader.read(_READ_BYTES if left is None else min(left, _READ_BYTES))
            if not piece:
                if left:
                    raise BadAnswer("fetch_early")
                return
            left = None if left is None else left - len(piece)
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                raise BadAnswer("fetch_chunks") from error
            size_text = line.partition(b";")[0].strip()
            if len(line) > _MAX_CHUNK_LINE or not _is_hex(size_text):
                raise BadAnswer("fetch_chunks")
            left = int(size_text, 16)
            if left == 0:
                return
            while left > 0:
                piece = await self._reader.read(min(left, _READ_BYTES))
                if not piece:
                    raise BadAnswer("fetch_early")
                left -= len(piece)
                yield piece
            await self._reader.readexactly(2)

    async def body(self, limit_bytes: int) -> bytes:
        """Return the whole body; raises BadAnswer when it is longer than the limit."""
        parts, size = [], 0
        async for piece in self.pieces():
            size += len(piece)
            if size > limit_bytes:
                raise BadAnswer("fetch_too_large", limit=limit_bytes)
            parts.append(piece)
        return b"".join(parts)


@asynccontextmanager
async def get(url: str, asking: Asking | None = None) -> AsyncGenerator[Answer]:
    """Ask for a URL and give the answer once its head is there.

    Raises GetFailed, TimeoutError, or OSError when the connection breaks.
    """
    visit = _Visit(url, asking or Asking())
    try:
        async with asyncio.timeout(visit.asking.within_s):
            answer = await visit.follow()
        yield answer
    except asyncio.IncompleteReadError as error:
        raise BadAnswer("fetch_early") from error
    finally:
        visit.close()


class _Visit:
    """The way to one answer, over logins and redirects."""

    def __init__(self, url: str, asking: Asking) -> None:
        self.asking = asking
        self._first = read_url(url, ("http", "https"))
        self._parts = self._first
        self._login = asking.login or login_of(self._first)
        self._writer: asyncio.StreamWriter | None = None

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None

    async def follow(self) -> Answer:
        """Return the answer at the end of all redirects, which has the status 200."""
        for _turn in range(self.asking.redirects + 1):
            answer = await self._ask_with_login()
            if answer.status == 200:
                return answer
            if answer.status not in _MOVED or not self.asking.redirects or "location" not in answer.headers:
                raise BadAnswer("fetch_status", host=self._host, status=answer.status)
            self._parts = self._behind(answer.headers["location"])
        raise BadAnswer("fetch_redirects", limit=self.asking.redirects)

    @property
    def _host(self) -> str:
        return self._parts.hostname or ""

    @property
    def _is_at_first_host(self) -> bool:
        """Tell whether the login may be sent: to its own host, by its own way or by https."""
        if self._host.lower() != (self._first.hostname or "").lower():
            return False
        return _way_of(self._parts) == _way_of(self._first) or self._parts.scheme == "https"

    def _behind(self, location: str) -> SplitResult:
        """Return where a redirect leads. A login that stands in it is not used."""
        text = quote(location.encode("latin-1"), safe="%/:=&?~#+!$,;'@()*[]")
        try:
            parts = read_address(urljoin(self._parts.geturl(), text), ("http", "https"))
        except ValueError as error:
            raise BadAnswer("fetch_redirect_wrong") from error
        if self._parts.scheme == "https" and parts.scheme == "http":
            raise BadAnswer("fetch_redirect_plain")
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")

    async def _ask_with_login(self) -> Answer:
        login = self._login if self._is_at_first_host else None
        for turn in range(_TRIES_WITH_LOGIN):
            answer = await self._ask(login)
            if answer.status != 401:
                if login is not None:
                    login.note_next(answer.headers.get("authentication-info", ""))
                return answer
            if login is None:
                word = "fetch_login_missing" if self._login is None else "fetch_login_elsewhere"
                raise LoginRefused(word, host=self._host)
            # The first may have come with nothing, or with a nonce that the server forgot.
            if not login.learn(answer.headers.get("www-authenticate", "")) or (turn and not login.is_stale):
                break
        if login is not None:
            login.forget()
        raise LoginRefused("fetch_login_wrong", host=self._host)

    async def _ask(self, login: Login | None) -> Answer:
        request = _request(self._parts, login)
        self.close()
        reader, self._writer = await self._connect()
        self._writer.write(request)
        await self._writer.drain()
        return await read_head(reader, self._host)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        asking, host = self.asking, self._host
        if self._parts.scheme == "http":
            return await connect(host, self._parts.port or 80, asking.allow, strict=asking.strict)
        port = self._parts.port or 443
        if asking.fingerprint and host.lower() == (self._first.hostname or "").lower():
            reader, writer = await connect(host, port, asking.allow, unchecked_tls(), asking.strict)
            shown = _fingerprint_of(writer)
            if shown != asking.fingerprint:
                writer.transport.abort()
                raise CertificateRefused("fetch_certificate_changed", host=host, fingerprint=shown)
            return reader, writer
        try:
            return await connect(host, port, asking.allow, checked_tls(), asking.strict)
        except CertificateRefused as refusal:
            # Once more, only to see it; nothing is sent.
            _reader, writer = await connect(host, port, asking.allow, unchecked_tls(), asking.strict)
            refusal.values["fingerprint"] = _fingerprint_of(writer)
            writer.transport.abort()
            raise


async def connect(
    host: str, port: int, allow: AllowAddress, tls: ssl.SSLContext | None = None, strict: bool = False
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to an address that was checked, so that a name cannot resolve to another one in between."""
    every = await find_addresses(host, port)
    addresses = [address for address in every if allow(address)]
    if not addresses or (strict and len(addresses) < len(every)):
        raise AddressRefused("fetch_not_allowed", host=host)
    name = host if tls else None
    why: Exception | None = None
    for address in addresses:
        try:
            return await asyncio.open_connection(
                address, port, ssl=tls, server_hostname=name, limit=MAX_HEAD_BYTES
            )
        except ssl.SSLCertVerificationError as error:
            raise CertificateRefused(
                "fetch_certificate_unknown", host=host, why=error.verify_message, fingerprint=""
            ) from error
        except ssl.SSLError as error:
            raise GetFailed(
                "fetch_encryption", host=host, why=error.reason or type(error).__name__
            ) from error
        except OSError as error:
            why = error
    text = os.strerror(why.errno) if isinstance(why, OSError) and why.errno else type(why).__name__
    raise GetFailed("fetch_unreachable", host=f"{host}:{port}", why=text) from why


async def find_addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a name, each once. Raises BadUrl.

    Names are looked up by threads of their own: a name server that does not answer holds a thread for half a minute, and
    other work must not wait behind that, nor cameras that are named by their address.
    """
    with contextlib.suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    try:
        look_up = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(_name_threads, look_up)
    except (OSError, UnicodeError) as error:
        raise BadUrl("fetch_name", host=host) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@functools.cache
def checked_tls() -> ssl.SSLContext:
    """Return how to talk to a server whose certificate a known authority signed; reading them takes long."""
    return ssl.create_default_context()


@functools.cache
def unchecked_tls() -> ssl.SSLContext:
    """Return how to talk to a server whose certificate is checked by its fingerprint alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Cameras that make their own certificate are often old.
    context.set_ciphers("DEFAULT:@SECLEVEL=1")
    return context


def _fingerprint_of(writer: asyncio.StreamWriter) -> str:
    encrypted = writer.get_extra_info("ssl_object")
    return hashlib.sha256(encrypted.getpeercert(binary_form=True) or b"").hexdigest()


def read_url(url: str, schemes: tuple[str, ...]) -> SplitResult:
    """Split a URL of one of these schemes; raises BadUrl."""
    try:
        return read_address(url, schemes)
    except ValueError as error:
        raise BadUrl("fetch_address") from error


def login_of(parts: SplitResult) -> Login | None:
    """Return the login that stands in an address."""
    if parts.username is None:
        return None
    return Login(unquote(parts.username), unquote(parts.password or ""))


def _way_of(parts: SplitResult) -> tuple[str, int]:
    return parts.scheme, parts.port or (443 if parts.scheme == "https" else 80)


def _request(parts: SplitResult, login: Login | None) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        "User-Agent: PhotoHub",
        "Accept: image/jpeg, multipart/*",
    ]
    if not "".join(lines).isascii():
        raise BadUrl("fetch_address_not_ascii")
    if login is not None and (said := login.header("GET", target)):
        lines.append(f"Authorization: {said}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


async def read_head(reader: asyncio.StreamReader, host: str) -> Answer:
    """Read the head of an answer, past any interim ones. Raises BadAnswer."""
    for _interim in range(_INTERIM_HEADS):
        lines = await _read_head_lines(reader)
        words = lines[0].split(None, 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not _is_status(words[1]):
            raise BadAnswer("fetch_no_http", host=host)
        status = int(words[1])
        if status >= 200:
            return Answer(status, _headers_of(lines[1:]), reader)
    raise BadAnswer("fetch_no_http", host=host)


async def _read_head_lines(reader: asyncio.StreamReader) -> list[str]:
    lines: list[str] = []
    size = 0
    while not lines or lines[-1]:
        try:
            # Small boards end their lines with a bare LF.
            raw = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise BadAnswer("fetch_headers") from error
        size += len(raw)
        if size > MAX_HEAD_BYTES:
            raise BadAnswer("fetch_headers")
        lines.append(raw.decode("latin-1").rstrip("\r\n"))
    return lines


def _headers_of(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        key = name.strip().lower()
        if not colon:
            continue
        # A server may offer each way in on a line of its own, and two lengths that differ are no length.
        joined = key in _JOINED and headers.get(key, value.strip()) != value.strip()
        headers[key] = f"{headers[key]}, {value.strip()}" if joined else value.strip()
    return headers


def _is_status(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdigit()


def _is_hex(text: bytes) -> bool:
    return 0 < len(text) <= 8 and all(c in b"0123456789abcdefABCDEF" for c in text)
