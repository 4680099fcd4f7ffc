"""Addresses that try keys, tokens, names and links which do not exist: refused before anything is looked up for them.

A look-up costs the database; a refusal costs a look into a table in memory. Whoever shares an address with a guesser, as
behind a router, is let through with a key that was good lately.
"""

import hashlib
import ipaddress
import threading
import time
from collections import OrderedDict

from photohub.lib.network.ip import read_ip

from .rates import Buckets

GOOD_FOR_S = 3600.0
REMEMBERED_AT_MOST = 20_000
_SITE_BITS = 64


def source_of(address: str) -> str:
    """Return what counts as one source: an IPv4 address, or an IPv6 site, whose 2^64 addresses are one subscriber's."""
    found = read_ip(address)
    if found is None or found.version == 4:
        return str(found or address)
    return str(ipaddress.ip_network((found, _SITE_BITS), strict=False))


class FailedTries:
    """So many tries that fail for each source, for one endpoint. Safe from any thread."""

    def __init__(self, per_second: float = 10, burst: float = 50) -> None:
        self._failures = Buckets(per_second, burst)
        self._good: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, address: str, secret: str = "") -> int:
        """Return 0 when this try may be looked up, else after how many seconds to come again. Ask before the look-up."""
        with self._lock:
            wait_s = self._failures.wait_s(source_of(address), time.monotonic())
            return wait_s if wait_s and not (secret and self._was_good(secret)) else 0

    def missed(self, address: str) -> int:
        """Note that nothing was found. Returns how long to wait when that was one try too many."""
        with self._lock:
            return self._failures.take(source_of(address), time.monotonic())

    def found(self, secret: str) -> None:
        """Remember that this key, token or link exists."""
        with self._lock:
            name = _name_of(secret)
            self._good.pop(name, None)
            self._good[name] = time.monotonic() + GOOD_FOR_S
            while len(self._good) > REMEMBERED_AT_MOST:
                self._good.popitem(last=False)

    def _was_good(self, secret: str) -> bool:
        return time.monotonic() < self._good.get(_name_of(secret), 0.0)


def _name_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()[:16]
