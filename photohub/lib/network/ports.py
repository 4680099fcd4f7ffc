"""Taking a port, or the next free one."""

import errno
import socket

TRIES = 50


class PortTaken(Exception):
    """The wanted port belongs to another program; the sentence says what to do."""


def listen(host: str, port: int, *, may_move: bool, setting: str) -> socket.socket:
    """Return a listening socket. A taken port is left for the next free one when `may_move`, else raises PortTaken."""
    for candidate in range(port, min(port + (TRIES if may_move else 1), 65536)):
        try:
            return _bind(host, candidate)
        except OSError as error:
            if error.errno == errno.EACCES:
                raise PortTaken(
                    f"{setting}: port {candidate} needs the rights of root. Choose one above 1023."
                ) from error
            if error.errno == errno.EADDRNOTAVAIL:
                raise PortTaken(f"{setting}: this machine has no address {host}.") from error
            if error.errno != errno.EADDRINUSE:
                raise PortTaken(
                    f"{setting}: cannot listen on {host}:{candidate}: {error.strerror}."
                ) from error
    if may_move:
        raise PortTaken(f"{setting}: no free port from {port} to {port + TRIES - 1}.")
    raise PortTaken(
        f"{setting}: port {port} is taken by another program. Stop that program, or choose another port."
    )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def free_port(host: str, port: int, *, may_move: bool, setting: str) -> int:
    """Return a port that is free right now, for a server that binds by itself."""
    with listen(host, port, may_move=may_move, setting=setting) as listener:
        return listener.getsockname()[1]
