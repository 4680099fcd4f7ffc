import socket

import pytest

from photohub.lib.network.ports import PortTaken, free_port, listen


@pytest.fixture
def taken():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_taken_default_port_is_left_for_the_next_free_one(taken):
    with listen("127.0.0.1", taken, may_move=True, setting="PHOTOHUB_HTTP") as listener:
        assert listener.getsockname()[1] > taken


def test_a_taken_port_that_was_asked_for_is_said_in_one_sentence(taken):
    with pytest.raises(PortTaken, match=f"PHOTOHUB_HTTP: port {taken} is taken"):
        listen("127.0.0.1", taken, may_move=False, setting="PHOTOHUB_HTTP")


def test_a_foreign_address_is_said(taken):
    with pytest.raises(PortTaken, match=r"has no address 203\.0\.113\.9"):
        listen("203.0.113.9", taken, may_move=False, setting="PHOTOHUB_HTTP")


def test_a_free_port_is_free_for_its_user(taken):
    port = free_port("127.0.0.1", taken, may_move=True, setting="PHOTOHUB_MQTT")
    with socket.socket() as user:
        user.bind(("127.0.0.1", port))
