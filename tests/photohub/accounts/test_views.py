"""Logging in, the first owner, invitations, the own account."""

import re
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.utils import timezone

from devices.access import rights
from devices.access.models import ApiToken
from devices.hub_settings import choices
from devices.keys import identity, tokens
from photohub import settings as photohub_settings
from photohub.accounts import first_owner
from tests.builders import PASSWORD, make_user

NEW_PASSWORD = "rhubarb-and-custard-9"


def log_in(name: str, password: str = PASSWORD, **more) -> tuple[Client, object]:
    client = Client()
    return client, client.post("/login", {"username": name, "password": password, **more})


def test_the_right_password_lets_in(db):
    make_user("bob", "operator")
    client, answer = log_in("bob", next="/status")
    assert answer["Location"] == "/status"
    assert client.get("/account").status_code == 200


def test_the_login_never_leads_to_another_site(db):
    make_user("bob", "operator")
    assert log_in("bob", next="https://evil.example/")[1]["Location"] == "/"


def test_a_wrong_password_and_an_unknown_name_sound_the_same(db):
    make_user("bob", "operator")
    said = [
        re.findall(r'role="alert">.*?<span>(.*?)</span>', log_in(n, "wrong")[1].text, re.S)
        for n in ("bob", "nobody")
    ]
    assert said[0] == said[1] and said[0]


def test_the_sixth_try_is_locked_out_even_with_the_right_password(db):
    make_user("bob", "operator")
    for _ in range(5):
        log_in("bob", "wrong")
    answer = log_in("bob")[1]
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text and "15 minutes" in answer.text


def test_a_lock_out_of_a_clock_that_was_ahead_ends_with_it(db):
    make_user("bob", "operator")
    for _ in range(5):
        log_in("bob", "wrong")
    AccessAttempt.objects.update(attempt_time=timezone.now() + timedelta(days=400))
    assert log_in("bob")[1].status_code == 302


def test_a_hub_without_an_owner_says_where_to_begin(client, db):
    assert "This PhotoHub has no owner yet" in client.get("/login").text
    make_user("alice", "owner")
    assert "This PhotoHub has no owner yet" not in client.get("/login").text


def test_logging_out_takes_a_form(db):
    make_user("bob", "operator")
    client, _ = log_in("bob")
    assert client.get("/logout").status_code == 405
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/account").status_code == 302


def set_up(client, token: str, password: str = NEW_PASSWORD, name: str = "alice"):
    return client.post(f"/setup/{token}", {"username": name, "password1": password, "password2": password})


def test_the_setup_link_makes_the_first_owner_and_logs_in(client, db):
    token = first_owner.link_token()
    assert client.get(f"/setup/{token}").status_code == 200
    assert set_up(client, token)["Location"] == "/"
    assert client.get("/people").status_code == 200


def test_the_hub_learns_the_language_of_its_first_owner_alone(client, db):
    client.cookies["photohub_language"] = "zh-hans"
    set_up(client, first_owner.link_token())
    make_user("bob", "owner")
    other = Client(headers={"accept-language": "en"})
    other.post("/login", {"username": "bob", "password": PASSWORD})
    assert choices.chosen_language() == "zh-hans"


def test_an_owner_of_the_environment_is_heard_when_he_comes_in_and_nobody_else_is(db):
    make_user("vera", "viewer"), make_user("alice", "owner")
    for name, learned in (("vera", ""), ("alice", "zh-hans")):
        Client(headers={"accept-language": "zh-CN"}).post("/login", {"username": name, "password": PASSWORD})
        assert choices.chosen_language() == learned


def test_the_setup_link_works_once(client, db):
    token = first_owner.link_token()
    set_up(client, token)
    answer = Client().get(f"/setup/{token}")
    assert answer.status_code == 410 and "log in" in answer.text
    assert set_up(Client(), token).status_code == 410
    assert get_user_model().objects.count() == 1


def test_a_newer_setup_link_ends_the_ones_before(client, db):
    older, newer = first_owner.link_token(), first_owner.link_token()
    assert set_up(client, older).status_code == client.get(f"/setup/{older}").status_code == 410
    assert not get_user_model().objects.exists()
    assert set_up(client, newer).status_code == 302


def test_a_setup_link_is_used_up_even_when_two_come_at_once(client, db, monkeypatch):
    # Both were shown the form before either sent it.
    monkeypatch.setattr(first_owner, "token_holds", lambda _token: True)
    token = first_owner.link_token()
    assert [set_up(Client(), token, name=name).status_code for name in ("alice", "mallory")] == [302, 410]
    assert get_user_model().objects.count() == 1


