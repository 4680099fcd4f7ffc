"""Fetching a picture from an address that somebody gave, without being led to places inside the house.

Every address of the name is checked and the connection goes to the one that was checked; redirects are not
followed. What may be fetched at all is the setting PHOTOHUB_FETCH_FROM.
"""

import asyncio
import fnmatch
from collections.abc import Callable

from django.conf import settings

from photohub.lib.network import get as http_get
from photohub.lib.network.address_rules import is_public, is_safe
from photohub.lib.network.errors import AddressRefused, GetFailed
from photohub.lib.network.site import base_url
from photohub.lib.network.web_address import read_address
from photohub.lib.pages.sentences import Cannot, Said, said

WITHIN_S = 10.0
_PORTS = {"http": 80, "https": 443}
_own_links: list[Callable[[str], bytes | None]] = []


class CannotFetch(Cannot):
    """The picture cannot be fetched."""


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
    except AddressRefused as error:
        raise _not_allowed() from error
    except TimeoutError as error:
        sentence = said("The picture did not arrive within %(seconds)s s.", seconds=int(WITHIN_S))
        raise CannotFetch("fetch_failed", sentence) from error
    except (GetFailed, OSError, ValueError) as error:
        sentence = said("The picture could not be fetched: %(why)s", why=_why(error))
        raise CannotFetch("fetch_failed", sentence) from error


def _why(error: Exception) -> str | Said:
    return error.said if isinstance(error, GetFailed) else str(error)[:200]


def check_address(url: str) -> bool:
    """Raise CannotFetch for an address that is not allowed by its looks; return whether it must be a public one.

    The hub's own links are read without a network, so they are always allowed.
    """
    if url.startswith(f"{base_url()}/p/"):
        return False
    try:
        parts = read_address(url, ("http", "https"))
    except ValueError as error:
        sentence = said("Enter an address that begins with http:// or https:// and names a host.")
        raise CannotFetch("url_not_allowed", sentence) from error
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
        said(
            "Fetching pictures from this address is not allowed. The owner can allow hosts with "
            "PHOTOHUB_FETCH_FROM."
        ),
    )


async def _fetch(url: str, strict: bool) -> bytes:
    asking = http_get.Asking(is_public if strict else is_safe, WITHIN_S, strict=True)
    async with asyncio.timeout(WITHIN_S), http_get.get(url, asking) as answer:
        return await answer.body(settings.UPLOAD_MAX_BYTES)


def _read_own_link(url: str) -> bytes | None:
    base = base_url()
    if not url.startswith(f"{base}/p/"):
        return None
    found = (read(url.removeprefix(base)) for read in _own_links)
    picture = next((picture for picture in found if picture is not None), None)
    if picture is None:
        raise CannotFetch("fetch_failed", said("This link does not lead to a picture."))
    return picture
