"""Keeping libraries that open their own connections to the addresses that may be asked, and to answers of some size and time.

A library resolves names by itself, so a check beforehand could be told another address than the connection gets. Here
the system's own look-up leaves out what may not be asked, for one thread and for as long as it works for somebody. What
the other side answers is taken into memory whole by most libraries, whatever its size, and waited for as long as something
comes: so the thread reads so much from its connections and no more.
"""

import functools
import ipaddress
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

READS_AT_MOST_BYTES = 2**20
WITHIN_S = 45.0

_local = threading.local()
_lock = threading.Lock()


class AddressNotAllowed(OSError):
    """All addresses of this host are ones that may not be asked."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} has an address that PhotoHub is not allowed to contact.")
        self.host = host


class TooMuch(OSError):
    """The other side sends more than is wanted, or for too long."""


@dataclass
class _Measure:
    """What this thread may still read, and until when."""

    left_bytes: int
    until_s: float

    def check(self) -> None:
        if self.left_bytes < 0:
            raise TooMuch("The answer is too long.")
        if time.monotonic() > self.until_s:
            raise TooMuch("The answer takes too long.")


@contextmanager
def only_to(
    allow: Callable[[str], bool], at_most_bytes: int = READS_AT_MOST_BYTES, within_s: float = WITHIN_S
) -> Generator[list[str]]:
    """Let this thread connect to allowed addresses alone, and read so much. Yields the hosts that were refused, as they come."""
    _stand_before_the_look_up()
    _stand_before_reads()
    _stand_before_requests()
    before = getattr(_local, "guard", None), getattr(_local, "measure", None)
    refused: list[str] = []
    _local.guard = (allow, refused)
    _local.measure = _Measure(at_most_bytes, time.monotonic() + within_s)
    try:
        yield refused
    finally:
        _local.guard, _local.measure = before


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


def _stand_before_reads() -> None:
    """Measure what is read from sockets as from files, as HTTP and SMTP do."""
    with _lock:
        if getattr(socket.SocketIO.readinto, "is_guarded", False):
            return
        read = socket.SocketIO.readinto

        @functools.wraps(read)
        def guarded(self, b):
            measure = getattr(_local, "measure", None)
            if measure is None:
                return read(self, b)
            measure.check()
            count = read(self, b)
            measure.left_bytes -= count or 0
            return count

        guarded.is_guarded = True  # pyrefly: ignore[missing-attribute]
        socket.SocketIO.readinto = guarded


def _stand_before_requests() -> None:
    """Ask for answers that are not packed, and unpack none: a few bytes may become a gigabyte."""
    requests = sys.modules.get("requests")
    if requests is None:
        return
    with _lock:
        if getattr(requests.Session.send, "is_guarded", False):
            return
        send = requests.Session.send

        @functools.wraps(send)
        def guarded(self, request, **options):
            if getattr(_local, "measure", None) is None:
                return send(self, request, **options)
            request.headers["Accept-Encoding"] = "identity"
            answer = send(self, request, **options | {"stream": True})
            answer.raw.decode_content = False
            try:
                answer._content, answer._content_consumed = answer.raw.read(decode_content=False), True
            except Exception as error:
                raise requests.exceptions.ConnectionError(str(error)) from error
            finally:
                answer.close()
            return answer

        guarded.is_guarded = True  # pyrefly: ignore[missing-attribute]
        requests.Session.send = guarded


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