def test_a_name_that_is_taken_is_refused_in_the_form(client, db):
    make_user("alice")
    answer = set_up(client, first_owner.link_token())
    assert answer.status_code == 200 and "already exists" in answer.text


def test_a_forged_setup_link_is_dead(client, db):
    assert set_up(client, "Zm9v:1abc:forged").status_code == 410
    assert not rights.owner_exists()


def test_the_first_owner_needs_a_good_password(client, db):
    answer = set_up(client, first_owner.link_token(), "12345678")
    assert answer.status_code == 200 and "too common" in answer.text
    assert not rights.owner_exists()


@pytest.fixture
def bob(db):
    make_user("bob", "operator")
    return log_in("bob")[0]


def test_strangers_have_no_account_page(client, db):
    assert client.get("/account")["Location"] == "/login?next=/account"


def change_password(client, old: str):
    passwords = {"old_password": old, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    return client.post("/account/password", passwords)


def test_a_new_password_ends_every_other_session(bob):
    elsewhere = log_in("bob")[0]
    assert change_password(bob, PASSWORD)["Location"] == "/account"
    assert bob.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302


def test_a_new_password_needs_the_old_one(bob):
    answer = change_password(bob, "wrong")
    assert answer.status_code == 422 and "was entered incorrectly" in answer.text
    assert log_in("bob")[1].status_code == 302


def test_logging_out_everywhere_ends_only_ones_own_sessions(bob):
    elsewhere = log_in("bob")[0]
    make_user("vera", "viewer")
    vera = log_in("vera")[0]
    assert bob.post("/account/sessions/end")["Location"] == "/login"
    codes = [client.get("/account").status_code for client in (bob, elsewhere, vera)]
    assert codes == [302, 302, 200]


def add_token(client, **values):
    return client.post(
        "/account/tokens", {"name": "nightly export", "scopes": ["read"], "days": "30", **values}
    )


def test_a_token_is_shown_once_and_works(bob):
    assert add_token(bob)["Location"] == "/account"
    secret = re.search(r'<code id="token-secret">([^<]+)<', bob.get("/account").text)[1]
    assert tokens.find_token(secret).scopes == ["read"]
    assert secret not in bob.get("/account").text


def test_a_token_waits_for_its_page_encrypted(bob):
    add_token(bob)
    secret_hash = ApiToken.objects.get().sha256
    kept = bob.session["once_token"]
    assert identity.hash_key(kept) != secret_hash and ApiToken.objects.get().prefix not in kept


def test_a_token_without_scopes_is_refused(bob):
    assert add_token(bob, scopes=[]).status_code == 422
    assert not ApiToken.objects.exists()


def test_a_revoked_token_is_dead(bob):
    token, secret = tokens.new_token(get_user_model().objects.get(), "old")
    assert bob.post(f"/account/tokens/{token.pk}/revoke").status_code == 302
    assert tokens.find_token(secret) is None


def test_nobody_revokes_the_token_of_another(bob):
    token, secret = tokens.new_token(make_user("vera", "viewer"), "hers")
    assert bob.post(f"/account/tokens/{token.pk}/revoke").status_code == 404
    assert tokens.find_token(secret)


@pytest.mark.parametrize("path", ["password", "sessions/end", "tokens", "tokens/1/revoke"])
def test_nothing_changes_by_a_link(bob, path):
    assert bob.get(f"/account/{path}").status_code == 405


def test_changes_need_the_form_of_this_hub(db):
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("bob", "operator"))
    assert client.post("/account/sessions/end").status_code == 403


def test_passwords_are_kept_by_argon2(settings):
    settings.PASSWORD_HASHERS = photohub_settings.PASSWORD_HASHERS
    assert make_password("a long enough word 7").startswith("argon2$argon2id$")


def test_changing_the_password_offers_to_end_the_tokens(db):
    bob = make_user("bob", "operator")
    _token, secret = tokens.new_token(bob, "program")
    client, _answer = log_in("bob")
    assert "1 API token works without this password" in client.get("/account").text
    new = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    answer = client.post("/account/password", new, follow=True)
    assert "1 of your API tokens still works" in answer.text and tokens.find_token(secret)
    client.post("/account/password", new | {"old_password": NEW_PASSWORD, "end_tokens": "on"})
    assert tokens.find_token(secret) is None


def test_the_password_is_asked_for_in_words_of_our_own(client, db):
    page = client.get(f"/setup/{first_owner.link_token()}").content.decode()
    assert "150 characters" not in page and "personal information" not in page


def test_the_focus_goes_to_what_was_refused(client, db):
    page = set_up(client, first_owner.link_token(), "12345678").content.decode()
    focused = re.findall(r'<input[^>]*name="(\w+)"[^>]*autofocus', page)
    assert focused == ["password2"]
