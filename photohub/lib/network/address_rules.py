"""Which IP addresses the hub may ask when somebody else gave the address (the guard against SSRF).

`is_public`   for addresses that anybody with the right to show a picture may give: the public internet and nothing else
`is_safe`     for addresses that an owner gave, as a camera's in the house: everything but where clouds keep secrets

The lists are our own. `ipaddress.is_global` says yes to some that lead into the house: Python 3.11 calls 64:ff9b::7f00:1,
2002:7f00:1::, fec0::1 and 192.0.0.8 global, and 100.100.100.200, where one cloud keeps its secrets, not private.
"""

import ipaddress

from .ip import Ip, Network, is_in, read_ip


def _networks(*texts: str) -> list[Network]:
    return [ipaddress.ip_network(text) for text in texts]


# Where clouds answer machines about themselves, and what is nobody's address.
_NEVER = _networks(
    "0.0.0.0/8",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "224.0.0.0/3",
    "::/128",
    "fd00:ec2::/32",
    "fd20:ce::/64",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
)
_NOT_PUBLIC = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    # Of 2000::/3, the only part of IPv6 that is given out: protocols' own addresses with Teredo, examples, 6to4.
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
)
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
_TEREDO = ipaddress.IPv6Network("2001::/32")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
# Their last 32 bits are an IPv4 address: compatible, mapped, translated, NAT64 with the known and the local prefix.
_ENDS_IN_IPV4 = _networks("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
_LOOPBACK = ipaddress.IPv6Address("::1")


def is_public(address: str) -> bool:
    """Tell whether this is an address of the public internet that carries no other one inside."""
    ip = read_ip(address)
    if ip is None or not _is_safe(ip) or is_in(ip, _NOT_PUBLIC):
        return False
    return ip.version == 4 or (ip in _GIVEN_OUT and _carried(ip) is None)


def is_safe(address: str) -> bool:
    """Tell whether an owner may name this address: no cloud keeps its secrets there, nor at one carried inside."""
    ip = read_ip(address)
    return ip is not None and _is_safe(ip)


def _is_safe(ip: Ip) -> bool:
    inner = _carried(ip)
    return not is_in(ip, _NEVER) and (inner is None or not is_in(inner, _NEVER))


def _carried(ip: Ip) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address to which a translator or tunnel leads."""
    if ip.version == 4 or ip == _LOOPBACK:
        return None
    number = int(ip)
    if ip in _TEREDO:
        return ipaddress.IPv4Address((number & 0xFFFF_FFFF) ^ 0xFFFF_FFFF)
    if ip in _SIX_TO_FOUR:
        return ipaddress.IPv4Address((number >> 80) & 0xFFFF_FFFF)
    if is_in(ip, _ENDS_IN_IPV4) or (number >> 32) & 0xFFFF_FFFF in _ISATAP:
        return ipaddress.IPv4Address(number & 0xFFFF_FFFF)
    return None
