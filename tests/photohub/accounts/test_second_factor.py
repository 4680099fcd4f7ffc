import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core.management import call_command

from devices.audit.models import AuditEntry
from photohub.accounts import invitations
from photohub.accounts.logins import factors
from tests.builders import PASSWORD, make_user

pytestmark = pytest.mark.django_db
NOBODY = {"username": "alice", "password": PASSWORD}


def code_of(secret: str, steps: int = 0) -> str:
    """Return what an app shows, now or so many times 30 s later."""
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30 + steps))


@pytest.fixture
def alice():
    return make_user("alice", "owner")


def with_app(user) -> str:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    return secret


def is_in(client) -> bool:
    return client.get("/account").status_code == 200


def words() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("word", "kind"))


def test_an_app_is_set_up_by_its_first_code_and_recovery_codes_are_shown_once(client, alice):
    client.force_login(alice)
    page = client.get("/account/second-factor/app")
    assert "data:image/svg" in page.content.decode()
    secret = page.context["app"].secret
    assert client.post("/account/second-factor/app", {"code": "000000"}).status_code == 422
    assert (
        client.post("/account/second-factor/app", {"code": code_of(secret)}).url == "/account/second-factor"
    )
    page = client.get("/account/second-factor")
    assert len(page.context["codes"]) == 10 and page.context["factors"].is_on
    assert client.get("/account/second-factor").context["codes"] == []
    assert words() == [("added", "second_factor")] * 2
    assert all(secret not in str(row.data) for row in Authenticator.objects.all())


def test_a_login_with_an_app_has_two_steps(client, alice):
    secret = with_app(alice)
    answer = client.post("/login", NOBODY | {"next": "/people"})
    assert answer.url == "/login/second" and not is_in(client) and words() == []
    assert "Logging in as alice" in client.get("/login/second").content.decode()
    assert client.post("/login/second", {"code": code_of(secret)}).url == "/people"
    assert is_in(client) and words() == [("logged_in", "session")]


def test_a_code_counts_once(client, alice):
    secret = with_app(alice)
    code = code_of(secret)
    for times in (302, 422):
        client.post("/logout")
        client.post("/login", NOBODY)
        assert client.post("/login/second", {"code": code}).status_code == times


def test_a_recovery_code_lets_in_once(client, alice):
    with_app(alice)
    code = factors.new_codes(alice)[3]
    for status in (302, 422):
        client.post("/logout")
        client.post("/login", NOBODY)
        assert client.post("/login/second", {"code": f" {code[:4]} {code[4:]} "}).status_code == status
    assert factors.of_person(alice).codes_left == 9


def test_wrong_codes_lock_out_as_wrong_passwords_do(client, alice):
    secret = with_app(alice)
    client.post("/login", NOBODY)
    answers = [client.post("/login/second", {"code": "123456"}).status_code for _try in range(5)]
    assert answers == [422, 422, 422, 422, 429]
    assert client.post("/login/second", {"code": code_of(secret)}).status_code == 429
    assert client.post("/login", NOBODY).status_code == 429 and not is_in(client)


def test_the_second_step_alone_opens_nothing(client, alice):
    secret = with_app(alice)
    for path in ("/login/second", "/login/set-up"):
        assert client.post(path, {"code": code_of(secret)}).url == "/login"
    client.post("/login", NOBODY)
    alice.set_password("another horse battery")
    alice.save()
    assert client.post("/login/second", {"code": code_of(secret)}).url == "/login"


@pytest.mark.parametrize(
    "credential", ["{}", "[]", "null", "nonsense", '{"id": "x", "response": 5}', "[" * 9000]
)
def test_a_passkey_that_is_none_is_refused(client, alice, credential):
    assert client.get("/login/passkey").json()["publicKey"]["challenge"]
    assert client.post("/login/passkey", {"credential": credential}).url == "/login"
    client.force_login(alice)
    client.get("/account/second-factor/keys/add")
    answer = client.post("/account/second-factor/keys/add", {"credential": credential, "name": "a"})
    assert answer.status_code == 422 and not Authenticator.objects.exists()


def test_an_invitation_does_not_go_past_the_second_factor(client, alice):
    with_app(alice)
    link = "/" + invitations.make_link(alice).split("/", 3)[3]
    new = {"new_password1": "another horse battery", "new_password2": "another horse battery"}
    assert client.post(link, new).url == "/login/second" and not is_in(client)


@pytest.mark.parametrize(
    ("wanted", "role", "url"),
    [
        ("optional", "owner", "/"),
        ("owners", "owner", "/login/set-up"),
        ("owners", "viewer", "/"),
        ("everyone", "viewer", "/login/set-up"),
    ],
)
def test_the_setting_says_who_needs_one(client, settings, wanted, role, url):
    settings.SECOND_FACTOR = wanted
    make_user("alice", role)
    assert client.post("/login", NOBODY).url == url


def test_who_needs_one_sets_it_up_before_he_is_in(client, settings, alice):
    settings.SECOND_FACTOR = "owners"
    client.post("/login", NOBODY)
    secret = client.get("/login/set-up").context["app"].secret
    assert client.post("/login/set-up", {"code": "12"}).status_code == 422 and not is_in(client)
    assert client.post("/login/set-up", {"code": code_of(secret)}).url == "/account/second-factor"
    assert len(client.get("/account/second-factor").context["codes"]) == 10
    assert words() == [("added", "second_factor"), ("added", "second_factor"), ("logged_in", "session")]


def test_an_owner_takes_a_lost_factor_away(client, alice):
    bob = make_user("bob", "viewer")
    with_app(bob)
    client.force_login(alice)
    assert "second factor" in client.get("/people").content.decode()
    client.post(f"/people/{bob.pk}/second-factor")
    assert not factors.are_on(bob) and words() == [("deleted", "second_factor")]


def test_the_machine_takes_the_last_owners_factor_away(alice):
    with_app(alice)
    call_command("break_glass", "alice", keep_second_factor=True)
    assert factors.are_on(alice)
    call_command("break_glass", "alice")
    assert not factors.are_on(alice)


def test_secrets_of_another_secret_key_open_nothing(client, settings, alice):
    secret = with_app(alice)
    codes = factors.new_codes(alice)
    settings.SECRET_KEY = "of another hub, from which nothing here was sealed with"
    for code in (code_of(secret), codes[0]):
        assert not factors.check_code(alice, code)
    assert factors.of_person(alice).codes_left == 0


def test_without_factors_recovery_codes_go_too(client, alice):
    client.force_login(alice)
    with_app(alice)
    factors.new_codes(alice)
    client.post("/account/second-factor/app/remove")
    assert not Authenticator.objects.exists()
