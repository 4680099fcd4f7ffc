"""A webhook: JSON over HTTP, signed as the Standard Webhooks specification says.

    webhook-id         the message; the same when it is sent again
    webhook-timestamp  seconds since 1970 of this try
    webhook-signature  v1,<base64 of HMAC-SHA256 over "<id>.<timestamp>.<body>">

The secret is `whsec_` and base64; its bytes are the key.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from photohub.lib.network.errors import GetFailed
from photohub.lib.network.post import Posted, post
from photohub.lib.pages.sentences import said

from .letter import Letter, NotSent, answered

SECRET_PREFIX = "whsec_"
WITHIN_S = 15.0


def new_secret() -> str:
    """Return a secret that nobody had before."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()


def is_secret(text: str) -> bool:
    """Tell whether this is a secret as other programs make them: 24 to 64 bytes."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(SECRET_PREFIX) and 24 <= len(key) <= 64


def sign(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """Return what stands in `webhook-signature`."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    mac = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(mac.digest()).decode()}"


def send(url: str, secret: str, letter: Letter, allow: Callable[[str], bool]) -> str:
    """Send it and return what the other side answered. Raises NotSent."""
    return judge(url, _post(url, secret, letter, allow))


def _post(url: str, secret: str, letter: Letter, allow: Callable[[str], bool]) -> Posted:
    body = json.dumps(_body_of(letter), ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": letter.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, letter.id, timestamp, body),
    }
    return ask(url, body, headers, allow)


def _body_of(letter: Letter) -> dict:
    words = {"title": letter.title, "text": letter.text, "link": letter.link}
    return {"type": letter.facts.get("type", "test"), "id": letter.id, **words, **letter.facts}


def ask(url: str, body: bytes, headers: dict[str, str], allow: Callable[[str], bool]) -> Posted:
    """Send a body. Raises NotSent where there is no answer."""
    host = urlsplit(url).hostname or ""
    try:
        return post(url, body, headers, allow, WITHIN_S)
    except GetFailed as error:
        raise NotSent(error.said) from error
    except TimeoutError as error:
        raise NotSent(said("%(host)s did not answer in time.", host=host)) from error
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise NotSent(said("%(host)s cannot be reached (%(why)s).", host=host, why=why)) from error


def judge(url: str, answer: Posted) -> str:
    """Return the answer in words. Raises NotSent when it is a refusal."""
    host = urlsplit(url).hostname or ""
    told = answered(host, answer.status, answer.text)
    if answer.is_fine:
        return str(told)
    # Only “gone” is for ever: a proxy before a program that is away says 404 as well.
    raise NotSent(told, permanent=answer.status == 410)
