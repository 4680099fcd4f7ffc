import asyncio
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from media_pipeline.live.latest_frame import LatestFrames
from media_pipeline.live.mjpeg import MjpegEndpoint, Verdict, serves
from media_pipeline.live.viewers import SLICE_BYTES
from photohub.lib.http.guard import DIRECT_BODY, GuardedHttp
from tests.builders import make_jpeg
from tests.media_pipeline.live.test_viewers import FakeBody
from tests.servers import running_asgi
from tests.waiting import until

ONE, TWO = make_jpeg(text="one"), make_jpeg(text="two")
PART = re.compile(rb"--FRAME\r\nContent-Type: image/jpeg\r\nContent-Length: (\d+)\r\n\r\n")


class Rights:
    """Who may look; `asked` is what the endpoint wanted to know."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[str | None] = []
        self.broken = False

    async def __call__(self, _scope: dict, code: str | None) -> Verdict:
        self.asked.append(code)
        if self.broken:
            raise ConnectionError("the database is away")
        return Verdict(self.status, code or "porch")


class Studio:
    """An endpoint in a real server, with a camera that sends by itself."""

    def __init__(self, rights: Rights, **settings: float) -> None:
        self.frames = LatestFrames()
        self.endpoint = MjpegEndpoint(self.frames, rights, **settings)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.picture = ONE
        self._filming: asyncio.Task | None = None
        self.url = ""

    async def __call__(self, scope: dict, receive, send) -> None:
        if self._filming is None:
            self.loop = asyncio.get_running_loop()
            self._filming = asyncio.create_task(self._film())
        await self.endpoint(scope, receive, send)

    async def _film(self) -> None:
        while True:
            self.frames.put("porch", self.picture)
            await asyncio.sleep(0.02)

    def connect(self, path: str = "/stream.mjpg", method: str = "GET") -> socket.socket:
        parts = urlsplit(self.url)
        connection = socket.create_connection((parts.hostname, parts.port), timeout=5)
        connection.sendall(f"{method} {path} HTTP/1.0\r\nHost: hub\r\n\r\n".encode())
        return connection


@contextmanager
def studio(rights: Rights | None = None, http=GuardedHttp, **settings: float) -> Iterator[Studio]:
    running = Studio(rights or Rights(), **settings)
    with running_asgi(running, http) as running.url:
        yield running


# PhotoHub's own connections, and those of a server that offers ASGI and no more.
on_both = pytest.mark.parametrize("http", [GuardedHttp, "httptools"])


def read_some(connection: socket.socket, enough: int) -> bytes:
    data = b""
    while len(data) < enough and (piece := connection.recv(65_536)):
        data += piece
    return data


def wait_for(condition, within_s: float = 5) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "This did not happen in time."
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("/stream.mjpg", True),
        ("/devices/porch/stream.mjpg", True),
        ("/devices/Porch/stream.mjpg", False),
        ("/devices/porch/", False),
        ("/x/stream.mjpg", False),
    ],
)
def test_which_paths_are_live_pictures(path, served):
    assert serves(path) is served


@on_both
def test_headers_and_parts_are_those_of_the_published_relay(http):
    with studio(http=http) as running, closing(running.connect()) as connection:
        head, _, body = read_some(connection, 3000).partition(b"\r\n\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        assert headers[b"age"] == b"0" and headers[b"cache-control"] == b"no-cache, private"
        assert headers[b"pragma"] == b"no-cache" and headers[b"x-accel-buffering"] == b"no"
        assert headers[b"content-type"] == b"multipart/x-mixed-replace; boundary=frame"
        part = PART.match(body)
        size = int(part[1])
        assert body[part.end() : part.end() + size] == ONE
        assert body[part.end() + size :].startswith(b"\r\n--FRAME\r\n")


@on_both
def test_a_browser_gets_the_same_in_chunks(http):
    with (
        studio(http=http) as running,
        httpx.stream("GET", running.url + "/stream.mjpg", trust_env=False) as answer,
    ):
        assert "content-length" not in answer.headers
        body = b""
        for piece in answer.iter_bytes():
            body += piece
            if len(PART.findall(body)) >= 3:
                break
        assert body.count(ONE) >= 2 and PART.match(body)


def test_the_path_names_the_camera_and_without_it_the_default_is_asked_for():
    rights = Rights()
    with studio(rights) as running:
        for path in ("/devices/porch/stream.mjpg", "/stream.mjpg"):
            with closing(running.connect(path)) as connection:
                assert b"200 OK" in read_some(connection, 100)
    assert rights.asked == ["porch", None]


def test_head_answers_with_the_headers_alone():
    with studio() as running:
        answer = httpx.head(running.url + "/stream.mjpg", trust_env=False)
    assert answer.status_code == 200 and answer.headers["age"] == "0" and answer.content == b""


@pytest.mark.parametrize("status", [401, 403, 404])
def test_who_may_not_look_is_told_so(status):
    with studio(Rights(status)) as running:
        answer = httpx.get(running.url + "/stream.mjpg", trust_env=False)
    assert answer.status_code == status and answer.text and answer.headers["cache-control"] == "no-store"


def test_other_methods_are_refused():
    with studio() as running:
        answer = httpx.post(running.url + "/stream.mjpg", trust_env=False)
    assert answer.status_code == 405 and answer.headers["allow"] == "GET, HEAD"


def test_rights_that_cannot_be_looked_up_let_nobody_in():
    rights = Rights()
    rights.broken = True
    with studio(rights) as running:
        assert httpx.get(running.url + "/stream.mjpg", trust_env=False).status_code == 503


@on_both
def test_the_stream_ends_after_the_right_does(http):
    rights = Rights()
    with studio(rights, http, recheck_every_s=0.05) as running, closing(running.connect()) as connection:
        read_some(connection, 1000)
        rights.broken = True
        wait_for(lambda: len(rights.asked) > 5)
        assert running.endpoint.viewers == 1
        rights.broken, rights.status = False, 403
        while connection.recv(65_536):
            pass
        wait_for(lambda: running.endpoint.viewers == 0)


@on_both
def test_a_viewer_that_leaves_is_forgotten_at_once(http):
    with studio(http=http) as running:
        with closing(running.connect()) as connection:
            read_some(connection, 1000)
            assert running.frames.viewers("porch") == 1
        wait_for(lambda: running.endpoint.viewers == running.frames.viewers("porch") == 0)


def padded(pieces: int) -> bytes:
    """Return a picture made large by comments."""
    return ONE[:2] + b"".join(b"\xff\xfe\xff\xff" + bytes(65_533) for _ in range(pieces)) + ONE[2:]


@on_both
def test_a_stopped_viewer_is_cut_off_and_others_go_on(http):
    with studio(http=http, stalled_after_s=0.5) as running, closing(running.connect()) as stopped:
        read_some(stopped, 1000)
        running.picture = padded(15)
        with closing(running.connect()) as other:
            read_some(other, 10_000_000)
            stopped_s = time.monotonic()
            while running.endpoint.viewers == 2:
                read_some(other, 1_000_000)
            assert time.monotonic() - stopped_s < 5
            read_some(other, 10_000_000)
        assert ended_by_the_hub(stopped)


def ended_by_the_hub(connection: socket.socket) -> bool:
    try:
        while connection.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    return True


class FakeServer:
    """An ASGI server that holds what a stopped viewer did not take: one message at a time."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.left = asyncio.Event()
        self.third = asyncio.Event()
        self.may_send = asyncio.Event()
        self.may_send.set()

    async def receive(self) -> dict:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict) -> None:
        self.messages.append(message)
        if len(self.messages) == 3:
            self.third.set()
        await self.may_send.wait()

    def start(self, endpoint: MjpegEndpoint, headers=(), body: FakeBody | None = None) -> asyncio.Task:
        scope = {"type": "http", "method": "GET", "path": "/stream.mjpg", "headers": list(headers)}
        scope["extensions"] = {DIRECT_BODY: body} if body else {}
        return asyncio.create_task(endpoint(scope, self.receive, self.send))


