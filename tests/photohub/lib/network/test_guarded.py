import socket
import threading

import pytest

from photohub.lib.network.address_rules import is_public, is_safe
from photohub.lib.network.guarded import AddressNotAllowed, only_to


def test_a_connection_goes_only_where_it_may():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with only_to(is_safe) as refused:
            socket.create_connection(server.getsockname()).close()
        assert refused == []
        with only_to(is_public) as refused, pytest.raises(AddressNotAllowed):
            socket.create_connection(server.getsockname())
        assert refused == ["127.0.0.1"]


def test_a_name_that_also_leads_into_the_house_is_refused(monkeypatch):
    entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("8.8.8.8", "192.168.1.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_more: entries)
    with only_to(is_public), pytest.raises(AddressNotAllowed):
        socket.getaddrinfo("rebinding.example.org", 80)


def test_other_threads_and_what_comes_after_are_free():
    found = []
    with only_to(lambda _address: False):
        thread = threading.Thread(target=lambda: found.append(socket.getaddrinfo("127.0.0.1", 80)))
        thread.start()
        thread.join()
    assert found and socket.getaddrinfo("127.0.0.1", 80)
