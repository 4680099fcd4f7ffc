"""Owners and the people they invite."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from devices.access import rights
from devices.access.groups import DeviceGroup
from devices.access.models import Membership
from devices.keys import tokens
from tests.builders import make_user

NEW_PASSWORD = "rhubarb-and-custard-9"


@pytest.fixture
def alice(db):
    client = Client()
    client.force_login(make_user("alice", "owner"))
    return client


def pk_of(name: str) -> int:
    return get_user_model().objects.get(username=name).pk


def invite(client, name: str = "vera", role: str = "viewer", group: DeviceGroup | None = None):
    return client.post("/people/invite", {"username": name, "role": role, "group": group.pk if group else ""})


def link_of(client) -> str:
    """Return the path of the link that the page shows now."""
    shown = re.search(r'<code id="invitation-link">https?://[^/]+([^<]+)<', client.get("/people").text)
    return shown[1] if shown else ""


def accept(client, path: str):
    return client.post(path, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})


def test_an_invited_person_sets_a_password_and_is_in(alice):
    invite(alice, "vera", "viewer", DeviceGroup.objects.create(name="garden"))
    vera, path = Client(), link_of(alice)
    assert "Welcome, vera" in vera.get(path).text
    assert accept(vera, path)["Location"] == "/"
    assert vera.get("/account").status_code == 200
    assert Membership.objects.get(user__username="vera").group.name == "garden"


def test_an_invitation_is_shown_once_and_works_once(alice):
    invite(alice)
    path = link_of(alice)
    assert link_of(alice) == ""
    accept(Client(), path)
    assert accept(Client(), path).status_code == 410


@pytest.mark.parametrize(
    "path", ["/invitation/MQ/forged", "/invitation/%00/x", "/invitation/OTk5/x-y", "/invitation/_/1"]
)
def test_a_forged_invitation_is_dead(alice, path):
    assert Client().get(path).status_code == 410


def test_somebody_switched_off_cannot_use_the_link(alice):
    invite(alice)
    path = link_of(alice)
    alice.post(f"/people/{pk_of('vera')}/enabled", {"enabled": "no"})
    assert accept(Client(), path).status_code == 410


def test_a_name_is_given_once_whatever_its_case(alice):
    answer = invite(alice, "ALICE")
    assert answer.status_code == 422 and "already a person with this name" in answer.text


def test_an_owner_of_one_group_does_not_exist(alice):
    group = DeviceGroup.objects.create(name="garden")
    assert invite(alice, "vera", "owner", group).status_code == 422
    assert not get_user_model().objects.filter(username="vera").exists()


def test_a_new_role_replaces_the_old_one(alice):
    vera = make_user("vera", "viewer", DeviceGroup.objects.create(name="garden"))
    alice.post(f"/people/{vera.pk}/role", {"role": "operator", "group": ""})
    assert list(vera.memberships.values_list("role", "group")) == [("operator", None)]


def test_a_second_owner_may_manage_and_the_first_may_then_step_back(alice):
    vera = make_user("vera", "viewer")
    alice.post(f"/people/{vera.pk}/role", {"role": "owner", "group": ""})
    alice.post(f"/people/{pk_of('alice')}/role", {"role": "viewer", "group": ""})
    assert alice.get("/people").status_code == 403
    vera_at = Client()
    vera_at.force_login(vera)
    assert vera_at.get("/people").status_code == 200


def test_the_last_owner_keeps_the_role(alice):
    answer = alice.post(f"/people/{pk_of('alice')}/role", {"role": "viewer", "group": ""}, follow=True)
    assert "is the only owner" in answer.text
    assert rights.owner_exists() and alice.get("/people").status_code == 200


def test_the_last_owner_is_not_switched_off(alice):
    answer = alice.post(f"/people/{pk_of('alice')}/enabled", {"enabled": "no"}, follow=True)
    assert "is the only owner" in answer.text and rights.owner_exists()


def test_switching_off_ends_sessions_for_good(alice):
    bob = make_user("bob", "operator")
    bob_at = Client()
    bob_at.force_login(bob)
    for enabled in ("no", "yes"):
        alice.post(f"/people/{bob.pk}/enabled", {"enabled": enabled})
        assert bob_at.get("/account").status_code == 302
    assert get_user_model().objects.get(pk=bob.pk).is_active


def test_switching_off_ends_tokens(alice):
    bob = make_user("bob", "operator")
    _token, secret = tokens.new_token(bob, "export")
    alice.post(f"/people/{bob.pk}/enabled", {"enabled": "no"})
    assert tokens.find_token(secret) is None


def test_a_lost_password_gets_a_new_link(alice):
    bob = make_user("bob", "operator")
    alice.post(f"/people/{bob.pk}/link")
    assert accept(Client(), link_of(alice))["Location"] == "/"


@pytest.mark.parametrize("role", ["operator", "viewer", ""])
def test_others_never_see_nor_change_people(db, role):
    person = make_user("bob", role)
    client = Client()
    client.force_login(person)
    assert client.get("/people").status_code == 403
    for path in ("invite", f"{person.pk}/role", f"{person.pk}/enabled", f"{person.pk}/link"):
        assert client.post(f"/people/{path}", {"role": "owner", "username": "x"}).status_code == 403
    assert not rights.owner_exists()


def test_strangers_are_sent_to_the_login(client, db):
    assert client.get("/people")["Location"] == "/login?next=/people"


@pytest.mark.parametrize("path", ["invite", "1/role", "1/enabled", "1/link"])
def test_nobody_is_changed_by_a_link(alice, path):
    assert alice.get(f"/people/{path}").status_code == 405


def test_a_new_link_ends_the_one_before(alice):
    invite(alice)
    first = link_of(alice)
    alice.post(f"/people/{get_user_model().objects.get(username='vera').pk}/link")
    second = link_of(alice)
    assert accept(Client(), first).status_code == 410
    assert accept(Client(), second)["Location"] == "/"


def test_a_link_of_an_older_hub_works_until_there_is_a_newer_one(alice):
    vera = make_user("vera", "viewer")
    uid = urlsafe_base64_encode(force_bytes(vera.pk))
    old = f"/invitation/{uid}/{default_token_generator.make_token(vera)}"
    assert Client().get(old).status_code == 200
    alice.post(f"/people/{vera.pk}/link")
    assert Client().get(old).status_code == 410


def tokens_after_reset(alice, **more) -> tuple[str, bool]:
    """Reset bob's password by a link; return the page before it, and whether his token still works."""
    bob = make_user("bob", "operator")
    _token, secret = tokens.new_token(bob, "program")
    alice.post(f"/people/{bob.pk}/link")
    path, client = link_of(alice), Client()
    page = client.get(path).text
    client.post(path, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD} | more)
    return page, tokens.find_token(secret) is not None


def test_a_reset_by_link_says_that_tokens_go_on_and_ends_them_if_wanted(alice):
    page, works = tokens_after_reset(alice, end_tokens="on")
    assert "1 API token works without this password" in page and not works


def test_a_reset_by_link_leaves_the_tokens_otherwise(alice):
    assert tokens_after_reset(alice)[1]


def test_a_reset_by_link_ends_every_other_session(alice):
    bob, elsewhere = make_user("bob", "operator"), Client()
    elsewhere.force_login(bob)
    alice.post(f"/people/{bob.pk}/link")
    accept(Client(), link_of(alice))
    assert elsewhere.get("/account").status_code == 302
