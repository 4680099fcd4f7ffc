"""Pictures on their way to panels in the embedded form, over real sockets."""

import asyncio
import hashlib
import os

import httpx
import pytest

from devices.protocol.pictures.receiver import Receiver
from tests.builders import make_jpeg
from tests.flows.panels import BoardPanel, connected
from tests.flows.story import Visitor, until
from tests.hub_process import running_hub

LOGIN = ("alice", "correct horse 9")


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": LOGIN[0], "DJANGO_SUPERUSER_PASSWORD": LOGIN[1]}
    with running_hub(env=env) as hub:
        hub.token = hub.console.run("api_token", "alice").strip()
        yield hub


@pytest.fixture
async def visitor(hub):
    person = Visitor(hub.url, hub.token)
    yield person
    await person.api.aclose()


async def add(visitor: Visitor, code: str, profile: str = "panel") -> dict:
    answer = await visitor.api.post("/devices", json={"code": code, "profile": profile})
    return answer.json()


async def push(visitor: Visitor, code: str, picture: bytes, **values) -> dict:
    files = {"file": ("garden.jpg", picture, "image/jpeg")}
    answer = await visitor.api.post(f"/devices/{code}/deliveries", files=files, data=values)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def ended(visitor: Visitor, delivery: dict, within_s: float = 20.0) -> dict:
    async def look() -> dict | None:
        now = (await visitor.api.get(f"/deliveries/{delivery['id']}")).json()
        return now if now["state"] in ("delivered", "failed", "cancelled") else None

    return await until(look, within_s)


async def test_a_picture_arrives_bit_for_bit(hub, visitor):
    made = await add(visitor, "hall")
    picture = make_jpeg(text="hall") + os.urandom(55_000)
    async with connected(BoardPanel(), hub.mqtt_port, await visitor.device("hall"), made) as panel:
        delivery = await ended(visitor, await push(visitor, "hall", picture, render="none"))
    assert delivery["state"] == "delivered" and delivery["packets_acked"] == delivery["packets_total"] == 40
    assert panel.receiver.picture == picture
    assert delivery["sha256"] == hashlib.sha256(picture).hexdigest()


async def test_a_picture_waits_until_its_panel_is_there(hub, visitor):
    made = await add(visitor, "late")
    delivery = await push(visitor, "late", make_jpeg(text="late"), render="none")
    async with connected(BoardPanel(), hub.mqtt_port, await visitor.device("late"), made) as panel:
        assert (await ended(visitor, delivery))["state"] == "delivered"
    assert panel.receiver.picture == make_jpeg(text="late")


async def test_pictures_to_one_panel_go_one_after_the_other(hub, visitor):
    made = await add(visitor, "row")
    pictures = [make_jpeg(text=f"number {n}") for n in range(5)]
    waiting = [await push(visitor, "row", picture, render="none") for picture in pictures]
    async with connected(BoardPanel(), hub.mqtt_port, await visitor.device("row"), made) as panel:
        states = [(await ended(visitor, delivery))["state"] for delivery in waiting]
    assert states == ["delivered"] * 5 and panel.receiver.picture == pictures[-1]
    assert panel.receiver.counters["mixed"] == 0


async def test_a_damaged_packet_is_sent_again_and_a_base_of_one_is_understood(hub, visitor):
    made = await add(visitor, "one")
    await visitor.api.patch("/devices/one", json={"ack_base": 1})
    panel, damaged = BoardPanel(Receiver(ack_base=1)), iter([True])
    panel.mangle = lambda ack: [ack[:7] + b"\0"] if panel.packets > 3 and next(damaged, False) else [ack]
    async with connected(panel, hub.mqtt_port, await visitor.device("one"), made):
        delivery = await ended(visitor, await push(visitor, "one", make_jpeg() * 9, render="none"))
    assert delivery["state"] == "delivered" and delivery["packets_resent"] == 1


async def test_a_picture_that_is_sent_can_be_cancelled(hub, visitor):
    made = await add(visitor, "stop")
    async with connected(
        BoardPanel(mangle=lambda ack: []), hub.mqtt_port, await visitor.device("stop"), made
    ):
        delivery = await push(visitor, "stop", make_jpeg(), render="none")

        async def cancel() -> bool:
            state = (await visitor.api.get(f"/deliveries/{delivery['id']}")).json()["state"]
            return state == "sending"

        await until(cancel)
        assert (await visitor.api.post(f"/deliveries/{delivery['id']}/cancel")).status_code == 200
    assert (await ended(visitor, delivery))["state"] == "cancelled"


async def test_image_answers_when_the_device_has_the_picture(hub, visitor):
    made = await add(visitor, "kiosk")
    camera = await add(visitor, "yard", "generic")
    headers = {"X-Device-Key": camera["key"], "Name-Pic": "yard"}
    async with httpx.AsyncClient() as web:
        await web.post(f"{hub.url}/api/upload", content=make_jpeg(text="yard"), headers=headers)
        link = (await visitor.api.get("/captures", params={"device": "yard"})).json()["items"][0]["url"]
        asked = {"url": link, "device": "kiosk", "render": "none"}
        async with connected(BoardPanel(), hub.mqtt_port, await visitor.device("kiosk"), made) as panel:
            bearer = {"Authorization": f"Bearer {hub.token}"}
            answer = await web.get(f"{hub.url}/image", params=asked, headers=bearer, timeout=30)
    assert answer.status_code == 200 and answer.json()["imageData"] == 1
    assert panel.receiver.picture == make_jpeg(text="yard")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x.jpg", "http://169.254.169.254/", "file:///etc/passwd", ""]
)
async def test_image_asks_no_address_inside_the_house(hub, visitor, url):
    if not (await visitor.api.get("/devices/inside")).is_success:
        await add(visitor, "inside")
    bearer = {"Authorization": f"Bearer {hub.token}"}
    async with httpx.AsyncClient() as web:
        asked = {"url": url, "device": "inside"}
        answer = await web.get(f"{hub.url}/image", params=asked, headers=bearer, timeout=30)
    assert answer.status_code == 400 and answer.json()["err"] == "url_not_allowed"


async def test_a_hub_that_dies_in_the_middle_sends_the_picture_from_the_beginning(hub, visitor):
    made = await add(visitor, "crash")
    picture = make_jpeg() + os.urandom(60 * 1400)
    device = await visitor.device("crash")
    panel = BoardPanel()
    # It is deaf from the middle on, so that the hub is still at it when it dies.
    panel.mangle = lambda ack: [ack] if panel.packets < 20 else []
    async with connected(panel, hub.mqtt_port, device, made):
        delivery = await push(visitor, "crash", picture, render="none")
        await until(lambda: panel.packets >= 20)
        await asyncio.to_thread(hub.kill)
    panel.mangle = lambda ack: [ack]
    await asyncio.to_thread(hub.start)
    async with connected(panel, hub.mqtt_port, device, made):
        # At once: the lease of the hub that died, which would last for 20 s, binds nobody.
        assert (await ended(visitor, delivery, within_s=15))["state"] == "delivered"
    assert panel.receiver.picture == picture and panel.receiver.counters["mixed"] == 0
