"""Only pages of the hub itself may open its sockets: scheme, host and port count."""

import asyncio

import pytest
from django.test import RequestFactory

from photohub.lib.http.origins import OwnPagesOnly, comes_from_own_page, is_led_by_own_page
from photohub.lib.http.proxies import behind_proxies

HOSTS = ["photos.example.org", "localhost", "[::1]"]


def scope(origin=None, host="photos.example.org", scheme="ws", **headers) -> dict:
    named = [(b"origin", text.encode()) for text in ([origin] if isinstance(origin, str) else origin or [])]
    more = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "websocket", "scheme": scheme, "headers": [*named, (b"host", host.encode()), *more]}


@pytest.fixture(autouse=True)
def _outside(settings):
    settings.ALLOWED_HOSTS, settings.PHOTOHUB_URL, settings.TRUSTED_PROXIES = HOSTS, "", 0


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://photos.example.org", "photos.example.org", True),
        ("http://photos.example.org:80", "photos.example.org", True),
        ("http://photos.example.org", "photos.example.org:80", True),
        ("http://PHOTOS.example.org:8000", "photos.example.org:8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://photos.example.org:9000", "photos.example.org:8000", False),
        ("http://photos.example.org:9000", "photos.example.org", False),
        ("https://photos.example.org", "photos.example.org", False),
        ("http://localhost:8000", "photos.example.org:8000", False),
        ("http://evil.example", "evil.example", False),
        ("http://photos.example.org.evil.example", "photos.example.org", False),
        ("null", "photos.example.org", False),
        ("", "photos.example.org", False),
        ("http://photos.example.org:port", "photos.example.org", False),
        ("file://", "photos.example.org", False),
        (["http://photos.example.org", "http://evil.example"], "photos.example.org", False),
        (None, "photos.example.org", False),
    ],
)
def test_an_origin_is_the_hubs_own_or_refused(origin, host, allowed):
    assert comes_from_own_page(scope(origin, host), needed=True) is allowed


def test_behind_a_proxy_the_outside_address_counts(settings):
    settings.PHOTOHUB_URL = "https://photos.example.org:8443/hub"
    assert comes_from_own_page(scope("https://photos.example.org:8443", "web:8000"), needed=True)
    assert not comes_from_own_page(scope("https://photos.example.org", "web:8000"), needed=True)


def test_only_a_trusted_proxy_says_that_it_is_https(settings):
    asked = scope("https://photos.example.org", x_forwarded_proto="https")
    assert not comes_from_own_page(behind_proxies(asked), needed=True)
    settings.TRUSTED_PROXIES = 1
    assert comes_from_own_page(behind_proxies(asked), needed=True)


def test_devices_and_mini_programs_come_to_mqtt_and_foreign_pages_do_not():
    asked = [None, "https://servicewechat.com", "http://photos.example.org", "http://evil.example", "null"]
    assert [comes_from_own_page(scope(one), needed=False) for one in asked] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_a_foreign_page_is_closed_before_anybody_hears_of_it():
    heard, said = [], []

    async def application(*_):
        heard.append(1)

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        said.append(message)

    asyncio.run(OwnPagesOnly(application)(scope("http://evil.example"), receive, send))
    assert heard == [] and [message["type"] for message in said] == ["websocket.close"]


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Referer": "http://localhost/account"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Referer": "http://localhost/account"}, True),
        ({"Referer": "http://localhost.evil.example/account"}, False),
        ({"Referer": "http://localhost:8000/"}, False),
        ({}, False),
    ],
)
def test_a_way_that_must_begin_here_is_known_by_what_browsers_say(headers, own):
    assert is_led_by_own_page(RequestFactory().get("/x", headers={"Host": "localhost", **headers})) is own
