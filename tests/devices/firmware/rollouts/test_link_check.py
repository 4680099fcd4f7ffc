"""Whether the hub's own outside address leads to it, asked over real sockets."""

import socket
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.db.models import F
from django.utils import timezone
from django.utils.translation import override

from devices.events.models import ServiceBeat
from devices.firmware.rollouts import link_check
from tests.devices.firmware.builders import make_devices, make_rollout


@contextmanager
def hub(status: int = 200, **headers):
    """Serve one status at an address; what was asked for is collected in `server.asked`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_address_that_leads_here_has_no_problem():
    with hub() as (server, address):
        assert not link_check.find_problem(address)
        assert not link_check.find_problem(f"{address}/photos")
    assert server.asked == ["/healthz", "/photos/healthz"]


@pytest.mark.parametrize(
    ("status", "words"), [(404, "answered 404"), (503, "answered 503"), (301, "redirect")]
)
def test_an_address_that_leads_elsewhere_is_told(status, words):
    with hub(status, Location="https://example.org/") as (_, address):
        assert words in str(link_check.find_problem(address))


def test_an_address_where_nobody_listens_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        problem = link_check.find_problem(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert "nothing answers there" in str(problem)
    with override("zh-hans"):
        assert "那里没有程序应答" in str(problem)


def test_an_address_that_never_answers_costs_little(monkeypatch):
    monkeypatch.setattr(link_check, "TIMEOUT_S", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begun = time.monotonic()
        assert link_check.find_problem(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert time.monotonic() - begun < 2


def test_what_is_no_address_is_a_problem_too():
    assert link_check.find_problem("http://127.0.0.1:99999")


@pytest.mark.django_db
def test_it_is_asked_once_a_minute_while_a_rollout_runs(settings, monkeypatch):
    with hub() as (server, address):
        monkeypatch.setattr(link_check.site, "base_url", lambda: address)
        link_check.refresh_if_due()
        assert (server.asked, link_check.hindrance()) == ([], "link_unknown")
        make_rollout(make_devices(1))
        link_check.refresh_if_due()
        link_check.refresh_if_due()
        assert (len(server.asked), link_check.hindrance()) == (1, "")
        ServiceBeat.objects.update(at=timezone.now() - timedelta(seconds=link_check.LASTS_S + 1))
        link_check.refresh_if_due()
        assert len(server.asked) == 2


@pytest.mark.django_db
def test_an_address_that_somebody_set_is_asked_once_in_ten_minutes(settings):
    with hub() as (server, address):
        settings.PHOTOHUB_URL = address
        for minutes, asked in ((0, 1), (9, 1), (2, 2)):
            ServiceBeat.objects.update(at=F("at") - timedelta(minutes=minutes))
            link_check.refresh_if_due()
            assert len(server.asked) == asked
        settings.LINK_CHECK = False
        ServiceBeat.objects.all().delete()
        link_check.refresh_if_due()
        assert len(server.asked) == 2


@pytest.mark.django_db
def test_a_broken_link_and_an_old_answer_hold_offers_back(settings):
    make_rollout(make_devices(1))
    with hub(404) as (_, address):
        settings.PHOTOHUB_URL = address
        link_check.refresh_if_due()
    assert link_check.hindrance() == "link_broken"
    assert "404" in ServiceBeat.objects.get(pk=link_check.HEARTBEAT).sentence
    ServiceBeat.objects.update(at=timezone.now() - timedelta(seconds=link_check.STALE_AFTER_S + 1))
    assert link_check.hindrance() == "link_unknown"
    settings.LINK_CHECK = False
    assert link_check.hindrance() == ""
