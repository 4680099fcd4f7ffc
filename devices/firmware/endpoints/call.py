"""One request at a firmware endpoint: what it says, who asks, and the one shape of every refusal.

A refusal is `{"code":1,"des":"<sentence>","err":"<word>"}`, whichever endpoint it is:

    auth 401 · disabled 403 · not_found 404 · method 405 · too_large 413 · rate 429 · busy, db, disk 503
    integrity 500: the stored bytes are damaged · any word of a FirmwareRefused 403
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from devices.firmware.errors import FirmwareAway, FirmwareBroken, FirmwareError
from devices.keys import identity
from devices.protocol import light
from devices.protocol.firmware import ddi
from devices.registry import presence
from devices.registry.models import Device
from photohub.lib.http import answer as answers
from photohub.lib.http.guessing import FailedTries
from photohub.lib.http.scope import client_address, headers_of
from photohub.lib.network.site import base_url

BODY_WITHIN_S = 10.0
_STATUS = {
    "bad_request": 400,
    "auth": 401,
    "disabled": 403,
    "not_found": 404,
    "method": 405,
    "too_large": 413,
    "rate": 429,
    "integrity": 500,
    "busy": 503,
    "db": 503,
    "disk": 503,
}
_JSON = "application/json"
_ALWAYS = {"Cache-Control": "no-store"}
_FAILED_TRIES = FailedTries()
_random = random.SystemRandom()


class Gone(Exception):
    """The device closed the connection."""


class Refused(answers.Refused):
    """No, and why: a stable word and a sentence. The word has its status, unless an endpoint needs another one."""

    def __init__(self, word: str, sentence: str, retry_after_s: int = 0, status: int = 0) -> None:
        super().__init__(status or _STATUS.get(word, 403), word, sentence, retry_after_s)

    def __str__(self) -> str:
        return f"{self.word}: {self.sentence}"


def busy(sentence: str, word: str = "busy") -> Refused:
    """Return a refusal for now. Devices that were refused together do not come back together."""
    return Refused(word, sentence, 2 + _random.randrange(9))


def refusal_of(error: FirmwareError) -> Refused:
    """Say over HTTP why an image is not handed out."""
    if isinstance(error, FirmwareBroken):
        return Refused("integrity", "The stored image is damaged, so it is not handed out.")
    if isinstance(error, FirmwareAway):
        return busy("The image cannot be read just now; ask again.", "disk")
    return Refused(error.word, error.sentence)


@dataclass
class Call:
    """A request. `found` holds the named parts of its path; `begun` tells that the answer's head is out.

    `device` is who asks, once that is known.
    """

    scope: dict
    receive: Callable[[], Awaitable[dict]]
    send: Callable[[dict], Awaitable[None]]
    found: dict[str, str | None]
    begun: bool = False
    device: Device | None = None

    def __post_init__(self) -> None:
        self.method: str = self.scope["method"]
        self.headers = headers_of(self.scope)
        self.address = client_address(self.scope)

    def header(self, name: str) -> str:
        """Return a header by its name in small letters; empty when it is missing. Raises Refused when it came twice."""
        text = self.headers.get(name, "")
        if text is None:
            raise Refused("bad_request", f"Two {name.title()} headers; send one.")
        return text

    def query(self, name: str) -> str:
        """Return a value of the query, or nothing."""
        values = parse_qs(self.scope.get("query_string", b"").decode("latin-1"), max_num_fields=20)
        return values.get(name, [""])[0]

    @property
    def key(self) -> str:
        """Return the device key that came in a header, by whichever name."""
        authorization = self.header("authorization")
        if authorization[:7].lower() == "bearer ":
            return authorization[7:].strip()
        kind, token = ddi.read_token(authorization) or ("", "")
        return token if kind == "target" else self.header("x-device-key").strip()

    @property
    def hub_url(self) -> str:
        """Return the hub's address as this device knows it: the one that it came to leads here for sure."""
        host = self.header("host")
        domain, _port = split_domain_port(host)
        if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
            return base_url()
        return f"{self.scope.get('scheme', 'http')}://{host}"

    def allow(self, *methods: str) -> None:
        """Refuse every other method."""
        if self.method not in methods:
            raise Refused("method", f"This address takes {' and '.join(methods)}.")

    async def read_body(self, limit_bytes: int) -> bytes:
        """Return the body; raises Refused over the limit, and Gone when the device left."""
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                more = True
                while more:
                    message = await self.receive()
                    if message["type"] == "http.disconnect":
                        raise Gone
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > limit_bytes:
                        raise Refused("too_large", f"The body is larger than {limit_bytes} bytes.")
        except TimeoutError as error:
            raise Gone from error
        return bytes(body)

    async def answer(
        self, status: int, body: bytes = b"", content_type: str = "", named: dict[str, str] | None = None
    ) -> None:
        """Send a whole answer."""
        kind = {"Content-Type": content_type} if content_type else {}
        try:
            await answers.answer(self.send, status, body, kind | _ALWAYS | (named or {}))
        except OSError:
            pass  # The device left; it asks again.

    async def refuse(self, refusal: Refused) -> None:
        """Send a refusal."""
        body = b"" if self.method == "HEAD" else _body_of(refusal)
        await self.answer(refusal.status, body, _JSON, _named_of(refusal))


def _body_of(refusal: Refused) -> bytes:
    return light.encode_error(refusal.sentence, refusal.word)


def _named_of(refusal: Refused) -> dict[str, str]:
    named = {}
    if refusal.retry_after_s:
        named["Retry-After"] = str(refusal.retry_after_s)
    if refusal.status == 401:
        named["WWW-Authenticate"] = "Bearer"
    if refusal.status in (400, 413):
        named["Connection"] = "close"
    return named


def whole_refusal(refusal: Refused) -> bytes:
    """Return a refusal with its head, after which the connection is closed, for where nothing else has answered."""
    named = {"Content-Type": _JSON} | _ALWAYS | _named_of(refusal) | {"Connection": "close"}
    return answers.whole_answer(refusal.status, _body_of(refusal), named)


def find_caller(key: str, address: str) -> Device:
    """Return the device with this key, heard just now. Raises Refused. Uses the database."""
    refuse_guesser(address, key)
    device = identity.find_device(key) if key else None
    if device is None:
        raise Refused("auth", "The hub does not know this device key.")
    _FAILED_TRIES.found(key)
    if not device.enabled:
        raise Refused("disabled", "This device is switched off at the hub.")
    presence.heard(device, address=address)
    return device


def refuse_guesser(address: str, secret: str) -> None:
    """Raise Refused, before anything is looked up, for who tried too many keys or addresses that do not exist."""
    if wait_s := _FAILED_TRIES.wait_s(address, secret):
        raise Refused("rate", f"Too many failed tries; wait {wait_s} s.", wait_s)


def note_found(secret: str) -> None:
    """Remember a key or an address that exists: whoever has it is let through beside a guesser."""
    _FAILED_TRIES.found(secret)


def slow_down(refusal: Refused, address: str) -> Refused:
    """Return the refusal, or another one for who tries too many keys or addresses. Call from the loop."""
    if refusal.word not in ("auth", "not_found"):
        return refusal
    wait_s = _FAILED_TRIES.missed(address)
    return Refused("rate", f"Too many failed tries; wait {wait_s} s.", wait_s) if wait_s else refusal
