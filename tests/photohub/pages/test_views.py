"""Health, language and error pages."""

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError, connection
from django.test import Client, RequestFactory

from devices.events import heartbeats
from photohub.pages import views as pages
from photohub.status.parts import Part
from tests.builders import make_user


def make_request(path: str, language: str = "en"):
    request = RequestFactory().get(path)
    request.COOKIES = {}
    return request


def test_health_asks_no_database(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})


def test_ready_when_every_needed_part_works(client, db):
    heartbeats.note("worker", True)
    heartbeats.note("broker", True)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ok": True,
        "parts": dict.fromkeys(["database", "disk", "worker", "broker"], "ok"),
    }


def test_not_ready_when_the_broker_is_away(client, db):
    heartbeats.note("worker", True)
    heartbeats.note("broker", False, "The message broker at secret-host is away.")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["parts"]["broker"]) == (503, "problem")
    assert "secret-host" not in answer.text


def test_a_balancer_asks_only_what_differs_between_machines(client, db):
    heartbeats.note("broker", False, "The message broker is away.")
    answer = client.get("/readyz?parts=disk,machine,clock")
    # This hub has one machine only, and the clock is nobody's to ask for.
    assert (answer.status_code, answer.json()["parts"]) == (200, {"disk": "ok"})


def test_not_ready_when_the_database_is_away(client, db, monkeypatch):
    asked = []

    def refuse(*args, **kwargs):
        asked.append(args)
        raise OperationalError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(connection, "cursor", refuse)
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["parts"]["database"]) == (503, "problem")
    assert answer.json()["parts"]["disk"] == "ok"
    assert len(asked) == 1  # each question waits 2 s for a database that is away


def test_language_is_kept_in_a_cookie_and_leads_back(client, db):
    answer = client.post("/language", {"language": "zh-hans", "next": "/status"})
    assert (answer.status_code, answer["Location"]) == (302, "/status")
    assert answer.cookies["photohub_language"].value == "zh-hans"
    assert client.get("/login").headers["Content-Language"] == "zh-hans"


@pytest.mark.parametrize(
    "target", ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "\\\\evil"]
)
def test_language_never_leads_to_another_site(client, db, target):
    assert client.post("/language", {"language": "en", "next": target})["Location"] == "/"


def test_an_unknown_language_is_not_kept(client, db):
    assert not client.post("/language", {"language": "tlh", "next": "/"}).cookies


def test_language_is_not_changed_by_a_link(client, db):
    assert client.get("/language").status_code == 405


def test_language_needs_the_form_of_this_hub(db):
    assert Client(enforce_csrf_checks=True).post("/language", {"language": "en"}).status_code == 403


ERRORS = [
    (400, "bad_request", lambda r: pages.bad_request(r, SuspiciousOperation("s3cret"))),
    (403, "forbidden", lambda r: pages.forbidden(r, PermissionDenied("s3cret"))),
    (404, "not_found", lambda r: pages.not_found(r, Exception("s3cret"))),
    (500, "internal", lambda r: pages.server_error(r)),
]


@pytest.mark.parametrize(("code", "word", "handler"), ERRORS)
def test_programs_get_errors_in_json(code, word, handler):
    answer = handler(make_request("/api/v1/devices"))
    assert answer.status_code == code
    assert b"s3cret" not in answer.content
    assert b'"code": 1' in answer.content and word.encode() in answer.content


@pytest.mark.parametrize(("code", "word", "handler"), ERRORS)
def test_people_get_errors_as_a_page(code, word, handler):
    answer = handler(make_request("/devices/"))
    assert (answer.status_code, answer["Content-Type"]) == (code, "text/html; charset=utf-8")
    assert b"s3cret" not in answer.content and str(code).encode() in answer.content


def test_a_broken_page_tells_no_details(db, monkeypatch):
    def explode(_chosen) -> list[Part]:
        raise RuntimeError("s3cret")

    monkeypatch.setattr(pages.status, "collect_needed", explode)
    answer = Client(raise_request_exception=False).get("/readyz")
    assert answer.status_code == 500 and "s3cret" not in answer.text


def test_an_unknown_address_is_a_page_of_ours(client, db):
    answer = client.get("/nothing/here")
    assert answer.status_code == 404 and "There is nothing at this address" in answer.text


def test_whoever_is_logged_in_keeps_the_rail_on_a_page_that_is_not_there(client, db):
    assert 'class="rail"' not in client.get("/nowhere").content.decode()
    client.force_login(make_user("vera", "viewer"))
    lost, refused = client.get("/nowhere"), client.get("/people")
    assert (lost.status_code, refused.status_code) == (404, 403)
    for page in (lost.content.decode(), refused.content.decode()):
        assert 'class="rail"' in page and page.count("<h1") == 1


def test_the_icon_is_where_old_browsers_look_for_it(client, db):
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml") and answer.content[
        :4
    ] == b"<svg"
