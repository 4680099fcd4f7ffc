import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from devices.panels.deliveries import preparing
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery, PictureOrigin
from devices.panels.deliveries.queue import Wish
from devices.panels.fetching import links as panel_links
from devices.registry.models import Device, Panel
from devices.setup import adding
from tests.builders import make_jpeg

pytestmark = pytest.mark.django_db(transaction=True)
PICTURE = make_jpeg(text="hall")


@pytest.fixture
def made():
    return adding.add_device(code="hall", name="", profile="panel", picture_topic="", picture_ack_topic="")


@pytest.fixture
def delivery(made):
    delivery = deliveries.deliver(made.device, Wish(PictureOrigin.UPLOAD, "a", PICTURE, render="none"))
    preparing.prepare_one(delivery.pk)
    return Delivery.objects.get()


async def ask(key: str, method: str = "get", **headers):
    return await getattr(AsyncClient(), method)(f"/panel/{key}/next", headers=headers)


async def test_the_bytes_come_whole_with_all_that_a_small_client_needs(made, delivery):
    answer = await ask(made.key)
    assert answer.status_code == 200 and answer.content == PICTURE
    assert answer["Content-Type"] == "image/jpeg" and answer["Content-Length"] == str(len(PICTURE))
    assert answer["ETag"] == f'"{delivery.sha256}"' and answer["X-Next-Poll"] == "900"


async def test_a_panel_that_shows_it_is_told_when_to_come_again(made, delivery):
    await ask(made.key)
    answer = await ask(made.key, If_None_Match=f'"{delivery.sha256}"')
    assert (answer.status_code, answer.content, answer["Retry-After"]) == (304, b"", "900")
    assert (await sync_to_async(Delivery.objects.get)()).state == "delivered"


async def test_head_tells_without_handing_out(made, delivery):
    answer = await ask(made.key, "head")
    assert answer.status_code == 200 and answer["Content-Length"] == str(len(PICTURE))
    assert (await sync_to_async(Panel.objects.get)()).handed_sha256 == ""


async def test_without_a_picture_there_is_a_card(made):
    answer = await ask(made.key)
    assert answer.status_code == 200 and answer.content.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(("method", "key", "status"), [("get", "wrong", 401), ("post", "", 405)])
async def test_refusals_are_small_and_say_why(made, method, key, status):
    answer = await ask(key or made.key, method)
    assert answer.status_code == status and set(answer.json()) == {"code", "des", "err"}


async def test_a_device_that_is_switched_off_gets_nothing(made):
    await sync_to_async(Device.objects.update)(enabled=False)
    assert (await ask(made.key)).status_code == 403


async def test_the_hubs_own_address_of_a_picture_needs_no_header(made, delivery):
    address = panel_links.make_link(made.device.pk, delivery.sha256, "jpg")
    answer = await AsyncClient().get("/panel/i/" + address.rpartition("/")[2])
    assert answer.content == PICTURE and answer["Content-Type"] == "image/jpeg"


async def test_an_address_that_the_hub_did_not_make_leads_nowhere(made, delivery):
    assert (await AsyncClient().get("/panel/i/" + "A" * 80 + ".bmp")).status_code == 404
