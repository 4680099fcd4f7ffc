"""The middleware of PhotoHub's own, under a server with an event loop and without one."""

import pytest
from django.conf import settings
from django.test import AsyncClient
from servestatic.middleware import ServeStaticMiddleware

FILE = "css/base.css"


def content_of(path: str) -> bytes:
    return (settings.BASE_DIR / "static" / path).read_bytes()


def test_a_static_file_is_served(client):
    answer = client.get(f"/static/{FILE}")
    assert answer.status_code == 200 and b"".join(answer) == content_of(FILE)
    assert answer["X-Content-Type-Options"] == "nosniff"


async def test_a_static_file_is_served_under_an_event_loop():
    answer = await AsyncClient().get(f"/static/{FILE}")
    assert answer.status_code == 200
    assert b"".join([part async for part in answer.streaming_content]) == content_of(FILE)


async def test_a_file_of_another_versions_page_is_our_own_and_is_not_kept_for_long():
    answer = await AsyncClient().get("/static/css/base.0123456789ab.css")
    assert answer.status_code == 200 and "immutable" not in answer.headers.get("Cache-Control", "")
    assert b"".join([part async for part in answer.streaming_content]) == content_of(FILE)
    assert (await AsyncClient().get("/static/css/never.0123456789ab.css")).status_code == 404


@pytest.mark.django_db
def test_a_page_costs_no_event_loop_where_there_is_none(client, monkeypatch):
    async def refuse(self, request):
        raise AssertionError("an event loop for a page")

    monkeypatch.setattr(ServeStaticMiddleware, "__call__", refuse)
    assert client.get("/login").status_code == 200
    with pytest.raises(AssertionError):
        client.get(f"/static/{FILE}")


@pytest.mark.django_db(transaction=True)
async def test_a_page_is_served_under_an_event_loop():
    assert (await AsyncClient().get("/login")).status_code == 200
