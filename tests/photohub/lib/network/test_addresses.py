import ipaddress

from photohub.lib.network.addresses import best_address, local_addresses, local_hosts


def test_loopback_comes_last():
    found = local_addresses()
    assert "127.0.0.1" in found
    loopback = [ipaddress.ip_address(a).is_loopback for a in found]
    assert loopback == sorted(loopback)


def test_local_names_are_hosts_and_ipv6_has_brackets():
    hosts = local_hosts()
    assert {"localhost", "127.0.0.1", "[::1]"} <= set(hosts)
    assert all(h.startswith("[") for h in hosts if ":" in h)


def test_the_best_address_is_one_of_ours():
    assert best_address() in local_addresses()
