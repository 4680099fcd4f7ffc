"""What nginx fetches and tells, as nginx says it."""

import asyncio
import re

import httpx
import pytest

from devices.firmware.endpoints.transfer import nginx, nginx_endpoint
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.models import TargetState
from devices.protocol.firmware.tickets import Ticket
from tests.devices.firmware.endpoints.offered import offer
from tests.devices.firmware.endpoints.transfer.test_nginx import BIG, ask

pytestmark = pytest.mark.django_db(transaction=True)

TICKET = Ticket(7, "ab" * 32, 1000, 5000, 0)


@pytest.fixture(autouse=True)
def _allowed(settings, monkeypatch):
    settings.NGINX_SENDS_FIRMWARE = True
    monkeypatch.setattr(nginx, "_not_taken", {})


def report(endpoint: httpx.Client, path: str, **more: object) -> httpx.Response:
    image, _, ticket = path.removeprefix("/ota/image/").partition("?")
    return endpoint.post("/ota/sent", params={"image": image, "ticket": ticket} | more)


def test_the_image_comes_with_what_belongs_to_its_bytes(endpoint):
    path = ask(endpoint, offer(data=BIG, door="http")).headers["x-accel-redirect"]
    answer = endpoint.get(path)
    assert (answer.status_code, answer.content) == (200, BIG)
    assert {"etag", "repr-digest", "x-md5", "accept-ranges"} <= set(answer.headers)
    assert "x-signature" not in answer.headers and "x-accel-expires" not in answer.headers


def test_an_image_that_nginx_cannot_keep_is_not_to_be_kept(endpoint):
    path = ask(endpoint, offer(data=BIG, door="http")).headers["x-accel-redirect"]
    nginx.note_not_taken(path[11:75])
    answer = endpoint.get(path)
    assert (answer.content, answer.headers["x-accel-expires"]) == (BIG, "0")


def test_a_ticket_opens_nothing_when_the_update_has_ended_or_the_setting_is_off(endpoint, settings):
    made = offer(data=BIG, door="http")
    path = ask(endpoint, made).headers["x-accel-redirect"]
    settings.NGINX_SENDS_FIRMWARE = False
    assert endpoint.get(path).status_code == 404
    settings.NGINX_SENDS_FIRMWARE = True
    rollouts.cancel(made.target.rollout)
    assert endpoint.get(path).status_code == 404
    assert report(endpoint, path, status=200, bytes=len(BIG)).status_code == 204


def test_the_end_of_a_download_is_noted_as_what_it_is(endpoint):
    made = offer(data=BIG, door="http")
    path = ask(endpoint, made).headers["x-accel-redirect"]
    assert report(endpoint, path, status=200, bytes=len(BIG) // 2).status_code == 204
    made.reach(TargetState.DOWNLOADING, 49 if len(BIG) % 2 else 50)
    report(endpoint, path, status=200, bytes=len(BIG))
    made.reach(TargetState.FLASHING, 100)


@pytest.mark.parametrize(
    ("status", "sent", "part"),
    [
        ("206", "3000", (1000, 4000)),
        ("206", "4000", (1000, 5000)),
        ("206", "9999999", (1000, 5000)),
        ("200", "2000", (0, 2000)),
        ("206", "0", None),
        ("503", "200", None),
        ("412", "200", None),
        ("206", "-1", None),
        ("206", "", None),
    ],
)
def test_a_report_counts_for_what_the_ticket_was_for(status, sent, part):
    assert nginx_endpoint.sent_part(TICKET, status, sent) == part


def wire(path: str, method: str = "POST", sent: object = 5) -> bytes:
    image, _, ticket = path.removeprefix("/ota/image/").partition("?")
    asked = f"/ota/sent?image={image}&ticket={ticket}&status=200&bytes={sent}"
    return f"{method} {asked} HTTP/1.1\r\nHost: web\r\nContent-Length: 0\r\n\r\n".encode()


def test_a_report_is_taken_at_the_wire_and_nothing_else_is(endpoint):
    path = ask(endpoint, offer(data=BIG, door="http")).headers["x-accel-redirect"]

    async def take(data: bytes) -> bytes | None:
        answer = nginx_endpoint.answer_at_once(data)
        await asyncio.gather(*nginx_endpoint._noting)
        return answer

    answer = asyncio.run(take(wire(path)))
    assert answer is not None and re.match(rb"HTTP/1.1 200 OK\r\n(?s:.*)\r\n\r\n$", answer)
    forged = path[:-1] + ("0" if path[-1] != "0" else "1")
    for other in (
        wire(path, "GET"),
        wire(forged),
        wire(path, sent="x"),
        wire(path)[:-2],
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        assert asyncio.run(take(other)) is None
