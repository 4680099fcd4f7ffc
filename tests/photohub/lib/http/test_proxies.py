import ipaddress

import pytest

from photohub.lib.http.proxies import behind_proxies, network_address, read_peer

FOR, PROTO = "x-forwarded-for", "x-forwarded-proto"
NETWORKS = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "fd00::/8")]


def seen(*headers: tuple[str, str], client="10.0.0.9", kind="http") -> dict:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scheme = "ws" if kind == "websocket" else "http"
    return behind_proxies({"type": kind, "headers": raw, "client": (client, 1), "scheme": scheme})


@pytest.mark.parametrize(
    ("hops", "lines", "address"),
    [
        (0, ["1.2.3.4"], "10.0.0.9"),
        (1, [], "10.0.0.9"),
        (1, ["1.2.3.4"], "1.2.3.4"),
        (1, ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        # HAProxy adds a line of its own behind the stranger's.
        (1, ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        (1, ["6.6.6.6, 7.7.7.7", "1.2.3.4"], "1.2.3.4"),
        (2, ["6.6.6.6", "1.2.3.4", "10.0.0.2"], "1.2.3.4"),
        (2, ["1.2.3.4"], "10.0.0.9"),
        (1, ["1.2.3.4:5678"], "1.2.3.4"),
        (1, ["[2001:DB8::1]:5678"], "2001:db8::1"),
        (1, ["2001:db8::1"], "2001:db8::1"),
        (1, ["::ffff:1.2.3.4"], "1.2.3.4"),
        (1, ["1.2.3.4", "unknown"], "10.0.0.9"),
        (1, ["1.2.3.4", "é"], "10.0.0.9"),
        (1, ["1.2.3.4,"], "1.2.3.4"),
        (1, ["6.6.6.6," * 5000, "1.2.3.4"], "1.2.3.4"),
    ],
)
def test_counted_proxies_are_believed_from_the_right(settings, hops, lines, address):
    settings.TRUSTED_PROXIES = hops
    assert seen(*((FOR, line) for line in lines))["client"][0] == address


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        ("10.0.0.9", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        ("10.0.0.9", ["6.6.6.6, 1.2.3.4, 10.1.1.1", "10.2.2.2"], "1.2.3.4"),
        ("::ffff:10.0.0.9", ["1.2.3.4"], "1.2.3.4"),
        ("fd00::1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.9", ["10.3.3.3"], "10.3.3.3"),
        ("10.0.0.9", ["1.2.3.4", "_hidden, 10.1.1.1"], "10.0.0.9"),
        ("10.0.0.9", [], "10.0.0.9"),
        # Who comes past the proxy is a stranger.
        ("192.168.1.7", ["1.2.3.4"], "192.168.1.7"),
    ],
)
def test_proxies_of_known_networks_are_believed_and_nobody_else(settings, peer, lines, address):
    settings.TRUSTED_PROXIES, settings.TRUSTED_PROXY_NETWORKS = 0, NETWORKS
    assert seen(*((FOR, line) for line in lines), client=peer)["client"][0] == address


@pytest.mark.parametrize(
    ("hops", "kind", "headers", "scheme"),
    [
        (0, "http", [(PROTO, "https")], "http"),
        (1, "http", [(PROTO, "https")], "https"),
        (1, "http", [(FOR, "1.2.3.4"), (PROTO, "https"), (PROTO, "http")], "http"),
        (2, "http", [(FOR, "1.2.3.4, 10.1.1.1"), (PROTO, "https, http")], "https"),
        (2, "http", [(FOR, "1.2.3.4, 10.1.1.1"), (PROTO, "HTTPS")], "https"),
        (1, "http", [(FOR, "1.2.3.4")], "http"),
        (1, "websocket", [(PROTO, "https")], "wss"),
        (1, "http", [(PROTO, "javascript")], "http"),
    ],
)
def test_the_scheme_is_the_one_that_the_outermost_proxy_saw(settings, hops, kind, headers, scheme):
    settings.TRUSTED_PROXIES = hops
    assert seen(*headers, kind=kind)["scheme"] == scheme


@pytest.mark.parametrize("hops", [0, 1])
def test_nothing_is_left_for_others_to_believe(settings, hops):
    settings.TRUSTED_PROXIES = hops
    said = [(FOR, "1.2.3.4"), ("x-forwarded-host", "evil"), ("forwarded", "for=9.9.9.9"), ("host", "hub")]
    scope = seen(*said)
    assert scope["headers"] == [(b"host", b"hub")]
    assert seen(("forwarded", "for=9.9.9.9"))["client"][0] == "10.0.0.9"


@pytest.mark.parametrize(
    "word", ["", "unknown", "1.2.3", "1.2.3.4.5", "0x7f.1", "[::1", "a:b", "::1:5:99999"]
)
def test_what_is_no_address_is_none(word):
    assert read_peer(word) is None


@pytest.mark.parametrize(
    ("hops", "headers", "address"),
    [
        (0, [], "10.0.0.9"),
        (0, [(PROTO, "https")], "10.0.0.9"),
        (0, [(FOR, "1.2.3.4")], ""),
        (0, [("forwarded", "for=1.2.3.4")], ""),
        (1, [(FOR, "1.2.3.4")], "1.2.3.4"),
        (1, [(FOR, "unknown")], ""),
        (2, [(FOR, "1.2.3.4")], ""),
        (1, [], "10.0.0.9"),
    ],
)
def test_who_comes_through_a_proxy_that_nobody_named_is_in_no_network(settings, hops, headers, address):
    settings.TRUSTED_PROXIES = hops
    assert network_address(seen(*headers)) == address
