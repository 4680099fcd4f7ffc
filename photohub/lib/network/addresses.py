"""Names and addresses under which this machine can be reached."""

import ipaddress
import socket

import ifaddr


def local_addresses() -> list[str]:
    """Return the machine's own IP addresses, those of real networks first, loopback last."""
    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            text = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
            address = ipaddress.ip_address(text.split("%")[0])
            if not address.is_link_local:
                found.append(str(address))
    return sorted(set(found), key=_rank)


def _rank(text: str) -> tuple[int, str]:
    address = ipaddress.ip_address(text)
    return (2 if address.is_loopback else 1 if address.version == 6 else 0, text)


def local_hosts() -> list[str]:
    """Return every Host header value that surely means this machine."""
    names = ["localhost", "127.0.0.1", "[::1]"]
    hostname = socket.gethostname()
    if hostname:
        names += [hostname.lower(), f"{hostname.split('.')[0].lower()}.local"]
    names += [f"[{a}]" if ":" in a else a for a in local_addresses()]
    return list(dict.fromkeys(names))


def best_address() -> str:
    """Return the address that a device on the same network would use; loopback when there is no network."""
    for text in local_addresses():
        address = ipaddress.ip_address(text)
        if address.version == 4 and not address.is_loopback:
            return text
    return "127.0.0.1"