async def test_a_stopped_viewer_is_handed_little_and_then_the_newest():
    frames = LatestFrames()
    frames.put("porch", ONE)
    server, endpoint = FakeServer(), MjpegEndpoint(frames, Rights(), stalled_after_s=0.3)
    task = server.start(endpoint)
    await until(lambda: len(server.messages) == 3)
    server.may_send.clear()
    for _ in range(100):
        frames.put("porch", TWO)
        await asyncio.sleep(0)
    held = [message for message in server.messages[3:] if message.get("body")]
    assert len(held) <= 1 and sum(len(m["body"]) for m in held) < 2 * 2**20
    await asyncio.wait_for(task, 5)
    assert endpoint.viewers == frames.viewers("porch") == 0


async def test_a_lone_picture_is_sent_twice_because_browsers_wait_for_the_next():
    frames = LatestFrames()
    frames.put("porch", ONE)
    server = FakeServer()
    task = server.start(MjpegEndpoint(frames, Rights()))
    await until(lambda: len(server.messages) == 4)
    server.left.set()
    await asyncio.wait_for(task, 5)
    assert server.messages[2]["body"] == server.messages[3]["body"]


async def test_a_large_picture_goes_out_in_slices():
    frames = LatestFrames()
    large = padded(20)
    frames.put("porch", large)
    server, endpoint = FakeServer(), MjpegEndpoint(frames, Rights())
    task = server.start(endpoint)
    await until(lambda: server.messages and b"\xd9\r\n--FRAME" in server.messages[-1].get("body", b""))
    server.left.set()
    await asyncio.wait_for(task, 5)
    bodies = [message["body"] for message in server.messages if "body" in message]
    assert max(map(len, bodies)) <= SLICE_BYTES and large in b"".join(bodies)


