"""Addresses of cameras that are servers themselves, and are pulled. They often hold a login, also in the path or query.

Who may not manage the device sees scheme and host only. Who may sees stars in the place of a password and of query
values that look like a login, and what comes back with these stars keeps what it had.
"""

import re
from urllib.parse import SplitResult, urlsplit

from photohub.lib.network.web_address import read_address

SCHEMES = ("http", "https", "tcp")
MASK = "***"

_HOST_ONLY = "…"
_SECRET_NAME = re.compile(
    r"pass|pwd|psw|secret|token|key|auth|sign|sess|sid$|usr|user|login|account|cred|^pw$|^[pu]$",
    re.IGNORECASE,
)


def read_pull_url(url: str, schemes: tuple[str, ...] = SCHEMES) -> SplitResult:
    """Split an address of one of these schemes. Raises ValueError, in a sentence for a person."""
    return read_address(url, schemes)


def hide_all_but_host(url: str) -> str:
    """Return the address for people who may not manage the device."""
    try:
        parts = urlsplit(url)
        host, behind = parts.netloc.rpartition("@")[2], parts.path.strip("/") or parts.query
    except ValueError:
        return MASK
    return f"{parts.scheme}://{host}" + (f"/{_HOST_ONLY}" if behind else "") if url else ""


def mask_secrets(url: str) -> str:
    """Return the address for people who may manage the device: without its password, and without secrets in its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    login, at, host = parts.netloc.rpartition("@")
    name, has_password, _password = login.partition(":")
    netloc = f"{name}:{MASK}{at}{host}" if has_password else parts.netloc
    query = "&".join(_mask_pair(pair) for pair in parts.query.split("&"))
    return parts._replace(netloc=netloc, query=query).geturl() if url else ""


def _mask_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}={MASK}" if equals and value and _SECRET_NAME.search(name) else pair


def unmask(url: str, known: str) -> str:
    """Put the secrets of the known address in the place of stars, as long as the host is the same one."""
    if MASK not in url:
        return url
    if url == mask_secrets(known):
        return known
    try:
        new, old = urlsplit(url), urlsplit(known)
        same = (new.scheme, new.hostname, new.port) == (old.scheme, old.hostname, old.port)
    except ValueError:
        return url
    if not same:
        return url
    netloc = new.netloc
    if new.password == MASK and new.username == old.username and old.password:
        netloc = old.netloc.rpartition("@")[0] + "@" + new.netloc.rpartition("@")[2]
    values = dict(pair.split("=", 1) for pair in old.query.split("&") if "=" in pair)
    pairs = [_unmask_pair(pair, values) for pair in new.query.split("&")]
    return new._replace(netloc=netloc, query="&".join(pairs)).geturl()


def _unmask_pair(pair: str, values: dict[str, str]) -> str:
    name, _equals, value = pair.partition("=")
    return f"{name}={values[name]}" if value == MASK and name in values else pair


def is_masked(url: str) -> bool:
    """Tell whether stars still stand where a secret belongs."""
    parts = urlsplit(url)
    return parts.password == MASK or any(pair.partition("=")[2] == MASK for pair in parts.query.split("&"))


def host_of(url: str) -> str:
    """Return the host whose certificate is trusted, in small letters; empty for no address."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
