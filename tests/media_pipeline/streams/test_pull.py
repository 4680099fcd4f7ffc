import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from devices.protocol.frames.http_pictures import BadlySent
from media_pipeline.streams import pull
from media_pipeline.streams.pull import Pull, Puller, PullLimits
from media_pipeline.streams.tcp import LinkEvent, LinkState
from photohub.lib.network import get as http_get
from photohub.lib.network.errors import BadUrl, GetFailed
from photohub.lib.network.get import read_url
from tests.builders import make_jpeg
from tests.waiting import until

ONE, TWO = make_jpeg(text="one"), make_jpeg(text="two")


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


def multipart(*pictures: bytes) -> bytes:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=FRAME\r\n\r\n"
    part = b"--FRAME\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
    return head + b"".join(part % (len(p), p) for p in pictures)


class Camera:
    """A camera that is a server: it gives its answers one after another, the last one for ever."""

    def __init__(self, answers: list[bytes], hold: bool) -> None:
        self.answers, self.hold = answers, hold
        self.requests: list[bytes] = []
        self.pauses: list[float] = []
        self.frames: list[bytes] = []
        self.links: list[LinkEvent] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.requests)
        self.requests.append(b"")
        with suppress(asyncio.IncompleteReadError, TimeoutError, ConnectionError):
            async with asyncio.timeout(0.05):
                self.requests[number] = await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answers[min(number, len(self.answers) - 1)])
        if self.hold:
            await reader.read()
        writer.close()

    async def sleep(self, pause_s: float) -> None:
        self.pauses.append(pause_s)
        await asyncio.sleep(0.001)

    async def on_link(self, event: LinkEvent) -> None:
        self.links.append(event)


@asynccontextmanager
async def pulled(
    *answers: bytes, url: str = "http://127.0.0.1:{}/snapshot.jpg", hold: bool = False, **limits: float
) -> AsyncIterator[Camera]:
    camera = Camera(list(answers), hold)
    server = await asyncio.start_server(camera.serve, "127.0.0.1", 0)
    camera.port = server.sockets[0].getsockname()[1]
    puller = Puller(
        Pull("porch", url.format(camera.port), interval_s=7),
        lambda _code, jpeg, _host: camera.frames.append(jpeg),
        camera.on_link,
        limits=PullLimits(**limits),
        sleep=camera.sleep,
    )
    task = asyncio.create_task(puller.run())
    try:
        yield camera
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.close()


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"%x\r\n%s\r\n" % (100, ONE[:100])
    + b"%X;x=1\r\n%s\r\n0\r\n\r\n" % (len(ONE) - 100, ONE[100:])
)


@pytest.mark.parametrize("raw", [answer(ONE), CHUNKED, b"HTTP/1.0 200 OK\n\n" + ONE])
async def test_a_snapshot_is_fetched_again_and_again(raw):
    async with pulled(raw) as camera:
        await until(lambda: len(camera.frames) >= 2)
        assert set(camera.frames) == {ONE} and 2 < camera.pauses[0] <= 7
        assert camera.requests[0].startswith(b"GET /snapshot.jpg HTTP/1.1\r\nHost: 127.0.0.1:")


async def test_a_login_in_the_address_is_sent_when_it_is_asked_for_and_not_shown(caplog):
    url = "http://admin:s3cret@127.0.0.1:{}/x?y=1"
    refused = answer(b"no", 'WWW-Authenticate: Basic realm="cam"', status="401 Unauthorized")
    async with pulled(refused, url=url) as camera:
        await until(lambda: camera.links)
        assert len(camera.requests) >= 2 and b"Authorization" not in camera.requests[0]
        assert b"Authorization: Basic YWRtaW46czNjcmV0\r\n" in camera.requests[1]
        assert b"GET /x?y=1 HTTP" in camera.requests[0] and b"s3cret" not in camera.requests[0]
        assert "s3cret" not in caplog.text and "rejected this user name" in str(camera.links[0].sentence)
        assert camera.pauses[0] > 200


async def test_a_multipart_stream_is_read_picture_by_picture():
    async with pulled(multipart(ONE, TWO, ONE), hold=True) as camera:
        await until(lambda: camera.frames == [ONE, TWO, ONE])
        assert [link.state for link in camera.links] == [LinkState.CONNECTED]


@pytest.mark.parametrize(
    "raw",
    [
        b"\0\0\0\0" + struct.pack(">I", len(ONE)) + ONE,
        struct.pack("<I", len(ONE)) + ONE,
        b"%drnrn%s" % (len(ONE), ONE),
        ONE,
    ],
)
async def test_a_tcp_server_is_read_in_any_framing(raw):
    async with pulled(raw, url="tcp://127.0.0.1:{}") as camera:
        await until(lambda: len(camera.frames) >= 2)
        assert set(camera.frames) == {ONE} and 2 < camera.pauses[0] <= 7


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (answer(b"gone", status="404 Not Found"), "answered 404"),
        (answer(b"", status="302 Found"), "answered 302"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000,
            "answer is damaged",
        ),
        (answer(b"<html>"), "not a JPEG, PNG or WebP"),
        (answer(ONE + bytes(20_000)), "larger than 10000 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + ONE + bytes(20_000), "larger than 10000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + ONE[:-2], "before the answer was complete"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n" + ONE, "not a number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "answer is damaged"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000, "headers of the answer are too long"),
        (b"SSH-2.0-server\r\n\r\n", "does not answer in HTTP"),
        (b"", "before the answer was complete"),
        (multipart(ONE), "ended its stream"),
    ],
)
async def test_a_camera_that_fails_is_told_once_in_words(raw, sentence, caplog):
    async with pulled(raw, frame_bytes=10_000) as camera:
        await until(lambda: len(camera.pauses) >= 3)
        gone = [str(link.sentence) for link in camera.links if link.state is LinkState.GONE]
        assert sentence in gone[0] and (len(caplog.records) == 1 or camera.frames)