async def test_a_thousand_direct_viewers_leave_nothing():
    frames, before = LatestFrames(), asyncio.all_tasks()
    frames.put("porch", ONE)
    endpoint = MjpegEndpoint(frames, Rights())
    for _ in range(1000):
        server, body = FakeServer(), FakeBody()
        task = server.start(endpoint, body=body)
        await body.begun.wait()
        server.left.set()
        await task
    assert asyncio.all_tasks() == before and endpoint.viewers == frames.viewers("porch") == 0
    assert body.on_free is None and ONE in body.taken()


async def test_a_thousand_viewers_that_come_and_go_leave_no_task():
    frames, before = LatestFrames(), asyncio.all_tasks()
    frames.put("porch", ONE)
    endpoint = MjpegEndpoint(frames, Rights())
    for _ in range(1000):
        server = FakeServer()
        task = server.start(endpoint)
        await server.third.wait()
        server.left.set()
        await task
    assert asyncio.all_tasks() == before and endpoint.viewers == frames.viewers("porch") == 0


async def test_viewers_with_the_same_papers_are_one_group_for_each_camera():
    endpoint = MjpegEndpoint(LatestFrames(), Rights())
    papers = [(b"cookie", b"ann"), (b"cookie", b"ann"), (b"cookie", b"ben"), (b"authorization", b"ann")]
    servers = [FakeServer() for _ in papers]
    tasks = [server.start(endpoint, [paper]) for server, paper in zip(servers, papers, strict=True)]
    await until(lambda: endpoint.viewers == 4)
    assert len({viewer.group for viewer in endpoint._gallery._viewers}) == 3
    for server in servers:
        server.left.set()
    await asyncio.gather(*tasks)


async def test_a_viewer_whose_server_stops_leaves_no_task():
    frames, before = LatestFrames(), asyncio.all_tasks()
    server = FakeServer()
    task = server.start(MjpegEndpoint(frames, Rights()))
    await until(lambda: len(server.messages) >= 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: asyncio.all_tasks() == before)
