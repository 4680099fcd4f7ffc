import asyncio
import contextlib
import json
import socket
import threading
from urllib.parse import urlsplit

import pytest

from photohub.lib.http import guard as http_guard
from photohub.lib.http.answer import answer, whole_answer
from photohub.lib.http.guard import DIRECT_BODY, GuardedHttp
from tests.servers import running_asgi

PIECE = bytes(32_768)


class Flood:
    """Writes as long as the connection is free; `written` counts the bytes, `freed` how often more was wanted."""

    def __init__(self) -> None:
        self.written = self.freed = 0
        self.has_begun, self.has_ended = threading.Event(), threading.Event()

    async def __call__(self, scope: dict, receive, send) -> None:
        headers = [(b"content-length", b"1000000000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self.body = scope["extensions"][DIRECT_BODY]
        self.body.begin_direct(self.pour)
        self.has_begun.set()
        self.pour()
        while (await receive())["type"] != "http.disconnect":
            pass
        self.has_ended.set()

    def pour(self) -> None:
        self.freed += 1
        while self.body.is_free and self.written < 100_000_000:
            self.body.write_direct(PIECE)
            self.written += len(PIECE)


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    connection.connect((parts.hostname, parts.port))
    connection.settimeout(5)
    connection.sendall(b"GET / HTTP/1.0\r\nHost: hub\r\n\r\n")
    return connection


def test_a_slow_client_has_little_before_it_that_is_old():
    flood, got, backlog_bytes = Flood(), 0, []
    with running_asgi(flood, GuardedHttp) as url, connect(url) as client:
        while got < 20_000_000:
            got += len(client.recv(65_536))
            backlog_bytes.append(flood.written - got)
    assert flood.freed > 2 and max(backlog_bytes) < 1_000_000


def test_a_client_can_be_cut_off():
    flood = Flood()
    with running_asgi(flood, GuardedHttp) as url, connect(url) as client:
        assert flood.has_begun.wait(5)
        flood.body.loop.call_soon_threadsafe(flood.body.cut_off)
        with contextlib.suppress(ConnectionResetError):
            while client.recv(65_536):
                pass
    assert flood.has_ended.wait(5) and not flood.body.is_free


@pytest.mark.parametrize(("open_files", "waiting"), [(256, 200), (1024, 409), (65_536, 2000)])
def test_as_many_wait_as_there_is_room_for(open_files, waiting, monkeypatch):
    monkeypatch.setattr(http_guard, "_waiting_at_most", 400)
    assert http_guard.make_room(open_files) == waiting


def ask(url: str, requests: bytes) -> bytes:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as client:
        client.sendall(requests)
        return b"".join(iter(lambda: client.recv(65_536), b""))


async def say_served(scope: dict, receive, send) -> None:
    await answer(send, 200, b"served")


def test_a_crowd_is_turned_away_before_the_application_is_asked(monkeypatch):
    refusal = whole_answer(503, b"later", {"Connection": "close"})
    crowd = b"GET /crowd HTTP/1.1\r\nConnection: close\r\n\r\n"
    monkeypatch.setattr(http_guard, "_turn_away", None)
    http_guard.turn_away_with(lambda data: refusal if data.startswith(b"GET /crowd ") else None)
    with running_asgi(say_served, GuardedHttp) as url:
        assert ask(url, crowd) == refusal
        # Only the first request of a connection is looked at: later ones may come in the middle of an answer.
        assert ask(url, b"GET /other HTTP/1.1\r\n\r\n" + crowd).count(b"served") == 2


async def tell_what_came(scope: dict, receive, send) -> None:
    body, kinds = b"", []
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        kinds.append(message["more_body"])
        if not message["more_body"]:
            break
    await answer(send, 200, body + (b"|whole" if message["type"] == "http.request" else b"|broken off"))


def ask_and_close_one_side(url: str, request: bytes) -> bytes:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65_536), b""))


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"abc|whole"),
        (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", b"abc|broken off"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"abc|broken off"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n", b"abc|broken off"),
    ],
)
def test_who_says_no_more_is_answered_with_what_came(request_, says):
    with running_asgi(tell_what_came, GuardedHttp) as url:
        got = ask_and_close_one_side(url, request_)
    assert got.endswith(b"\r\n\r\n" + says)
    assert says == b"abc|whole" or b"\r\nConnection: close\r\n" in got


