import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import requests

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


@contextmanager
def answering(head: bytes, body: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Answer one request, with the body again and again until the other side has had enough. Yields what was asked."""
    asked: list[bytes] = []

    def serve() -> None:
        connection, _address = server.accept()
        with connection, suppress(OSError):
            asked.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
            while True:
                connection.sendall(body)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", asked
        thread.join()


def test_an_answer_without_an_end_is_cut():
    with answering(b"Content-Length: 999999999", bytes(65536)) as (url, _asked), only_to(is_safe):
        with pytest.raises(requests.RequestException):
            requests.post(url, timeout=10)


def test_a_head_without_an_end_is_cut():
    with answering(b"A: b", b"C: d\r\n" * 1000) as (url, _asked), only_to(is_safe, within_s=-1):
        with pytest.raises(requests.RequestException, match="too long"):
            requests.post(url, timeout=10)


def test_a_packed_answer_is_not_asked_for_and_not_unpacked():
    packed = gzip.compress(bytes(2**20))
    head = f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}".encode()
    with answering(head, packed) as (url, asked), only_to(is_safe):
        assert requests.post(url, timeout=10).content == packed
    assert b"Accept-Encoding: identity" in asked[0]


def test_outside_of_it_answers_are_read_as_ever():
    packed = gzip.compress(bytes(2**20))
    head = f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}".encode()
    with only_to(is_safe):
        pass
    with answering(head, packed) as (url, _asked):
        assert requests.post(url, timeout=10).content == bytes(2**20)
