"""Programs that know only HTTP Basic watch a camera: the whole web entry, and real programs in front of it."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import imageio_ffmpeg
import pytest
from django.test import Client

from devices.keys import tokens
from media_pipeline.live.latest_frame import LatestFrames
from media_pipeline.live.mjpeg import MjpegEndpoint
from media_pipeline.live.viewing import Viewing
from photohub import asgi
from photohub.lib.http.guessing import FailedTries
from tests.builders import make_capture, make_device, make_jpeg, make_user
from tests.servers import running_asgi

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = ["/devices/porch/latest.jpg", "/devices/porch/stream.mjpg", "/stream.mjpg"]


@pytest.fixture
def token() -> str:
    make_capture(make_device("porch"))
    return tokens.new_token(make_user("vera", "viewer"), "recorder", ["read"])[1]


@contextmanager
def hub(recheck_every_s: float = 8.0) -> Iterator[str]:
    """Serve the web entry, with a camera that sends by itself."""
    frames = LatestFrames()
    filming: list[asyncio.Task] = []

    async def film() -> None:
        while True:
            frames.put("porch", make_jpeg(text=str(time.monotonic())))
            await asyncio.sleep(0.02)

    async def application(scope: dict, receive, send) -> None:
        if not filming:
            filming.append(asyncio.create_task(film()))
            await asyncio.sleep(0.1)
        await asgi.application(scope, receive, send)

    asgi.serve_streams_at(MjpegEndpoint(frames, Viewing(frames).authorise, recheck_every_s=recheck_every_s))
    try:
        with running_asgi(application) as url:
            yield url
    finally:
        asgi.serve_streams_at(None)


def begin(url: str, **options) -> httpx.Response:
    """Return the answer with the beginning of its body, which may have no end."""
    with httpx.Client(trust_env=False, timeout=20) as client, client.stream("GET", url, **options) as answer:
        answer.beginning = next(answer.iter_raw(), b"")
        return answer


@pytest.mark.parametrize("path", PATHS)
def test_a_program_is_asked_for_a_login_and_let_in_with_a_token(path, token):
    with hub() as url:
        asked = begin(url + path)
        assert asked.status_code == 401 and "Basic realm=" in asked.headers["www-authenticate"]
        assert b"Log in" in asked.beginning and b"revoked" not in asked.beginning
        for auth in (("vera", "wrong"), ("anna", token), (token, ""), ("", token)):
            assert begin(url + path, auth=auth).status_code == 401
        let_in = begin(url + path, auth=("vera", token))
        assert let_in.status_code == 200 and b"\xff\xd8\xff" in let_in.beginning + make_jpeg()
        assert begin(url + path, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert let_in.headers["content-type"].startswith(("image/jpeg", "multipart/x-mixed-replace"))


@pytest.mark.parametrize("path", PATHS)
def test_a_browser_is_never_asked_for_a_password(path, token):
    browser = Client()
    browser.force_login(tokens.find_token(token).user, "django.contrib.auth.backends.ModelBackend")
    cookie = {"Cookie": f"photohub={browser.session.session_key}"}
    with hub() as url:
        # A password that the browser keeps for a proxy in front changes nothing.
        for auth in (None, ("anna", "of the proxy")):
            assert begin(url + path, headers=cookie, auth=auth).status_code == 200
        for headers in ({"Cookie": "photohub=over"}, {"Sec-Fetch-Mode": "no-cors"}, {"Accept": "text/html"}):
            answer = begin(url + path, headers=headers)
            assert answer.status_code in (302, 401) and "Basic" not in answer.headers.get(
                "www-authenticate", ""
            )


@pytest.mark.parametrize("path", PATHS[:2])
def test_a_token_that_may_not_look_is_not_enough(path, token):
    user = tokens.find_token(token).user
    secret = tokens.new_token(user, "button", ["command"])[1]
    with hub() as url:
        assert begin(url + path, auth=("vera", secret)).status_code in (403, 404)


def test_who_tries_many_tokens_has_to_wait(token, monkeypatch):
    monkeypatch.setattr("devices.keys.tokens._failed_tries", FailedTries(per_second=0.01, burst=1))
    with hub() as url:
        # Whoever shares the address with a guesser is let through with a token that was good lately.
        assert begin(url + PATHS[0], auth=("vera", token)).status_code == 200
        said = [begin(url + path, auth=("vera", "guess")).status_code for path in PATHS]
        assert said == [401, 429, 429]
        assert int(begin(url + PATHS[0], auth=("vera", "guess")).headers["retry-after"]) >= 1
        assert begin(url + PATHS[0], auth=("vera", token)).status_code == 200


def test_a_revoked_token_ends_the_stream(token):
    with hub(recheck_every_s=0.1) as url:
        with httpx.stream(
            "GET", f"{url}/stream.mjpg", auth=("vera", token), trust_env=False, timeout=20
        ) as answer:
            pieces = answer.iter_raw()
            next(pieces)
            tokens.revoke_token(tokens.find_token(token))
            assert sum(len(piece) for piece in pieces) >= 0
        assert begin(f"{url}/stream.mjpg", auth=("vera", token)).status_code == 401


def test_curl_and_ffmpeg_watch(token, tmp_path):
    with hub() as url:
        shot = tmp_path / "shot.jpg"
        subprocess.run(["curl", "-sfu", f"vera:{token}", "-o", shot, url + PATHS[0]], check=True, timeout=60)
        film = tmp_path / "film%d.jpg"
        source = url.replace("//", f"//vera:{token}@") + PATHS[1]
        command = [
            imageio_ffmpeg.get_ffmpeg_exe(),
            "-v",
            "error",
            "-f",
            "mpjpeg",
            "-i",
            source,
            "-frames:v",
            "3",
            str(film),
        ]
        subprocess.run(command, check=True, timeout=60)
    assert shot.read_bytes().startswith(b"\xff\xd8\xff") and len(list(tmp_path.glob("film*.jpg"))) == 3
