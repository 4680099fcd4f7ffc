"""Fetching a picture from an address that somebody gave, without being led to places inside the house.

Every address of the name is checked and the connection goes to the one that was checked; redirects are not
followed. What may be fetched at all is the setting PHOTOHUB_FETCH_FROM.
"""

import asyncio
import fnmatch
import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.utils.translation import gettext as _

from photohub.lib import http_get
from photohub.lib.site import base_url
from photohub.lib.web_address import read_address

WITHIN_S = 10.0
_PORTS = {"http": 80, "https": 443}
# What `ipaddress` calls global and is not: translated and tunnelled addresses carry another one inside, and the
# clouds keep their secrets in a few of the others.
_NEVER = [
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "fec0::/10",
        "fe80::/10",
        "ff00::/8",
    )
]
_SECRET_KEEPERS = [
    ipaddress.ip_network(text) for text in ("169.254.0.0/16", "100.100.100.200/32", "fe80::/10")
]
_own_links: list[Callable[[str], bytes | None]] = []


class CannotFetch(Exception):
    """The picture cannot be fetched. `word` is for programs, the text for people."""

    def __init__(self, word: str, sentence: str) -> None:
        super().__init__(sentence)
        self.word, self.sentence = word, sentence


def on_own_link(read: Callable[[str], bytes | None]) -> None:
    """Let an upper room read links of this hub: `read(path)` returns the picture, or None."""
    if read not in _own_links:
        _own_links.append(read)


def fetch_picture(url: str) -> bytes:
    """Return what is at this address. Raises CannotFetch. Not for the event loop: it runs one of its own."""
    picture = _read_own_link(url)
    if picture is not None:
        return picture
    strict = check_address(url)
    try:
        return asyncio.run(_fetch(url, strict))
    except http_get.AddressRefused as error:
        raise _not_allowed() from error
    except TimeoutError as error:
        sentence = _("The picture did not come within %(seconds)s s.") % {"seconds": int(WITHIN_S)}
        raise CannotFetch("fetch_failed", sentence) from error
    except (http_get.GetFailed, OSError, ValueError) as error:
        sentence = _("The picture could not be fetched: %(why)s") % {"why": str(error)[:200]}
        raise CannotFetch("fetch_failed", sentence) from error


def check_address(url: str) -> bool:
    """Raise CannotFetch for an address that is not allowed by its looks; return whether it must be a public one.

    The hub's own links are read without a network, so they are always allowed.
    """
    if url.startswith(f"{base_url()}/p/"):
        return False
    try:
        parts = read_address(url, ("http", "https"))
    except ValueError as error:
        raise CannotFetch("url_not_allowed", str(error)) from error
    allowed = [word.strip().lower() for word in settings.FETCH_FROM.split(",") if word.strip()]
    if parts.username is not None or not allowed or allowed == ["none"]:
        raise _not_allowed()
    host, port = (parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme]
    if any(_fits(pattern, host, port) for pattern in allowed):
        return False
    if "public" not in allowed or port != _PORTS[parts.scheme]:
        raise _not_allowed()
    return True


def _fits(pattern: str, host: str, port: int) -> bool:
    name, colon, number = pattern.rpartition(":")
    if colon and number.isdigit():
        return int(number) == port and fnmatch.fnmatchcase(host, name)
    return port in _PORTS.values() and fnmatch.fnmatchcase(host, pattern)


def _not_allowed() -> CannotFetch:
    return CannotFetch(
        "url_not_allowed",
        _("Pictures may not be fetched from this address. The owner allows hosts by PHOTOHUB_FETCH_FROM."),
    )


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet, unwrapped and not by `is_global` alone."""
    ip = _unwrap(address)
    return ip.is_global and not any(ip.version == net.version and ip in net for net in _NEVER)


def _keeps_no_secrets(address: str) -> bool:
    ip = _unwrap(address)
    return not any(ip.version == net.version and ip in net for net in _SECRET_KEEPERS)


def _unwrap(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    ip = ipaddress.ip_address(address.split("%")[0])
    return getattr(ip, "ipv4_mapped", None) or ip


async def _fetch(url: str, strict: bool) -> bytes:
    allow = is_public if strict else _keeps_no_secrets
    async with (
        asyncio.timeout(WITHIN_S),
        http_get.get(url, allow=allow, within_s=WITHIN_S, strict=True) as answer,
    ):
        return await answer.body(settings.UPLOAD_MAX_BYTES)


def _read_own_link(url: str) -> bytes | None:
    base = base_url()
    if not url.startswith(f"{base}/p/"):
        return None
    found = (read(url.removeprefix(base)) for read in _own_links)
    picture = next((picture for picture in found if picture is not None), None)
    if picture is None:
        raise CannotFetch("fetch_failed", _("This link of the hub leads to no picture."))
    return picture
