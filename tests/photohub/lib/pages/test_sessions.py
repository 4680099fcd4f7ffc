import pytest
from django.test import Client

from photohub.lib.pages.sessions import end_sessions, user_of_session
from tests.builders import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    user = make_user("alice", "owner")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


def test_a_session_belongs_to_its_person(client, alice):
    assert user_of_session(client.session.session_key) == alice


def test_a_logged_out_session_belongs_to_nobody(client, alice):
    key = client.session.session_key
    client.logout()
    assert user_of_session(key) is None and user_of_session(None) is None


def test_a_new_password_ends_the_session(client, alice):
    alice.set_password("something quite else 9")
    alice.save()
    assert user_of_session(client.session.session_key) is None


def test_somebody_who_is_switched_off_loses_it(client, alice):
    alice.is_active = False
    alice.save()
    assert user_of_session(client.session.session_key) is None


def test_ending_sessions_keeps_the_named_one_and_those_of_others(client, alice):
    phone, vera = Client(), Client()
    phone.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    vera.force_login(make_user("vera", "viewer"), backend="django.contrib.auth.backends.ModelBackend")
    assert end_sessions(alice, keep=client.session.session_key) == 1
    assert user_of_session(phone.cookies["photohub"].value) is None
    assert user_of_session(client.session.session_key) == alice
    assert user_of_session(vera.session.session_key).username == "vera"
