import http.server
import threading

import pytest

from devices import fetching
from devices.fetching import CannotFetch, check_address, fetch_picture, is_public
from tests.builders import make_jpeg


class _Pictures(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = make_jpeg() if self.path == "/a.jpg" else b"x" * 11_000_000
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "http://127.0.0.1/secret")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pictures)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()


def word_of(call, *args) -> str:
    with pytest.raises(CannotFetch) as refused:
        call(*args)
    assert refused.value.sentence
    return refused.value.word


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "0.0.0.0",
        "192.0.0.8", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fec0::1", "fd00::1", "ff02::1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::",
    ],
)  # fmt: skip
def test_addresses_inside_the_house_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "47.88.0.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "", "file:///etc/passwd", "gopher://a/", "http://user@example.org/", "https://example.org:6379/",
        "http://example.org:443/", "ftp://example.org/a.jpg", "http:///a.jpg",
    ],
)  # fmt: skip
def test_addresses_that_look_wrong_are_refused_before_anything_is_sent(url):
    assert word_of(check_address, url) == "url_not_allowed"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "0"]
)
def test_names_that_lead_inside_are_refused(host):
    assert word_of(fetch_picture, f"http://{host}/a.jpg") in ("url_not_allowed", "fetch_failed")


def test_a_name_with_one_bad_address_is_refused(monkeypatch):
    async def answers(self, host, port, **kwargs):
        return [(2, 1, 6, "", ("93.184.216.34", port)), (2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", answers)
    assert word_of(fetch_picture, "http://rebinding.example/a.jpg") == "url_not_allowed"


def test_a_host_that_the_owner_allows_may_be_inside(server, settings):
    settings.FETCH_FROM = f"*.example.org,{server}"
    assert fetch_picture(f"http://{server}/a.jpg") == make_jpeg()


def test_a_host_is_allowed_by_its_pattern_and_on_the_usual_ports_only(settings):
    settings.FETCH_FROM = "*.example.org"
    assert check_address("https://cam.example.org/a.jpg") is False
    for url in ("https://cam.example.org:8080/", "https://example.com/", "https://example.org.evil.com/"):
        assert word_of(check_address, url) == "url_not_allowed"


def test_nothing_is_fetched_when_it_is_switched_off(settings):
    settings.FETCH_FROM = "none"
    assert word_of(check_address, "https://example.org/a.jpg") == "url_not_allowed"


def test_secrets_of_clouds_stay_closed_whatever_is_allowed(settings):
    settings.FETCH_FROM = "*"
    assert word_of(fetch_picture, "http://169.254.169.254/latest/meta-data") == "url_not_allowed"


@pytest.mark.parametrize("path", ["/moved", "/giant"])
def test_redirects_are_not_followed_and_giants_are_cut(server, settings, path):
    settings.FETCH_FROM = server
    assert word_of(fetch_picture, f"http://{server}{path}") == "fetch_failed"


def test_a_server_that_does_not_answer_is_given_up(settings):
    settings.FETCH_FROM = "127.0.0.1:1"
    assert word_of(fetch_picture, "http://127.0.0.1:1/a.jpg") == "fetch_failed"


def test_the_hubs_own_links_are_read_without_a_network(settings, monkeypatch):
    settings.PHOTOHUB_URL = "http://hub.local:8000"
    monkeypatch.setattr(fetching, "_own_links", [lambda path: b"here" if path == "/p/abc123" else None])
    assert fetch_picture("http://hub.local:8000/p/abc123") == b"here"
    assert check_address("http://hub.local:8000/p/abc123") is False
    assert word_of(fetch_picture, "http://hub.local:8000/p/other") == "fetch_failed"
