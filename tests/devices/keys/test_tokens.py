"""Views that a person's session and a program's token both open."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import RequestFactory

from devices.keys import tokens
from devices.keys.tokens import login_or_token
from tests.builders import make_user

pytestmark = pytest.mark.django_db


@login_or_token
def page(request):
    return HttpResponse(request.user.get_username())


def ask(view=page, secret: str = "", user=None):
    """Return the answer to a request with this token and session."""
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    request = RequestFactory().get("/picture?x=1", headers=headers)
    request.user = user or AnonymousUser()
    return view(request)


def test_a_session_opens_it():
    assert ask(user=make_user("vera", "viewer")).content == b"vera"


def test_a_token_opens_it_as_its_person():
    secret = tokens.new_token(make_user("vera", "viewer"), "program")[1]
    assert ask(secret=secret, user=make_user("alice", "owner")).content == b"vera"


def test_a_stranger_is_sent_to_the_login():
    answer = ask()
    assert answer.status_code == 302
    assert answer["Location"].endswith("?next=/picture%3Fx%3D1")


def test_a_wrong_token_is_401_even_beside_a_session():
    answer = ask(secret="nonsense", user=make_user("alice", "owner"))
    assert answer.status_code == 401
    assert b'"auth"' in answer.content


def test_a_token_without_the_read_scope_does_not_look():
    secret = tokens.new_token(make_user("vera", "viewer"), "program", ["command"])[1]
    with pytest.raises(PermissionDenied):
        ask(secret=secret)


@pytest.mark.django_db(transaction=True)
async def test_an_async_view_is_guarded_the_same_way():
    @login_or_token
    async def picture(request):
        return HttpResponse("seen")

    assert (await ask(view=picture)).status_code == 302
