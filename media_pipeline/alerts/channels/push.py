"""Web Push: messages to browsers, encrypted for each, and signed with a key of the hub (VAPID).

Nothing else imports pywebpush and py_vapid. They encrypt and sign; what is sent goes by our own client, to addresses that
may be asked.
"""

import base64
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from devices.hub_settings.models import HubSetting
from photohub.lib.encryption import decrypt, encrypt
from photohub.lib.memory.later import later
from photohub.lib.network.site import base_url
from photohub.lib.network.web_address import read_web_address
from photohub.lib.pages.sentences import said

from . import webhook
from .letter import Letter, NotSent

if TYPE_CHECKING:
    import py_vapid
    import pywebpush
else:
    py_vapid = later("py_vapid")
    pywebpush = later("pywebpush")

_KEY = "vapid"
_PROVED_FOR_S = 12 * 3600
_KEPT_FOR_S = 24 * 3600
_TEXT_CHARS = 1200


def public_key() -> str:
    """Return the hub's public key as a browser asks for it: the point of the curve in Base64 without padding."""
    key = _vapid(own_key()).public_key
    if key is None:
        raise TypeError("A key that was read has its public half.")
    numbers = key.public_numbers()
    point = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def own_key() -> str:
    """Return the hub's private key; it is made by whoever needs it first. Asks the database."""
    row = HubSetting.objects.filter(pk=_KEY).first()
    known = decrypt(str(row.value).encode()) if row is not None else None
    if known is not None:
        return known
    made = py_vapid.Vapid()
    made.generate_keys()
    pem = made.private_pem().decode()
    kept = encrypt(pem).decode()
    if row is not None:
        # It was encrypted under another key of the hub: browsers have to ask anew.
        HubSetting.objects.filter(pk=_KEY).update(value=kept)
        return pem
    found, _made = HubSetting.objects.get_or_create(pk=_KEY, defaults={"value": kept})
    return decrypt(str(found.value).encode()) or pem


def _vapid(pem: str):
    return py_vapid.Vapid.from_pem(pem.encode())


def read_subscription(text: str) -> dict | None:
    """Return what a browser handed out, with what is needed of it; None when it is none."""
    try:
        given = json.loads(text)
        endpoint, keys = given["endpoint"], given["keys"]
        kept = {"endpoint": endpoint, "keys": {"p256dh": keys["p256dh"], "auth": keys["auth"]}}
        if not isinstance(endpoint, str):
            return None
        read_web_address(endpoint)
        # Whatever can be encrypted for is a browser's key; a wrong one would only show with the first message.
        pywebpush.WebPusher(kept).encode(b"{}")
    except (ValueError, KeyError, TypeError, RecursionError, pywebpush.WebPushException):
        return None
    return kept if endpoint.isascii() else None


def send(address: str, pem: str, letter: Letter, allow: Callable[[str], bool]) -> str:
    """Send it and return what the push service answered. Raises NotSent."""
    subscription = json.loads(address)
    endpoint = subscription["endpoint"]
    words = {"title": letter.title, "body": letter.text[:_TEXT_CHARS], "tag": letter.id}
    words |= {"path": letter.path, "image": letter.image_path}
    body = pywebpush.WebPusher(subscription).encode(json.dumps(words, ensure_ascii=False).encode())["body"]
    headers = {"Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream"}
    headers |= {"TTL": str(_KEPT_FOR_S), "Urgency": "high", **_proof(endpoint, pem)}
    answer = webhook.ask(endpoint, body, headers, allow)
    if answer.status in (404, 410):
        why = said("This browser takes no messages any more. Add it again from that browser.")
        raise NotSent(why, permanent=True)
    return webhook.judge(endpoint, answer)


def _proof(endpoint: str, pem: str) -> dict[str, str]:
    """Return the headers that prove to the push service who sends."""
    parts, own = urlsplit(endpoint), base_url()
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": int(time.time()) + _PROVED_FOR_S}
    # Where the service can complain.
    return _vapid(pem).sign(
        claims | {"sub": own if own.startswith("https://") else "mailto:photohub@localhost"}
    )
