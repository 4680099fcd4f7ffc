"""Whom a request comes from behind reverse proxies: worked out once, at the entry of the web process.

`behind_proxies(scope)` returns the scope as it would be without the proxies: `client` and `scheme` are those of the
client, and no X-Forwarded-* or Forwarded header is left for anybody to believe. PHOTOHUB_TRUSTED_PROXIES names the
proxies, by their number or by their networks. Each proxy puts the address that it saw at the end of X-Forwarded-For,
in the same header line or in a line of its own (HAProxy), so what counts is read from the right, and whatever stands
further left was written by a stranger. A value that is no address ends the search: then it is the socket's address.

That address may be the one of a proxy that nobody named, inside the network of a camera that needs no key. Such a request
is from nowhere for `network_address`, so that nobody outside gets in by it.
"""

from collections.abc import Sequence

from django.conf import settings

from photohub.lib.network.ip import Ip, Network, is_in, read_ip

from .scope import client_address

# Set where somebody passed the request on whom PHOTOHUB_TRUSTED_PROXIES does not name: the client is not known then.
_RELAYED = "photohub.relayed"
_FOR, _PROTO = b"x-forwarded-for", b"x-forwarded-proto"
_SCHEMES = {("http", "https"): "https", ("websocket", "https"): "wss", ("websocket", "wss"): "wss"}
_ENTRIES_AT_MOST = 64


def behind_proxies(scope: dict) -> dict:
    """Return the scope of an HTTP request or a WebSocket as its client sent it."""
    headers = scope["headers"]
    if not any(_speaks_for_others(name) for name, _value in headers):
        return scope
    kept = [(name, value) for name, value in headers if not _speaks_for_others(name)]
    found = _look_behind(scope)
    ip, depth = found if found is not None else (None, 0)
    scheme = {} if found is None else {"scheme": _scheme_of(scope, depth)}
    client = {} if ip is None else {"client": (str(ip), 0)}
    relayed = {_RELAYED: True} if ip is None and _names_a_client(headers) else {}
    return scope | {"headers": kept} | scheme | client | relayed


def network_address(scope: dict) -> str:
    """Return the address by which a device may be known to be inside a network; empty when it is a proxy's own."""
    return "" if scope.get(_RELAYED) else client_address(scope)


def _names_a_client(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name in (_FOR, b"forwarded") for name, _value in headers)


def _speaks_for_others(name: bytes) -> bool:
    return name.startswith(b"x-forwarded-") or name == b"forwarded"


def _look_behind(scope: dict) -> tuple[Ip | None, int] | None:
    """Return the client's address, None for the socket's, and behind how many proxies; None: nobody is believed."""
    said, trusted, hops = _words(scope, _FOR), settings.TRUSTED_PROXY_NETWORKS, settings.TRUSTED_PROXIES
    if trusted:
        peer = read_peer(str((scope.get("client") or ("",))[0]))
        return _beyond(trusted, said) if peer is not None and is_in(peer, trusted) else None
    if not hops:
        return None
    return read_peer(said[-hops]) if len(said) >= hops else None, hops


def _beyond(trusted: Sequence[Network], said: list[str]) -> tuple[Ip | None, int]:
    ip, depth = None, 0
    for word in reversed(said):
        depth += 1
        ip = read_peer(word)
        if ip is None or not is_in(ip, trusted):
            break
    return ip, max(depth, 1)


def _scheme_of(scope: dict, depth: int) -> str:
    """Return the scheme that the outermost proxy saw. A proxy that only passes the header on adds nothing to it."""
    said = _words(scope, _PROTO)
    word = said[-min(depth, len(said))].lower() if said else ""
    plain = "ws" if scope["type"] == "websocket" else "http"
    return _SCHEMES.get((scope["type"], word), plain)


def _words(scope: dict, wanted: bytes) -> list[str]:
    """Return what stands in all lines of this header, in order. Only the end of it can be of use."""
    lines = b",".join(value for name, value in scope["headers"] if name == wanted)
    return [word.strip() for word in lines.decode("latin-1").rsplit(",", _ENTRIES_AT_MOST) if word.strip()]


def read_peer(word: str) -> Ip | None:
    """Read an address as proxies write it: with or without a port, IPv6 with or without brackets."""
    if word.startswith("[") and "]" in word:
        word = word[1:].partition("]")[0]
    elif word.count(":") == 1:
        word = word.partition(":")[0]
    return read_ip(word.strip('"'))
