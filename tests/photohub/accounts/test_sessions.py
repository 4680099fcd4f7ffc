from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from devices import tasks
from devices.access import rights
from devices.access.models import ApiToken, BrowserSession
from devices.audit.models import AuditEntry
from devices.keys import tokens
from photohub.accounts.logins import sessions
from photohub.accounts.logins.agents import name_agent
from tests.builders import PASSWORD, make_user

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1"
)


@pytest.fixture(autouse=True)
def _sessions_are_noted(monkeypatch):
    monkeypatch.setattr(sessions, "noted", sessions.Noted())


def log_in(agent: str, name: str = "alice") -> Client:
    client = Client(headers={"User-Agent": agent})
    client.post("/login", {"username": name, "password": PASSWORD})
    client.get("/account")
    return client


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox on Windows"),
        (SAFARI, "Safari on iPhone"),
        ("curl/8", "curl/8"),
        ("", "unknown browser"),
    ],
)
def test_browsers_are_named(agent, name):
    assert name_agent(agent) == name


def test_sessions_are_listed_this_one_first():
    make_user("alice", "owner")
    phone, desk = log_in(SAFARI), log_in(FIREFOX)
    page = phone.get("/account")
    assert [(s.browser, s.is_this, s.address) for s in page.context["sessions"]] == [
        ("Safari on iPhone", True, "127.0.0.1"),
        ("Firefox on Windows", False, "127.0.0.1"),
    ]
    keys = BrowserSession.objects.values_list("session_key", flat=True)
    assert not any(key in page.content.decode() for key in keys)
    assert desk.get("/account").context["sessions"][0].browser == "Firefox on Windows"


def test_one_session_is_ended_and_the_others_go_on():
    make_user("alice", "owner")
    phone, desk = log_in(SAFARI), log_in(FIREFOX)
    other = phone.get("/account").context["sessions"][1]
    phone.post(f"/account/sessions/{other.pk}/end")
    assert desk.get("/account").status_code == 302 and phone.get("/account").status_code == 200
    assert AuditEntry.objects.filter(word="revoked", object_name="Firefox on Windows").count() == 1
    mine = phone.get("/account").context["sessions"][0]
    assert phone.post(f"/account/sessions/{mine.pk}/end").url == "/login"


def test_nobody_ends_the_session_of_another():
    make_user("alice", "owner")
    make_user("bob", "owner")
    log_in(FIREFOX)
    row = BrowserSession.objects.get()
    assert log_in(SAFARI, "bob").post(f"/account/sessions/{row.pk}/end").status_code == 404


def test_a_session_is_written_down_once_in_some_minutes(monkeypatch):
    make_user("alice", "owner")
    client = log_in(FIREFOX)
    seen = BrowserSession.objects.get().last_seen_at
    client.get("/account")
    assert BrowserSession.objects.get().last_seen_at == seen
    monkeypatch.setattr(sessions, "NOTED_EVERY_S", 0.0)
    client.get("/account")
    assert BrowserSession.objects.get().last_seen_at > seen


def test_a_session_of_an_older_hub_is_listed_with_its_next_page(client):
    client.force_login(make_user("alice", "owner"))
    assert not BrowserSession.objects.exists()
    client.get("/account")
    assert BrowserSession.objects.get().user.get_username() == "alice"


def test_browsers_whose_sessions_are_gone_are_forgotten():
    make_user("alice", "owner")
    log_in(FIREFOX)
    Session.objects.all().delete()
    tasks._drop_browsers()
    assert not BrowserSession.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_expired_token_is_told_so_and_no_other(client):
    token, secret = tokens.new_token(make_user("alice", "owner"), "a", ["read"])
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    for path in (
        "/api/v1/devices",
        "/image?device=porch",
        "/captures/01a22f20-6c91-7bd7-a170-3b1119b72745/thumb",
    ):
        answer = client.get(path, headers={"Authorization": f"Bearer {secret}"})
        assert (answer.status_code, answer.json()["err"]) == (401, "expired"), path
    tokens.revoke_token(token)
    answer = client.get("/api/v1/devices", headers={"Authorization": f"Bearer {secret}"})
    assert answer.json()["err"] == "auth"


def test_the_machine_lets_the_last_owner_in_again(client, capsys):
    alice = make_user("alice", "owner")
    alice.is_active = False
    alice.save()
    for _try in range(5):
        client.post("/login", {"username": "alice", "password": "wrong"})
    call_command("break_glass", "alice")
    link = urlsplit(capsys.readouterr().out.split()[-1])
    assert client.get(link.path).status_code == 200
    client.post("/login", {"username": "alice", "password": PASSWORD})
    assert client.get("/account").status_code == 200
    assert AuditEntry.objects.filter(via="manage.py break_glass", object_name="alice").count() == 1


def test_the_machine_makes_an_owner_where_nobody_is():
    with pytest.raises(CommandError, match="There is no user carl"):
        call_command("break_glass", "carl")
    call_command("break_glass", "carl", owner=True)
    assert rights.owner_exists()