async def test_pauses_grow_and_shrink_again():
    async with pulled(*[answer(b"", status="500 Oops")] * 9, answer(ONE)) as camera:
        await until(lambda: camera.frames)
        for pause_s, expected_s in zip(camera.pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=False):
            assert expected_s * 0.7 < pause_s < expected_s * 1.3
        await until(lambda: len(camera.pauses) > 9)
        assert 2 < camera.pauses[9] <= 7


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/", "tcp://127.0.0.1:{}"])
async def test_a_camera_that_says_nothing_is_left(url):
    async with pulled(b"", url=url, hold=True, answer_within_s=0.1, idle_s=0.1) as camera:
        await until(lambda: len(camera.links) == 1)
        assert str(camera.links[0].sentence) == "No answer came in time."


async def test_a_source_that_drips_and_never_ends_a_picture_is_left():
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(multipart(ONE)[:-60])
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)

    told: list[str] = []

    async def on_trouble(_code: str, failure: GetFailed | None) -> None:
        told.append(failure.word if failure else "")

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        limits = PullLimits(frame_within_s=0.1)
        task = asyncio.create_task(
            Puller(Pull("porch", url), lambda *_: None, on_trouble=on_trouble, limits=limits).run()
        )
        await until(lambda: told == ["fetch_no_frame"])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_that_a_camera_has_no_trouble_is_told_after_each_failure_and_else_seldom(monkeypatch):
    monkeypatch.setattr(pull, "ALIVE_EVERY_S", 0.0)
    told: list[str] = []

    async def on_trouble(_code: str, failure: GetFailed | None) -> None:
        told.append(failure.word if failure else "")

    puller = Puller(Pull("porch", "http://camera/"), lambda *_: None, on_trouble=on_trouble)
    for failure in (None, None, GetFailed("fetch_slow"), None, None):
        await (puller._tell_trouble(failure) if failure else puller._tell(pull.LinkState.CONNECTED))
    assert told == ["", "fetch_slow", ""]


async def test_a_camera_that_gives_one_part_for_each_connection_is_asked_at_its_interval(caplog):
    async with pulled(multipart(ONE + bytes(8192))) as camera:
        await until(lambda: len(camera.pauses) >= 5)
        assert camera.pauses[1:4] == pytest.approx([7, 7, 7], abs=0.5) and len(caplog.records) <= 1
        assert set(camera.frames) == {ONE + bytes(8192)}


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + ONE + TWO + ONE,
        multipart(ONE, TWO, ONE).replace(b"multipart/x-mixed-replace; boundary=FRAME", b"image/jpeg"),
    ],
)
async def test_pictures_without_end_are_a_stream_whatever_their_type(raw):
    async with pulled(raw, hold=True) as camera:
        await until(lambda: camera.frames == [ONE, TWO, ONE])
        assert len(camera.requests) == 1


async def test_a_snapshot_whose_answer_never_ends_is_taken(monkeypatch):
    monkeypatch.setattr(pull, "SILENCE_S", 0.05)
    async with pulled(b"HTTP/1.1 200 OK\r\n\r\n" + ONE, hold=True) as camera:
        await until(lambda: len(camera.frames) >= 2)
        assert all(isinstance(frame, BadlySent) for frame in camera.frames) and camera.pauses[0] > 5


async def test_a_snapshot_that_is_all_there_is_taken_whatever_was_announced():
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + ONE
    async with pulled(raw) as camera:
        await until(lambda: camera.frames)
        assert camera.frames[0] == ONE


async def test_addresses_where_no_camera_lives_are_not_asked():
    links: list[LinkEvent] = []

    async def on_link(event: LinkEvent) -> None:
        links.append(event)

    for url in ("http://169.254.169.254/", "tcp://[fe80::1]:80", "http://0.0.0.0/"):
        puller = Puller(Pull("porch", url), lambda *_: None, on_link)
        task = asyncio.create_task(puller.run())
        await until(
            lambda: (
                links
                and "has an address that PhotoHub is not allowed to contact" in str(links.pop().sentence)
            )
        )
        task.cancel()


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/", "http://", "tcp://host", "http://x:0/", "http://a b/"]
)
def test_other_addresses_cannot_be_pulled(url):
    with pytest.raises(BadUrl):
        read_url(url, pull.SCHEMES)


@pytest.mark.parametrize("url", ["http://cam/snapshot.jpg", "https://u:p@cam:8443/x", "tcp://10.0.0.5:8080"])
def test_cameras_can_be_pulled(url):
    read_url(url, pull.SCHEMES)


async def test_what_was_asked_for_is_ascii():
    with pytest.raises(BadUrl, match="percent-encode"):
        async with http_get.get("http://127.0.0.1:1/é"):
            pass
