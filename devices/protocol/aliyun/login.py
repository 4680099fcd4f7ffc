"""Read and check the MQTT login that devices of the Aliyun IoT Platform use.

    client id    <id>|securemode=3,signmethod=hmacsha256,timestamp=1685192902891|      in any order
    user name    <device name>&<product key>
    password     hex of HMAC(device secret, content), upper or lower case
    content      clientId<id>deviceName<device name>productKey<product key>[timestamp<timestamp>]

`signmethod` is hmacmd5 (also when it is missing), hmacsha1 or hmacsha256. The timestamp is signed when the
client id has one. It is often a constant or the time of a wrong clock, so it proves nothing about freshness.
Source: the vendor's page on MQTT-TCP connections, and the sender in its C Link SDK 4.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

MAX_CLIENT_ID_CHARS = 512
MAX_PARAMETERS = 16

# What a product key or a device name is made of; it stands in topics, so no slash and no wildcard.
WORD_PATTERN = r"[A-Za-z0-9_.:@-]{1,64}"

_WORD = re.compile(WORD_PATTERN)
_DIGESTS = {"hmacmd5": hashlib.md5, "hmacsha1": hashlib.sha1, "hmacsha256": hashlib.sha256}


@dataclass(frozen=True, slots=True)
class Login:
    """Who says to log in, and what it signed. `timestamp` is None when the client id has none."""

    client_id: str
    device_name: str
    product_key: str
    sign_method: str = "hmacmd5"
    timestamp: str | None = None


def valid_word(word: str) -> bool:
    """Tell whether this may be a product key or a device name."""
    return _WORD.fullmatch(word) is not None


def parse_login(client_id: str, username: str) -> Login | None:
    """Read the two names of a CONNECT; None when they are not of this form or name an unknown method."""
    if len(client_id) > MAX_CLIENT_ID_CHARS:
        return None
    own, bar, rest = client_id.partition("|")
    given, closing, after = rest.partition("|")
    device_name, ampersand, product_key = username.partition("&")
    if not (own and bar and closing and ampersand) or after:
        return None
    if not (valid_word(device_name) and valid_word(product_key)):
        return None
    parameters = _read_parameters(given)
    if parameters is None:
        return None
    method = parameters.get("signmethod", "hmacmd5").lower()
    if method not in _DIGESTS:
        return None
    return Login(own, device_name, product_key, method, parameters.get("timestamp"))


def _read_parameters(text: str) -> dict[str, str] | None:
    """Return `k=v,k=v` as a dict; None for a key without value and for one that stands there twice."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    found = {key.strip(): value.strip() for key, _equals, value in pairs}
    whole = all(key.strip() and equals for key, equals, _value in pairs)
    return found if whole and len(found) == len(pairs) <= MAX_PARAMETERS else None


def sign(login: Login, secret: str) -> str:
    """Return the password that belongs to this login, in lower-case hex."""
    content = f"clientId{login.client_id}deviceName{login.device_name}productKey{login.product_key}"
    if login.timestamp is not None:
        content += f"timestamp{login.timestamp}"
    key, message = (text.encode("utf-8", "surrogatepass") for text in (secret, content))
    return hmac.new(key, message, _DIGESTS[login.sign_method]).hexdigest()


def verify(login: Login, secret: str, password: bytes | str) -> bool:
    """Tell in constant time whether the password is right; an empty secret opens nothing."""
    given = password.encode("utf-8", "surrogatepass") if isinstance(password, str) else password
    return bool(secret) and hmac.compare_digest(sign(login, secret).encode(), given.lower())
