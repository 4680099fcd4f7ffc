"""Addresses that somebody typed: split, and refused in a sentence when they cannot be used."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}
# What Django takes as a host, so what this hub could ever answer to.
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*")


def read_address(url: str, schemes: tuple[str, ...]) -> SplitResult:
    """Split an address of one of these schemes. Raises ValueError, in a sentence for a person."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise ValueError("This is not an address.") from error
    if not usable or any(c.isspace() or not c.isprintable() for c in url):
        raise ValueError(
            f"The address must begin with {' or '.join(f'{s}://' for s in schemes)} and name a host."
        )
    if parts.scheme == "tcp" and parts.port is None:
        raise ValueError("A tcp:// address needs a port.")
    return parts


def read_web_address(text: str) -> str:
    """Return the address of something on the web as it was typed. Raises ValueError, in a sentence for a person."""
    read_address(text, tuple(_PORTS))
    return text


def read_origin(text: str) -> str:
    """Return the address of a web server as browsers write it in `Origin`: `scheme://host` and any unusual port.

    Raises ValueError, in a sentence for a person that repeats nothing of the address, which may hold a password.
    """
    parts = read_address(text, tuple(_PORTS))
    if "@" in parts.netloc:
        raise ValueError("A user name or password has no place in this address.")
    if parts.path not in ("", "/") or parts.query or parts.fragment or text[-1] in "?#":
        raise ValueError(
            "The address may hold no path behind the host: devices with fixed paths could not reach PhotoHub there. "
            "Give it a host name or a port of its own, such as https://photos.example.org."
        )
    host = _host_in_ascii(parts.hostname or "")
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _host_in_ascii(host: str) -> str:
    """Return the name as it goes over the wire, an IPv6 address in brackets. Raises ValueError."""
    if ":" in host:
        return f"[{ipaddress.IPv6Address(host)}]" if "%" not in host else _refuse_host()
    try:
        name = host.encode("idna").decode().lower().rstrip(".")
    except UnicodeError:
        name = ""
    return name if _HOST.fullmatch(name) else _refuse_host()


def _refuse_host() -> str:
    raise ValueError("The host is a name of letters, digits, dashes and dots, or an IP address.")
