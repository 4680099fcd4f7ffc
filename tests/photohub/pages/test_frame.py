"""The rail and the keyboard sheet: each visitor gets his own, on each page."""

import pytest
from django.test import Client

from tests.builders import make_user

pytestmark = pytest.mark.django_db


def fetch(name: str, role: str, path: str = "/history", **headers: str) -> str:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user(name, role))
    return " ".join(client.get(path, headers=headers).content.decode().split())


def test_each_visitor_is_called_by_his_own_name_and_offered_what_he_may():
    owner, viewer, other = fetch("xenia<x>", "owner"), fetch("quentin", "viewer"), fetch("wim", "viewer")
    assert ">xenia&lt;x&gt;</strong>" in owner and ">quentin</strong>" in viewer and ">wim</strong>" in other
    assert "xenia" not in viewer and "quentin" not in other
    for words in ("Administration", "Signing keys", "/trash"):
        assert words in owner and words not in viewer


def test_the_page_is_marked_wherever_it_was_first_shown():
    vic = {"name": "vic", "role": "viewer"}
    history = fetch(**vic)
    wall = fetch("wim", "viewer", "/wall")
    assert 'href="/history" data-go="h" aria-current="page"' in history
    assert 'href="/" data-go="l" aria-current="true"' in wall and "Camera to camera" in wall
    assert "Camera to camera" not in history


def test_forms_of_the_menu_bring_the_visitor_back_and_are_his():
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("vic", "viewer"))
    for path in ("/history?fold=no&q=%22a", "/devices/"):
        page = client.get(path)
        asked = page.wsgi_request.get_full_path().replace("&", "&amp;")
        assert f'name="next" value="{asked}"' in page.content.decode()
    token = page.content.decode().split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    changed = client.post("/language", {"language": "zh-hans", "next": "/", "csrfmiddlewaretoken": token})
    assert changed.status_code == 302
    assert "我的账号" in client.get("/history").content.decode()
