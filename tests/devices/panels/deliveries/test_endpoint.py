import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from devices.keys import tokens
from devices.panels.deliveries import endpoint as image
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db(transaction=True)
URL = "https://example.org/a.jpg"


@pytest.fixture
def token():
    make_device("hall", profile="panel")
    return tokens.new_token(make_user("olga", "operator"), "program")[1]


async def ask(token: str = "", **query):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await AsyncClient().get("/image", {"url": URL, "device": "hall"} | query, headers=headers)


async def test_it_answers_when_the_device_has_it(token, monkeypatch):
    async def delivered(pk, timeout_s, model):
        await sync_to_async(lambda: deliveries.note_delivered(deliveries.find(pk)))()
        return True

    monkeypatch.setattr(image, "wait_for_end", delivered)
    answer = await ask(token)
    assert answer.status_code == 200 and answer.json()["imageData"] == 1


async def test_a_device_that_fails_is_told_with_the_reason(token, monkeypatch):
    async def failed(pk, timeout_s, model):
        await sync_to_async(lambda: deliveries.fail(deliveries.find(pk), "no_ack_data", "Silence."))()
        return True

    monkeypatch.setattr(image, "wait_for_end", failed)
    answer = await ask(token)
    assert (answer.status_code, answer.json()["err"], answer.json()["des"]) == (
        502,
        "no_ack_data",
        "Silence.",
    )


async def test_a_device_that_takes_too_long_is_still_tried(token, monkeypatch):
    monkeypatch.setattr(image, "WAIT_S", 0.05)
    answer = await ask(token)
    assert (answer.status_code, answer.json()["err"]) == (504, "timeout")
    assert await Delivery.objects.filter(state="queued").aexists()


async def test_only_a_token_opens_it(token):
    assert (await ask()).status_code == 401
    assert (await ask("wrong")).status_code == 401
    client = AsyncClient()
    await sync_to_async(client.force_login)(await sync_to_async(make_user)("otto", "owner"))
    answer = await client.get("/image", {"url": URL, "device": "hall"})
    assert answer.status_code == 401 and not await Delivery.objects.aexists()


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ({"device": "nobody"}, 404, "not_found"),
        ({"url": "http://192.168.1.1/a.jpg"}, 504, "timeout"),
        ({"url": "file:///etc/passwd"}, 400, "url_not_allowed"),
        ({"render": "nope"}, 409, "unknown_render"),
    ],
)
async def test_what_cannot_be_is_refused(token, monkeypatch, query, status, word):
    monkeypatch.setattr(image, "WAIT_S", 0.05)
    answer = await ask(token, **query)
    assert (answer.status_code, answer.json()["err"]) == (status, word)


async def test_who_may_only_look_may_not_push(token):
    viewer = await sync_to_async(make_user)("vera", "viewer")
    secret = (await sync_to_async(tokens.new_token)(viewer, "program"))[1]
    assert (await ask(secret)).status_code == 403
