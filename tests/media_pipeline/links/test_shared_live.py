"""The live view behind a shared link."""

import asyncio
import time
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.utils import timezone

from media_pipeline.links import shared_live, sharing
from media_pipeline.links.models import ShareLink
from media_pipeline.links.shared_proof import unlock
from media_pipeline.links.sharing import Wish
from media_pipeline.live.latest_frame import LatestFrames
from media_pipeline.live.mjpeg import MjpegEndpoint
from tests.builders import make_device, make_jpeg, make_user
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def make_live(password: str = "") -> ShareLink:
    return sharing.share(Wish(device=make_device("porch")), make_user("bob", "operator"), None, password)


def scope_of(code: str, cookie: str = "") -> dict:
    headers = [(b"cookie", cookie.encode())] if cookie else []
    return {
        "type": "http",
        "method": "GET",
        "path": f"/s/{code}/live.mjpg",
        "headers": headers,
        "client": ("192.0.2.7", 4000),
    }


def status_of(code: str, cookie: str = "") -> tuple[int, str]:
    verdict = shared_live._may_look(scope_of(code, cookie))
    return verdict.status, verdict.code


def test_who_has_the_link_may_look_while_it_lives():
    link = make_live()
    assert status_of(link.code) == (200, "porch")
    assert status_of("nosuchlink1")[0] == 404
    ShareLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert status_of(link.code)[0] == 404


def test_a_password_is_needed():
    link, response = make_live("heron"), HttpResponse()
    assert status_of(link.code)[0] == 403
    unlock(response, link, secure=False)
    cookie = SimpleCookie(response.cookies.output(header="")).output(attrs=[], header="").strip()
    assert status_of(link.code, cookie) == (200, "porch")
    assert status_of(link.code, cookie[:-1])[0] == 403


def test_only_its_own_path_is_served():
    assert shared_live.serves("/s/abcdefgh/live.mjpg")
    assert not any(map(shared_live.serves, ("/s/abcdefgh", "/devices/porch/stream.mjpg", "/s/A/live.mjpg")))


def test_ten_seconds_are_enough_to_send_somebody_away():
    # A quarter of the time between two questions passes at most until somebody is looked at, and he is asked once more.
    assert shared_live.RECHECK_EVERY_S * 1.25 < 10


async def test_an_open_view_ends_when_the_link_is_withdrawn():
    link, frames = await sync_to_async(make_live)(), LatestFrames()
    endpoint = MjpegEndpoint(
        frames, shared_live.authorise, paths=shared_live.PATHS, recheck_every_s=0.2, stalled_after_s=5
    )
    frames.put("porch", make_jpeg())
    shown, gone = asyncio.Event(), asyncio.Event()

    async def receive() -> dict:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        if b"JFIF" in message.get("body", b""):
            shown.set()

    viewing = asyncio.create_task(endpoint(scope_of(link.code), receive, send))
    async with asyncio.timeout(5):
        await shown.wait()
    assert endpoint.viewers == 1
    await sync_to_async(sharing.revoke_share)(link)
    began_s = time.monotonic()
    async with asyncio.timeout(5):
        await viewing
    assert time.monotonic() - began_s < 3 and endpoint.viewers == 0


async def test_more_viewers_than_a_link_may_have_are_told_to_come_later():
    link, frames = await sync_to_async(make_live)(), LatestFrames()
    endpoint = MjpegEndpoint(
        frames, shared_live.authorise, paths=shared_live.PATHS, recheck_every_s=5, of_one_path_at_most=1
    )
    gone, first, second = asyncio.Event(), [], []

    async def receive() -> dict:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def keep_first(message: dict) -> None:
        first.append(message)

    async def keep_second(message: dict) -> None:
        second.append(message)

    viewing = asyncio.create_task(endpoint(scope_of(link.code), receive, keep_first))
    await until(lambda: endpoint.viewers == 1)
    await endpoint(scope_of(link.code), receive, keep_second)
    assert second[0]["status"] == 503 and b"Too many people" in second[1]["body"]
    gone.set()
    await viewing
    await endpoint(scope_of(link.code) | {"method": "HEAD"}, receive, keep_first)
    assert first[-2]["status"] == 200
