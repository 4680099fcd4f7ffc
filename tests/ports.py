"""Ports for servers that tests start, stop and start again."""

import random
import socket
from pathlib import Path

_LOWEST = 12_000
_dice = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now, each another one.

    They lie below those that the system hands out by itself. A port from there may be somebody else's by the time
    that a killed server wants it back, since every connection and every test server of the machine takes one.
    """
    found: list[int] = []
    while len(found) < count:
        port = _dice.randrange(_LOWEST, _handed_out_from())
        if port not in found and _is_free(port):
            found.append(port)
    return found


def _handed_out_from() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
