"""Keeping libraries that open their own connections to the addresses that may be asked.

A library resolves names by itself, so a check beforehand could be told another address than the connection gets. Here
the system's own look-up leaves out what may not be asked, for one thread and for as long as it works for somebody.
"""

import functools
import ipaddress
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

_local = threading.local()
_lock = threading.Lock()


class AddressNotAllowed(OSError):
    """All addresses of this host are ones that may not be asked."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} has an address that PhotoHub is not allowed to contact.")
        self.host = host


@contextmanager
def only_to(allow: Callable[[str], bool]) -> Generator[list[str]]:
    """Let this thread connect to allowed addresses alone. Yields the hosts that were refused, as they come."""
    _stand_before_the_look_up()
    before = getattr(_local, "guard", None)
    refused: list[str] = []
    _local.guard = (allow, refused)
    try:
        yield refused
    finally:
        _local.guard = before


def _stand_before_the_look_up() -> None:
    with _lock:
        if getattr(socket.getaddrinfo, "is_guarded", False):
            return
        look_up = socket.getaddrinfo

        @functools.wraps(look_up)
        def guarded(host, *args, **kwargs):
            found = look_up(host, *args, **kwargs)
            guard = getattr(_local, "guard", None)
            return found if guard is None else _keep_allowed(_as_text(host), found, *guard)

        guarded.is_guarded = True  # pyrefly: ignore[missing-attribute]
        socket.getaddrinfo = guarded


def _keep_allowed(host: str, found: list, allow: Callable[[str], bool], refused: list[str]) -> list:
    kept = [entry for entry in found if _is_ip(entry[4][0]) and allow(str(entry[4][0]))]
    # One wrong address among several is a name that leads somewhere else each time.
    if len(kept) < len(found) or not found:
        refused.append(host)
        raise AddressNotAllowed(host)
    return kept


def _as_text(host: object) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")


def _is_ip(text: object) -> bool:
    try:
        ipaddress.ip_address(str(text).partition("%")[0])
    except ValueError:
        return False
    return True
