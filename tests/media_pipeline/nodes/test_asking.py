"""Asking another machine, which is here a server that answers as it likes."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import pytest

from media_pipeline.nodes import asking, signing
from media_pipeline.nodes.known import Known

ID = UUID("01a22e5f-15dc-7fb2-8998-01571b1872af")


@contextmanager
def answering(answer) -> Iterator[tuple[Known, list]]:
    """Serve with `answer(handler)` on 127.0.0.2; give the node and the requests that came."""
    asked: list = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, dict(self.headers)))
            answer(self)

        def log_message(self, *_words) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.2", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    asking.forget()
    try:
        yield node_at(f"http://127.0.0.2:{server.server_address[1]}"), asked
    finally:
        server.shutdown()
        server.server_close()
        asking.forget()


def node_at(address: str, silent_s: float = 0) -> Known:
    return Known(2, "b", address, "active", datetime.now(UTC), silent_s, 0)


def send(handler, status: int, body: bytes = b"", length: int | None = None, **headers: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def test_a_file_comes_whole_and_the_question_is_signed():
    with answering(lambda h: send(h, 200, b"x" * 600_000)) as (node, asked):
        assert asking.fetch(node, "original", ID, 600_000) == b"x" * 600_000
    [(path, headers)] = asked
    assert path == f"/nodes/2/original/{ID}" and signing.is_good(path, headers[signing.HEADER], time.time())


def test_what_is_not_there_is_told_from_a_machine_that_fails():
    with answering(lambda h: send(h, 404)) as (node, _asked):
        with pytest.raises(asking.NotThere):
            asking.fetch(node, "original", ID, 10)
        assert not asking.is_failing(node)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 405, 421, 500, 503])
def test_no_other_answer_is_followed_or_believed(status):
    with answering(lambda h: send(h, status, Location="http://127.0.0.1:1/")) as (node, asked):
        with pytest.raises(asking.NodeAway, match=str(status)):
            asking.fetch(node, "original", ID, 10)
    assert len(asked) == 1


def test_more_than_was_wanted_is_not_read():
    with (
        answering(lambda h: send(h, 200, b"", length=10**9)) as (node, _asked),
        pytest.raises(asking.NodeAway, match="1000000000 bytes"),
    ):
        asking.fetch(node, "original", ID, 10)


def test_a_file_that_breaks_off_is_no_file():
    with (
        answering(lambda h: send(h, 200, b"abc", length=10)) as (node, _asked),
        pytest.raises(asking.NodeAway, match="broke off"),
    ):
        asking.fetch(node, "original", ID, 10)


def test_one_that_says_nothing_is_not_waited_for_for_long(monkeypatch):
    monkeypatch.setattr(asking, "_SILENT_AT_MOST_S", 0.2)
    held = threading.Event()
    with answering(lambda h: held.wait(10)) as (node, _asked):
        with pytest.raises(asking.NodeAway):
            asking.fetch(node, "original", ID, 10)
        assert asking.is_failing(node)
        held.set()


def test_one_that_is_away_is_not_asked_by_each(monkeypatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.2", 0))
        node = node_at(f"http://127.0.0.2:{nobody.getsockname()[1]}")
        asking.forget()
        with pytest.raises(asking.NodeAway, match="does not answer"):
            asking.fetch(node, "original", ID, 10)
        with pytest.raises(asking.NodeAway, match="is silent"):
            asking.fetch(node, "original", ID, 10)
        assert asking.is_failing(node) and not asking.is_failing(node_at("http://127.0.0.3:1"))
        asking.forget()


def test_one_that_is_silent_is_not_asked_at_all():
    with answering(lambda h: send(h, 200, b"x")) as (node, asked):
        with pytest.raises(asking.NodeAway):
            asking.fetch(node_at(node.address, silent_s=3600), "original", ID, 10)
    assert asked == [] and asking.is_failing(node_at(node.address, silent_s=3600))


def test_so_many_ask_at_once_and_no_more(monkeypatch):
    monkeypatch.setattr(asking, "_PLACE_WITHIN_S", 0.05)
    monkeypatch.setattr(asking, "_for_pictures", threading.BoundedSemaphore(1))
    with answering(lambda h: send(h, 200, b"x")) as (node, asked), asking.ask(node, "original", ID):
        with pytest.raises(asking.NodeAway, match="too many"):
            asking.fetch(node, "preview", ID, 10)
        # Films have places of their own, and who found no place does not speak against the machine.
        assert asking.fetch(node, "film", ID, 10) == b"x" and not asking.is_failing(node)
    assert len(asked) == 2


def test_https_is_spoken_with_a_certificate_that_is_checked(monkeypatch):
    made = []
    monkeypatch.setattr(http.client, "HTTPSConnection", lambda *words, **more: made.append((words, more)))
    asking._connect(node_at("https://b.example.org"))
    [(words, more)] = made
    assert words[0] == "b.example.org" and more["context"].check_hostname
