"""When the hub hands an image over, and what it says then; the nginx that takes it is in tests/production."""

import time

import httpx
import pytest

from devices.firmware.endpoints.transfer import nginx
from devices.firmware.rollouts.models import TargetState
from tests.devices.firmware.builders import IMAGE
from tests.devices.firmware.endpoints.offered import Offered, offer

pytestmark = pytest.mark.django_db(transaction=True)

BIG = IMAGE + bytes(100_000)
THROUGH = {"x-sends-firmware": "nginx"}


@pytest.fixture(autouse=True)
def _allowed(settings, monkeypatch):
    settings.NGINX_SENDS_FIRMWARE = True
    monkeypatch.setattr(nginx, "_not_taken", {})


def ask(endpoint: httpx.Client, made: Offered, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return endpoint.get(made.path, headers=THROUGH | named)


def test_who_came_through_nginx_is_handed_over_without_a_byte(endpoint):
    answer = ask(endpoint, offer(data=BIG, door="http"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-accel-redirect"].startswith("/ota/image/")
    assert "x-signature" in answer.headers and "cache-control" not in answer.headers


def test_without_the_setting_the_hub_sends_by_itself(endpoint, settings):
    settings.NGINX_SENDS_FIRMWARE = False
    assert ask(endpoint, offer(data=BIG, door="http")).content == BIG


def test_who_came_past_nginx_gets_the_bytes_here(endpoint):
    made = offer(data=BIG, door="http")
    assert endpoint.get(made.path).content == BIG
    assert endpoint.get(made.path, headers={"x-sends-firmware": "other"}).content == BIG


@pytest.mark.parametrize(
    "headers",
    [
        {"range": "bytes=0-9"},
        {"range": "bytes=0-70000,70001-70002"},
        {"range": "bytes=x"},
        {"range": "bytes = 0-99999"},
        {"range": "bytes=0-9999999999999999999999"},
        {"if_match": '"other"'},
    ],
)
def test_what_is_small_or_would_be_read_otherwise_is_sent_here(endpoint, headers):
    answer = ask(endpoint, offer(data=BIG, door="http"), **headers)
    assert answer.content and "x-accel-redirect" not in answer.headers


@pytest.mark.parametrize(
    "headers", [{"range": "bytes=9-"}, {"range": "bytes=-90000"}, {"range": "bytes=0-", "if_range": '"x"'}]
)
def test_parts_that_both_read_alike_are_handed_over(endpoint, headers):
    assert "x-accel-redirect" in ask(endpoint, offer(data=BIG, door="http"), **headers).headers


def test_a_download_that_nginx_goes_on_with_is_noted_as_begun_and_no_more(endpoint, monkeypatch):
    monkeypatch.setattr("devices.firmware.endpoints.download.BEGUN_AFTER_S", 0.0)
    made = offer(data=BIG, door="http")
    ask(endpoint, made)
    made.reach(TargetState.DOWNLOADING, 0)


def test_an_image_that_nginx_could_not_keep_is_sent_here_for_a_while(endpoint):
    made = offer(data=BIG, door="http")
    sha256 = made.now().rollout.firmware.sha256
    nginx.note_not_taken(sha256)
    assert ask(endpoint, made).content == BIG
    nginx._not_taken[sha256] = time.monotonic() - 1
    assert ask(endpoint, made).content == b""


def test_a_ticket_is_good_for_a_while(endpoint, monkeypatch):
    path = ask(endpoint, offer(data=BIG, door="http")).headers["x-accel-redirect"]
    sha256, _, text = path.removeprefix("/ota/image/").partition("?")
    assert nginx.read(text, sha256, 120) is not None
    now_s = time.time()
    for away_s in (300, -300):
        monkeypatch.setattr(nginx.time, "time", lambda away_s=away_s: now_s + away_s)
        assert nginx.read(text, sha256, 120) is None
