import asyncio
import socket
import threading
import time
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from devices.firmware.endpoints.call import Gone, Refused
from devices.firmware.endpoints.transfer import sending
from devices.firmware.endpoints.transfer.sending import Places, send_image
from photohub.lib.http.answer import begin
from photohub.lib.messaging import load
from tests.devices.firmware.endpoints.offered import wait_for
from tests.servers import running_asgi

LARGE = bytes(range(256)) * 64 * 1024


class Sender:
    """An application that sends one image to whoever asks, and remembers how that went."""

    def __init__(self, image: bytes) -> None:
        self.image, self.noted, self.ends = image, [], []

    async def __call__(self, scope, receive, send) -> None:
        async def note(sent_bytes: int) -> None:
            self.noted.append(sent_bytes)

        await begin(send, 200, {"Content-Length": str(len(self.image))})
        try:
            await send_image(send, receive, memoryview(self.image), note)
            self.ends.append("whole")
        except Gone:
            self.ends.append("gone")


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    connection.connect((parts.hostname, parts.port))
    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
    return connection


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(2**20), b""))


def test_every_byte_arrives():
    sender = Sender(LARGE)
    with running_asgi(sender) as url, closing(connect(url)) as connection:
        assert read_all(connection).partition(b"\r\n\r\n")[2] == LARGE
        wait_for(lambda: sender.ends == ["whole"])


async def test_who_takes_all_at_once_gets_larger_pieces_and_who_does_not_small_ones():
    pieces: list[int] = []
    pauses = iter([0, 0, 0, 0, 0.1, 0])

    async def send(message: dict) -> None:
        pieces.append(len(message["body"]))
        await asyncio.sleep(next(pauses, 0))

    async def receive() -> dict:
        await asyncio.Event().wait()

    body = memoryview(bytes(16 * sending.PIECE_BYTES))
    await send_image(send, receive, body, None)
    await asyncio.wait_for(send_image(lambda message: asyncio.sleep(0), receive, body[:0], None), 1)
    in_smallest = [size // sending.PIECE_BYTES for size in pieces]
    assert in_smallest == [1, 2, 4, 4, 4, 1, 0, 0] and sum(pieces) == len(body)


def test_a_device_that_takes_nothing_is_cut_off(monkeypatch):
    monkeypatch.setattr(sending, "PIECE_WITHIN_S", 0.3)
    sender = Sender(LARGE)
    with running_asgi(sender) as url, closing(connect(url)) as connection:
        wait_for(lambda: sender.ends == ["gone"])
        assert len(read_all(connection)) < len(LARGE)


def test_a_device_that_takes_a_little_now_and_then_is_cut_off_too(monkeypatch):
    monkeypatch.setattr(sending, "WHOLE_WITHIN_S", 0.5)
    sender = Sender(LARGE)
    with running_asgi(sender) as url, closing(connect(url)) as connection:
        begun_s = time.monotonic()
        while not sender.ends and time.monotonic() - begun_s < 60:
            connection.settimeout(0.05)
            # Nobody sets it: taken without a pause, all of it might have been taken in time.
            threading.Event().wait(0.01)
            try:
                connection.recv(100)
            except (TimeoutError, ConnectionResetError):
                continue
    assert sender.ends == ["gone"]


def test_a_device_that_leaves_is_noticed_in_the_middle():
    sender = Sender(LARGE)
    with running_asgi(sender) as url:
        connect(url).close()
        wait_for(lambda: sender.ends == ["gone"])


def test_what_is_on_its_way_is_noted_as_time_goes_on(monkeypatch):
    monkeypatch.setattr(sending, "NOTE_EVERY_S", 0.0)
    sender = Sender(LARGE)
    with running_asgi(sender) as url, closing(connect(url)) as connection:
        read_all(connection)
        wait_for(lambda: sender.ends == ["whole"])
    assert sender.noted == sorted(sender.noted) and len(sender.noted) > 10


async def test_cameras_are_given_way_to_but_not_for_ever(monkeypatch):
    monkeypatch.setattr(load, "is_high", lambda: True)
    begun_s = time.monotonic()
    await asyncio.wait_for(sending._give_way(), 5)
    assert time.monotonic() - begun_s >= sending.GIVE_WAY_S * 0.9
    monkeypatch.setattr(load, "is_high", lambda: False)
    await asyncio.wait_for(sending._give_way(), 0.1)


def test_a_place_is_free_again_however_a_download_ends():
    places = Places()
    with pytest.raises(Gone), places.one(1):
        with pytest.raises(Refused, match="busy"), places.one(1):
            raise AssertionError
        raise Gone
    assert places.taken == 0
