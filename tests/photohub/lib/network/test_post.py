import socket
import threading

import pytest

from photohub.lib.network.address_rules import is_public, is_safe
from photohub.lib.network.errors import AddressRefused, BadAnswer
from photohub.lib.network.post import post
from tests.media_pipeline.alerts.receivers import http_receiver


def test_a_body_arrives_whole_and_the_answer_comes_back():
    with http_receiver() as receiver:
        receiver.statuses, receiver.text = [418], "a teapot"
        answer = post(receiver.url + "?a=b", b"\x00body", {"X-One": "1"}, is_safe)
    [call] = receiver.calls
    assert (call.path, call.body, call.headers["x-one"]) == ("/hook?a=b", b"\x00body", "1")
    assert (answer.status, answer.text, answer.is_fine) == (418, "a teapot", False)


def test_of_a_long_answer_only_the_beginning_is_read():
    with http_receiver() as receiver:
        receiver.text = "x" * 100_000
        assert len(post(receiver.url, b"", {}, is_safe).text) == 16_384


def test_an_address_that_may_not_be_asked_is_not():
    with pytest.raises(AddressRefused):
        post("http://127.0.0.1:9/", b"", {}, is_public)


@pytest.mark.parametrize(("said", "error"), [(b"hello\r\n\r\n", BadAnswer), (b"", TimeoutError)])
def test_a_server_that_speaks_otherwise_or_not_at_all_holds_nobody(said, error):
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def answer() -> None:
            connection, _address = server.accept()
            held.append(connection)
            connection.sendall(said)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(error):
            post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"", {}, is_safe, within_s=0.5)
        thread.join(5)
        held[0].close()
