"""Who is slow or has stopped, through nginx, costs the others nothing."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.raspberry_pi import RaspberryPi, RaspberryPiConfig
from tests.faults.ledger import Entry, Ledger, make_picture, note_answer
from tests.flows.story import until
from tests.flows.viewers import streaming, viewing
from tests.production.faults.test_outages import NOISE_S
from tests.production.ledgers import check, http_camera, send_some, under_load
from tests.production.stack import Stack

CROWD = 20
UPLOAD_TIMEOUT_S = 6


@pytest.fixture
def camera(stack: Stack, request: pytest.FixtureRequest) -> Ledger:
    return http_camera(stack, stack.unused(request.node.name.replace("_", "-")[5:35].strip("-")))


def connect(stack: Stack, said: bytes) -> socket.socket:
    connection = socket.socket()
    # As little as the system allows: what such a client does not read must not wait here.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", stack.ports["nginx"]))
    connection.sendall(said)
    return connection


@contextlib.contextmanager
def crowd(stack: Stack, said: bytes, count: int = CROWD) -> Iterator[list[socket.socket]]:
    """Open connections that say this and then neither say nor read anything more."""
    with contextlib.ExitStack() as held:
        yield [held.enter_context(connect(stack, said)) for _ in range(count)]


def memory_bytes(stack: Stack) -> int:
    """Return what the web servers hold in memory."""
    pids = [stack.processes[name].pid for name in ("web0", "web1")]
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE")


def ended_after_s(connection: socket.socket, drip: bytes, within_s: float) -> tuple[float, bytes]:
    """Send a byte now and then; return when the connection was ended, and what came back."""
    begun, got = time.monotonic(), b""
    connection.settimeout(0.2)
    while time.monotonic() - begun < within_s:
        with contextlib.suppress(TimeoutError):
            try:
                connection.sendall(drip)
                piece = connection.recv(65536)
            except ConnectionError:
                piece = b""
            if not piece:
                return time.monotonic() - begun, got
            got += piece
    raise AssertionError(f"The connection was still open after {within_s} s; it said {got!r}.")


class Large:
    """A view of large frames that cost nothing to make, each with other bytes; it remembers all that it gave."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def jpeg(self, t: float, frame: int) -> bytes:
        self.frames.append(make_picture(600_000))
        return self.frames[-1]


@pytest.mark.measures_time("answers are compared with those of an undisturbed moment")
async def test_viewers_that_have_stopped_cost_little_and_delay_nobody(
    stack: Stack, camera: Ledger, usual_s: float
) -> None:
    code = await asyncio.to_thread(stack.unused, "stopped-view")
    made = await asyncio.to_thread(stack.add_device, code, "raspberry-pi")
    view = Large()
    pi = RaspberryPi(RaspberryPiConfig(port=stack.ports["stream"], fps=20, **made), view)
    token = await asyncio.to_thread(lambda: stack.token)
    path = f"/devices/{code}/stream.mjpg"
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    async with streaming(pi), viewing(stack.url + path, token) as looker:
        await until(lambda: len(looker.frames) > 5, 20)
        before, shown = memory_bytes(stack), len(view.frames)
        with crowd(stack, head):
            spoiled_s = await asyncio.to_thread(send_some, camera)
            seen = len(looker.frames)
            await until(lambda: len(looker.frames) > seen + 10 and len(view.frames) > shown + 60, 30)
            # Each web server would keep a frame once for all who wait for it, and there are two of them.
            assert memory_bytes(stack) - before < sum(map(len, view.frames[shown:]))
    assert spoiled_s < usual_s * 1.5 + NOISE_S


@pytest.mark.measures_time("answers are compared with those of an undisturbed moment")
def test_headers_and_bodies_that_trickle_are_cut_in_time_and_delay_nobody(
    stack: Stack, camera: Ledger, usual_s: float
) -> None:
    body = camera.head(Entry("trickle", b"x" * 9000)) + b"\xff"
    header = b"POST /api/upload HTTP/1.1\r\nX-"
    with crowd(stack, body, 60) as bodies, crowd(stack, header, 200) as headers, under_load(camera):
        took_s, got = ended_after_s(bodies[0], b"x", 20)
        headers_took_s, _got = ended_after_s(headers[0], b"a", 20)
    entry = Entry("", b"")
    note_answer(entry, got)
    assert UPLOAD_TIMEOUT_S - 1 < took_s < UPLOAD_TIMEOUT_S + 6
    assert (entry.status, entry.answer.get("err")) == (408, "slow")
    # They trickled together, and the bodies' time was over first.
    assert 8 < took_s + headers_took_s < 14
    assert camera.p99_s() < usual_s * 2 + NOISE_S and not camera.count("no")
    check(stack, camera)


def test_a_stranger_is_refused_before_his_picture_is_taken_in(stack: Stack, camera: Ledger) -> None:
    stranger = Ledger(stack.url, "wrong")
    with crowd(stack, stranger.head(Entry("stranger", b""), length=10 * 2**20), 1) as [connection]:
        entry = Entry("", b"")
        note_answer(entry, connection.recv(65536))
    assert (entry.status, entry.answer.get("err")) == (401, "auth")


def test_a_chunked_body_without_end_is_cut_at_the_limit(stack: Stack, camera: Ledger) -> None:
    head = camera.head(Entry("endless", b"")).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    chunk = b"100000\r\n" + b"x" * 2**20 + b"\r\n"
    with crowd(stack, head, 1) as [connection]:
        with contextlib.suppress(ConnectionError):
            for _ in range(14):
                connection.sendall(chunk)
        assert b" 413 " in connection.recv(65536).split(b"\r\n")[0]
