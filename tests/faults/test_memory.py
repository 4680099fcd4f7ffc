"""The embedded hub stays small whatever comes at once; in the long form alone, since it takes a minute of both cores."""

import contextlib
import io
import re
import socket
import sqlite3
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from PIL import Image

from tests.builders import make_jpeg
from tests.faults.hub import wait_until
from tests.hub_process import HubProcess, running_hub

MB_AT_MOST = 350
OWNER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "a long enough word 7"}

pytestmark = pytest.mark.long


def peak_mb(hub: HubProcess) -> int:
    status = Path(f"/proc/{hub.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024


def make_large_png(number: int) -> bytes:
    """Return 40 million pixels of 16-bit grey, which take the most memory of all on the way to 8 bits."""
    out = io.BytesIO()
    Image.new("I;16", (8000, 5000), number * 1000).save(out, "PNG", compress_level=1)
    return out.getvalue()


def get(url: str, headers: dict[str, str]) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def log_in_wrongly(hub: HubProcess, number: int) -> int:
    """Post a wrong password as a browser does, with the page's own CSRF token."""
    with urllib.request.urlopen(f"{hub.url}/login", timeout=60) as page:
        text, cookie = page.read().decode(), page.headers["Set-Cookie"].partition(";")[0]
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)[1]
    data = f"csrfmiddlewaretoken={token}&username=guess{number}&password=wrong".encode()
    headers = {"Cookie": cookie, "Referer": hub.url}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{hub.url}/login", data, headers), timeout=60
        ) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def test_wrong_logins_and_previews_of_large_pictures_at_once_stay_below_the_limit():
    with running_hub(env=OWNER) as hub:
        camera = hub.add_device("porch")
        token = hub.run("api_token", "ada").strip().splitlines()[-1]
        for number in range(5):
            request = urllib.request.Request(f"{hub.url}/api/upload", make_large_png(number))
            request.add_header("X-Device-Key", camera["key"])
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 200
        ids = [UUID(row[0]) for row in hub.rows("SELECT id FROM media_pipeline_capture")]
        bearer = {"Authorization": f"Bearer {token}"}
        with ThreadPoolExecutor(21) as pool:
            logins = [pool.submit(log_in_wrongly, hub, number) for number in range(16)]
            looks = [pool.submit(get, f"{hub.url}/captures/{pk}/thumb", bearer) for pk in ids]
            assert {login.result() for login in logins} <= {200, 403, 422, 429, 503}
            assert {look.result() for look in looks} == {200}
        wait_until(lambda: hub.answers(), 10, "the hub answers")
        assert peak_mb(hub) < MB_AT_MOST


HALF_SENT = 300
# Behind a beginning like a JPEG's, bytes without any marker.
PICTURE = make_jpeg()[:-2]


def half_send(hub: HubProcess, key: str, form: str) -> socket.socket:
    """Begin an upload of 600 kB and send nearly all of it."""
    head, body = (
        f"POST /api/upload HTTP/1.1\r\nHost: h\r\nX-Device-Key: {key}\r\n",
        PICTURE.ljust(600_000, b"x"),
    )
    if form == "multipart":
        body = b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + body
        head += "Content-Type: multipart/form-data; boundary=x\r\n"
    is_chunked = form == "chunked"
    head += "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}"
    connection = socket.create_connection(("127.0.0.1", hub.http_port), 60)
    size = b"%x\r\n" % len(body) if is_chunked else b""
    connection.sendall(head.encode() + b"\r\n\r\n" + size + body[:-6000])
    return connection


@pytest.mark.parametrize("form", ["length", "chunked", "multipart"])
def test_hundreds_of_half_sent_pictures_stay_below_the_limit(form):
    with running_hub() as hub, contextlib.ExitStack() as open_ones:
        key = hub.add_device("porch")["key"]
        with ThreadPoolExecutor(30) as pool:
            sending = [pool.submit(half_send, hub, key, form) for _ in range(HALF_SENT)]
            for sent in sending:
                open_ones.callback(sent.result().close)
        wait_until(lambda: hub.answers(), 30, "the hub answers")
        assert peak_mb(hub) < MB_AT_MOST


def test_bodies_that_were_refused_because_the_database_is_locked_are_let_go():
    with running_hub() as hub, ThreadPoolExecutor(100) as pool:
        key = hub.add_device("porch")["key"]
        lock = sqlite3.connect(hub.data / "photohub.sqlite3", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        body = PICTURE.ljust(500_000, b"x") + b"\xff\xd9"

        def send(number: int) -> int:
            headers = {"X-Device-Key": key, "Name-Pic": str(number)}
            try:
                request = urllib.request.Request(f"{hub.url}/api/upload", body, headers)
                return urllib.request.urlopen(request, timeout=60).status
            except urllib.error.HTTPError as refused:
                return refused.code

        assert set(pool.map(send, range(600))) == {503}
        lock.execute("ROLLBACK")
        wait_until(lambda: hub.answers(), 30, "the hub answers")
        assert peak_mb(hub) < MB_AT_MOST
