"""Bad networks and bad clients: they harm nobody else, and leave nothing behind."""

import asyncio
import itertools
import secrets
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.hub import CAPTURES, check, hub_with_camera, incoming, wait_until
from tests.faults.ledger import Entry, Ledger, make_picture, note_answer
from tests.faults.proxy import FaultProxy
from tests.hub_process import HubProcess, running_hub

SMALL, LARGE = 30_000, 900_000  # One stays in memory on its way, the other does not.


@pytest.fixture(scope="module")
def hub() -> Iterator[HubProcess]:
    """One hub for the tests that leave it as it was."""
    with running_hub(env={"PHOTOHUB_UPLOAD_TIMEOUT": "3"}) as hub:
        yield hub


@pytest.fixture(scope="module")
def key(hub: HubProcess) -> str:
    return hub.add_device("porch")["key"]


@pytest.fixture
def ledger(hub: HubProcess, key: str) -> Ledger:
    return Ledger(hub.url, key, prefix=secrets.token_hex(4))


def rows_of(hub: HubProcess, ledger: Ledger) -> list:
    """Return the pictures of this test."""
    names = {entry.name for entry in ledger.entries}
    return [row for row in hub.rows(CAPTURES) if row["name"] in names]


def connect(hub: HubProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", hub.http_port), timeout=20)


def say(hub: HubProcess, *pieces: bytes) -> bytes:
    """Send these bytes over one connection; return the answer up to its end."""
    with connect(hub) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def ended_after_s(connection: socket.socket, drip: bytes = b"", within_s: float = 30) -> float:
    """Send one byte now and then; return when the hub ended the connection."""
    begun, letters = time.monotonic(), itertools.cycle(drip)
    connection.settimeout(0.2)
    while time.monotonic() - begun < within_s:
        try:
            if drip:
                connection.sendall(bytes([next(letters)]))
            if not connection.recv(65536):
                return time.monotonic() - begun
        except TimeoutError:
            continue
        except OSError:
            return time.monotonic() - begun
    raise AssertionError(f"The connection was still open after {within_s} s.")


def test_a_body_cut_anywhere_leaves_nothing_and_comes_whole_the_next_time(hub, ledger):
    async def cut_everywhere(hub: HubProcess, ledger: Ledger) -> None:
        async with FaultProxy("127.0.0.1", hub.http_port) as proxy:
            for size, percent in itertools.product((SMALL, LARGE), range(0, 100, 5)):
                proxy.cut_by_reset = percent % 10 == 0
                entry = ledger.new_entry(size)
                proxy.cut_after_bytes = len(ledger.head(entry)) + size * percent // 100
                assert (await ledger.send(entry, proxy.port)).outcome == "unknown"

    asyncio.run(cut_everywhere(hub, ledger))
    wait_until(lambda: not incoming(hub), 5, "temporary files are gone")
    assert not rows_of(hub, ledger)
    assert check(hub, ledger) == []


def test_a_camera_that_is_gone_before_its_answer_finds_its_picture_stored():
    with hub_with_camera(env={"PHOTOHUB_FAIL": "ingest.synced:sleep:0.5"}) as (hub, ledger):
        entry = ledger.new_entry()
        with connect(hub) as connection:
            connection.sendall(ledger.head(entry) + entry.data)
            time.sleep(0.2)
        wait_until(lambda: hub.rows(CAPTURES), 5, "the picture is stored")
        assert check(hub, ledger) == []
        assert entry.answer["dup"] is True
        assert "Traceback" not in hub.log


def test_eight_replays_at_once_are_one_capture_with_one_id(hub, ledger):
    entry = ledger.new_entry()
    copies = [Entry(entry.name, entry.data) for _ in range(8)]
    ledger.send_now(entry, *copies)
    assert {copy.outcome for copy in copies} == {"ok"}
    assert {copy.answer["id"] for copy in copies} == {entry.answer["id"]}
    assert len(rows_of(hub, ledger)) == 1
    assert check(hub, ledger) == []


def test_the_same_name_with_other_bytes_is_a_second_capture():
    with hub_with_camera() as (hub, ledger):
        entries = [Entry("same", make_picture()) for _ in range(5)]
        ledger.send_now(*entries)
        assert len({entry.answer["id"] for entry in entries}) == 5
        assert {row["sha256"] for row in hub.rows(CAPTURES)} == {entry.sha256 for entry in entries}


@pytest.mark.measures_time("cameras are answered within 0.4 s, which needs a free processor")
def test_slow_bodies_and_headers_are_cut_in_time_and_delay_nobody(hub, ledger):
    bodies, headers, silent = ([connect(hub) for _ in range(count)] for count in (40, 150, 150))
    for connection in bodies:
        connection.sendall(ledger.head(Entry("slow", b"x" * 9000)) + b"\xff")
    for connection in headers:
        connection.sendall(b"POST /api/upload HTTP/1.1\r\nX-")
    second = after_a_first_request(hub)
    with ledger.load(senders=2, per_second=20), ThreadPoolExecutor(3) as pool:
        body_s = pool.submit(ended_after_s, bodies[0], b"x")
        first_s = pool.submit(ended_after_s, headers[0], b"a")
        second_s = pool.submit(ended_after_s, second, b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 500)
        assert 2 < body_s.result() < 8 and 8 < first_s.result() < 13 and 8 < second_s.result() < 13
    assert ended_after_s(silent[0]) < 1 and ledger.p99_s() < 0.4
    answers = [note(connection) for connection in bodies[1:]]
    assert {(entry.status, entry.answer.get("err")) for entry in answers} == {(408, "slow")}
    close(*bodies, *headers, *silent, second)
    assert check(hub, ledger) == []


def after_a_first_request(hub: HubProcess) -> socket.socket:
    """Return a connection over which one request was answered: the next has no more time for its headers."""
    connection = connect(hub)
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    return connection


def close(*connections: socket.socket) -> None:
    for connection in connections:
        connection.close()


def note(connection: socket.socket) -> Entry:
    entry = Entry("", b"")
    with connection:
        note_answer(entry, connection.recv(65536))
    return entry


def test_of_too_many_waiting_connections_the_oldest_go():
    with hub_with_camera(wrap=["prlimit", "--nofile=1024:1024"]) as (hub, ledger):
        crowd = [connect(hub) for _ in range(600)]
        assert ended_after_s(crowd[0]) < 3
        assert ledger.send_now(ledger.new_entry())[0].outcome == "ok"
        close(*crowd)


def test_a_crowd_that_comes_at_once_drives_no_camera_away(hub, ledger):
    crowd = []
    with connect(hub) as camera:
        # Often enough that the connection is not closed for idleness.
        for _ in range(12):
            camera.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b'{"ok": true}'):
                answer += (piece := camera.recv(65536))
                assert piece, "the hub closed the camera's connection"
            crowd += [connect(hub) for _ in range(50)]
    close(*crowd)


def test_headers_without_end_are_refused(hub):
    start = b"POST /api/upload HTTP/1.1\r\nHost: localhost\r\nX-Long: "
    assert say(hub, start, b"a" * 70_000).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("path", [b"/api/upload", b"/accounts/login/", b"/api/v1/captures"])
def test_a_length_of_ten_gigabytes_is_refused_before_the_body(hub, ledger, path):
    head = ledger.head(Entry("huge", b""), length=10**10).replace(b"/api/upload", path, 1)
    assert say(hub, head).startswith(b"HTTP/1.1 413")


def test_a_chunked_body_without_end_is_refused_at_the_limit():
    with hub_with_camera(env={"PHOTOHUB_MAX_UPLOAD": "1MB"}) as (hub, ledger):
        head = ledger.head(Entry("endless", b"")).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        chunk = b"186a0\r\n" + b"x" * 100_000 + b"\r\n"
        with connect(hub) as connection:
            connection.sendall(head)
            for _ in range(10):
                connection.sendall(chunk)
            connection.sendall(chunk)
            assert connection.recv(65536).startswith(b"HTTP/1.1 413")
        wait_until(lambda: not incoming(hub), 5, "the temporary file is gone")