async def work_until_the_client_is_gone(scope: dict, receive, send) -> None:
    """Answer as Django does: it drops its work when it hears of the end of the client."""
    await receive()
    gone = asyncio.create_task(receive())
    await asyncio.wait([gone], timeout=0.2)
    if not gone.done():
        await answer(send, 200, b"done")
        assert (await gone)["type"] == "http.disconnect"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ],
)
def test_a_whole_request_is_worked_on_after_its_client_closed_its_side(request_):
    with running_asgi(work_until_the_client_is_gone, GuardedHttp) as url:
        assert b" 200 " in ask_and_close_one_side(url, request_)


def test_work_that_takes_too_long_for_a_client_that_closed_its_side_is_dropped(monkeypatch):
    monkeypatch.setattr(http_guard, "ANSWER_WITHIN_S", 0.05)
    with running_asgi(work_until_the_client_is_gone, GuardedHttp) as url:
        assert ask_and_close_one_side(url, b"GET / HTTP/1.0\r\n\r\n") == b""


async def spell_badly(scope: dict, receive, send) -> None:
    names = (b"content-length", b"content-type", b"retry-after", b"etag", b"x-md5", b"www-authenticate")
    headers = [(name, b"0") for name in names]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def test_header_names_of_every_answer_are_spelled_as_people_write_them():
    with running_asgi(spell_badly, GuardedHttp) as url:
        head = ask(url, b"GET / HTTP/1.0\r\n\r\n").decode()
    names = {line.partition(":")[0] for line in head.splitlines()[1:] if line}
    assert {"Content-Length", "Content-Type", "Retry-After", "ETag", "X-MD5", "WWW-Authenticate"} < names
    assert "Connection" in names and not any(name.islower() for name in names)


@pytest.mark.parametrize(
    "head",
    [
        b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: many\r\n",
        b"a header without an end of its name\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_json(head):
    with running_asgi(say_served, GuardedHttp) as url:
        got = ask(url, b"POST /api/upload HTTP/1.1\r\nHost: h\r\n" + head + b"\r\n")
    answered, _, body = got.partition(b"\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 400 ") and b"\r\nContent-Type: application/json" in answered
    assert json.loads(body)["err"] == "bad_request" and len(body) <= 512


def test_a_damaged_body_that_nobody_answers_is_refused():
    async def ignore(scope: dict, receive, send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    with running_asgi(ignore, GuardedHttp) as url:
        got = ask(url, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")
    assert got.startswith(b"HTTP/1.1 400 ") and b'"err":"bad_request"' in got


class Taker:
    """Answers in one piece with what it took in one piece; `taken` collects it, None where there was nothing whole."""

    def __init__(self, named: dict[str, str] | None = None) -> None:
        self.taken: list[bytes | None] = []
        self.named = named or {}

    async def __call__(self, scope: dict, receive, send) -> None:
        whole = receive.__self__.take_whole()
        self.taken.append(None if whole is None else bytes(whole))
        assert receive.__self__.take_whole() is None
        await answer(send, 200, b"ok", self.named)


def post(body: bytes, *lines: str) -> bytes:
    head = ["POST / HTTP/1.1", "Host: hub", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


def test_a_body_that_came_with_its_head_is_taken_whole_and_the_connection_stays():
    taker = Taker()
    with running_asgi(taker, GuardedHttp) as url:
        told = ask(url, post(b"abc") + post(b"de", "Connection: close"))
    assert taker.taken == [b"abc", b"de"]
    assert told.count(b"HTTP/1.1 200 OK\r\n") == 2 and told.count(b"\r\n\r\nok") == 2
    assert told.count(b"\r\nConnection: close\r\n") == 1 and told.count(b"\r\nDate: ") == 2


def test_a_body_that_is_still_on_its_way_is_not_taken():
    taker = Taker()
    with running_asgi(taker, GuardedHttp) as url:
        ask(url, post(b"abc", "Expect: 100-continue", "Connection: close"))
        ask(url, b"POST / HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc")
    assert taker.taken == [None, None]


def test_a_line_feed_in_a_value_forges_no_header():
    taker = Taker({"X-Said": "a\r\nSet-Cookie: b=c"})
    with running_asgi(taker, GuardedHttp) as url:
        told = ask(url, post(b"abc", "Connection: close"))
    assert b"Set-Cookie" not in told and b"ok" not in told
