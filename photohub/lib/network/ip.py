"""IP addresses as this project reads them everywhere."""

import ipaddress
from collections.abc import Iterable

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def read_ip(text: str) -> Ip | None:
    """Return the address, None for what is none. An IPv4 address that a socket for both kinds wrote is one of IPv4."""
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def is_in(ip: Ip, networks: Iterable[Network]) -> bool:
    """Tell whether one of the networks holds the address."""
    return any(ip.version == network.version and ip in network for network in networks)
