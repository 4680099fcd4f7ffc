import http.server
import threading

import pytest

from devices.panels.sources import fetching
from devices.panels.sources.fetching import CannotFetch, check_address, fetch_picture
from photohub.lib.network import get as http_get
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
    "url",
    [
        "", "file:///etc/passwd", "gopher://a/", "http://user@example.org/", "https://example.org:6379/",
        "http://example.org:443/", "ftp://example.org/a.jpg", "http:///a.jpg",
    ],
)  # fmt: skip
def test_addresses_that_look_wrong_are_refused_before_anything_is_sent(url):
    assert word_of(check_address, url) == "url_not_allowed"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[::1]",
        "0",
        "0x7f.1",
    ],
)
def test_names_that_lead_inside_are_refused(host):
    assert word_of(fetch_picture, f"http://{host}/a.jpg") in ("url_not_allowed", "fetch_failed")


def test_a_name_with_one_bad_address_is_refused(monkeypatch):
    inside = ["127.0.0.1"]

    async def answers(_host: str, _port: int) -> list[str]:
        return ["93.184.216.34", *inside]

    monkeypatch.setattr(http_get, "find_addresses", answers)
    for inside[:] in (["127.0.0.1"], ["::127.0.0.1"], ["::ffff:10.0.0.1"], ["100.100.100.200"]):
        assert word_of(fetch_picture, "http://rebinding.example/a.jpg") == "url_not_allowed"


def test_the_connection_goes_to_the_address_that_was_checked(server, settings, monkeypatch):
    port = server.rpartition(":")[2]
    settings.FETCH_FROM = f"name.example:{port}"
    # A second look-up would lead to another place.
    found = iter([["127.0.0.1"], ["127.0.0.9"]])

    async def answers(_host: str, _port: int) -> list[str]:
        return next(found)

    monkeypatch.setattr(http_get, "find_addresses", answers)
    assert fetch_picture(f"http://name.example:{port}/a.jpg") == make_jpeg()
    assert next(found) == ["127.0.0.9"]


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
    assert word_of(fetch_picture, "http://100.100.100.200/latest/meta-data") == "url_not_allowed"


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
