"""Asking another node for a file: signed, bounded in size, time and number, and never somewhere else than at its address."""

import http.client
import logging
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

from photohub.lib.messaging.breaker import Breaker

from . import signing
from .known import Known

log = logging.getLogger(__name__)

Kind = Literal["original", "preview", "film", "firmware", "panel"]
AT_ONCE = 8
CONNECT_WITHIN_S = 2.0
_SILENT_AT_MOST_S = 5.0
_WITHIN_S = 15.0
_READ_BYTES = 256 * 1024
_PLACE_WITHIN_S = 2.0
_NOT_MODIFIED, _NOT_SATISFIABLE = 304, 416
# A film is taken at the pace of whoever watches it, and may hold up no picture.
FILMS_AT_ONCE = 4
SHARED_AT_ONCE = 2
_for_shared = threading.BoundedSemaphore(SHARED_AT_ONCE)
_places: dict[str, threading.BoundedSemaphore] = {
    "film": threading.BoundedSemaphore(FILMS_AT_ONCE),
    "firmware": _for_shared,
    "panel": _for_shared,
}
_for_pictures = threading.BoundedSemaphore(AT_ONCE)
_breakers: defaultdict[tuple[int, str], Breaker] = defaultdict(lambda: Breaker(longest_pause_s=5.0))


class NodeAway(Exception):
    """The node did not answer, or not well. It may be back in a moment."""


class NotThere(Exception):
    """The node answered that it has no such file."""


def path_of(node: Known, kind: Kind, id: UUID | str) -> str:
    """Return where a node hands out a file."""
    return f"/nodes/{node.number}/{kind}/{id}"


def is_failing(node: Known) -> bool:
    """Tell whether the node did not answer when this process last asked it."""
    return node.is_silent or _breaker(node).failing


def forget() -> None:
    """Forget who failed."""
    _breakers.clear()


def fetch(node: Known, kind: Kind, id: UUID | str, at_most: int) -> bytes:
    """Return a file's bytes. Raises NodeAway or NotThere."""
    until_s = time.monotonic() + _WITHIN_S
    with ask(node, kind, id) as answer:
        length = answer.length
        if length is None or length > at_most:
            raise NodeAway(f"{node.name} offered {length} bytes where {at_most} were wanted at most")
        parts: list[bytes] = []
        while piece := answer.read(min(_READ_BYTES, length)):
            parts.append(piece)
            length -= len(piece)
            if not length:
                break
            if time.monotonic() > until_s:
                raise NodeAway(f"{node.name} was too slow")
        data = b"".join(parts)
    if length:
        raise NodeAway(f"{node.name} broke off")
    return data


@contextmanager
def ask(
    node: Known, kind: Kind, id: UUID | str, headers: Mapping[str, str] | None = None
) -> Generator[http.client.HTTPResponse]:
    """Ask for a file and give the answer, whose body is to be read within. Raises NodeAway or NotThere."""
    breaker = _breaker(node)
    if node.is_silent or not breaker.enter():
        raise NodeAway(f"{node.name} is silent")
    # Not the node's fault: whoever finds no place tells nothing of it.
    ok: bool | None = None
    try:
        with _place(node, _places.get(kind, _for_pictures)):
            connection = _connect(node)
            try:
                answer = _ask(connection, path_of(node, kind, id), headers or {})
                _judge(node, answer)
                ok = True
                yield answer
            finally:
                connection.close()
    except NotThere:
        ok = True
        raise
    except NodeAway as error:
        log.warning("A file could not be fetched from another machine: %s", error)
        raise
    except (OSError, http.client.HTTPException) as error:
        ok = False
        log.warning("The machine %s could not be asked for a file: %s", node.name, error)
        raise NodeAway(f"{node.name} does not answer: {type(error).__name__}") from error
    finally:
        breaker.leave(ok)


def _breaker(node: Known) -> Breaker:
    # At another address it is tried afresh.
    return _breakers[node.number, node.address]


@contextmanager
def _place(node: Known, places: threading.BoundedSemaphore) -> Generator[None]:
    if not places.acquire(timeout=_PLACE_WITHIN_S):
        raise NodeAway(f"too many ask {node.name} at once")
    try:
        yield
    finally:
        places.release()


def _connect(node: Known) -> http.client.HTTPConnection:
    parts = urlsplit(node.address)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=CONNECT_WITHIN_S, context=_checked_tls())
    return http.client.HTTPConnection(host, port, timeout=CONNECT_WITHIN_S)


@cache
def _checked_tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _ask(
    connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]
) -> http.client.HTTPResponse:
    connection.connect()
    connection.sock.settimeout(_SILENT_AT_MOST_S)
    proof = {signing.HEADER: signing.sign(path, time.time()), "Connection": "close"}
    connection.request("GET", path, headers={**headers, **proof})
    return connection.getresponse()


def _judge(node: Known, answer: http.client.HTTPResponse) -> None:
    """Raise NotThere or NodeAway unless the answer is of use."""
    if answer.status == http.client.NOT_FOUND:
        raise NotThere
    if not (200 <= answer.status < 300 or answer.status in (_NOT_MODIFIED, _NOT_SATISFIABLE)):
        # A redirect among them: nobody else is asked.
        raise NodeAway(f"{node.name} answered {answer.status}")
