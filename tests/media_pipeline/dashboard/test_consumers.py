import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as configured
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from django.test import Client

from devices.access.groups import DeviceGroup
from devices.events import record as events
from devices.events.models import Event, EventType
from media_pipeline.dashboard import consumers
from photohub import asgi
from photohub.lib.ids import new_id
from photohub.lib.messaging import notify
from tests.builders import make_device, make_user
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def _bound():
    notify.bind(asyncio.get_running_loop())
    yield
    notify.bind(None)


def log_in(user) -> str:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.session.session_key


async def open_page(user=None, origin: str = "http://localhost") -> WebsocketCommunicator:
    headers = [(b"origin", origin.encode()), (b"host", b"localhost")]
    if user is not None:
        key = await sync_to_async(log_in)(user)
        headers.append((b"cookie", f"{configured.SESSION_COOKIE_NAME}={key}".encode()))
    return WebsocketCommunicator(asgi.application, "/ws/live/", headers=headers)


async def hello(page: WebsocketCommunicator) -> dict:
    connected, _ = await page.connect()
    assert connected
    return json.loads(await page.receive_from())


def happen(device, type_=EventType.CAPTURE_CREATED) -> None:
    events.record(type_, device=device, subject=new_id())


async def test_a_page_is_greeted_with_the_newest_number_and_hears_what_happens():
    porch = await sync_to_async(make_device)("porch")
    page = await open_page(await sync_to_async(make_user)("vera", "viewer"))
    assert (await hello(page))["type"] == "hello"
    await sync_to_async(happen)(porch)
    event = json.loads(await page.receive_from())
    assert (event["type"], event["device"]) == ("capture.created", "porch")
    assert event["seq"] == (await Event.objects.afirst()).seq
    await page.disconnect()


async def test_a_stranger_is_closed_with_a_reason():
    page = await open_page()
    await page.connect()
    assert (await page.receive_output())["code"] == consumers.CLOSE_NO_RIGHT


async def test_a_foreign_origin_is_refused():
    page = await open_page(await sync_to_async(make_user)("vera", "viewer"), origin="http://evil.example")
    assert (await page.connect())[0] is False


async def test_events_of_other_peoples_cameras_are_not_told():
    group = await DeviceGroup.objects.acreate(name="garden")
    garden = await sync_to_async(make_device)("garden-cam", group=group)
    barn = await sync_to_async(make_device)("barn")
    page = await open_page(await sync_to_async(make_user)("vera", "viewer", group))
    await hello(page)
    await sync_to_async(happen)(barn)
    await sync_to_async(happen)(garden)
    assert json.loads(await page.receive_from())["device"] == "garden-cam"
    await page.disconnect()


async def test_a_camera_added_later_is_heard_at_once():
    page = await open_page(await sync_to_async(make_user)("vera", "viewer"))
    await hello(page)
    await sync_to_async(lambda: happen(make_device("new-cam")))()
    assert json.loads(await page.receive_from())["device"] == "new-cam"
    await page.disconnect()


async def test_a_lost_right_ends_the_socket(monkeypatch):
    monkeypatch.setattr(consumers, "_RECHECK_S", 0.05)
    user = await sync_to_async(make_user)("vera", "viewer")
    page = await open_page(user)
    await hello(page)
    await sync_to_async(SessionStore.get_model_class().objects.all().delete)()
    assert (await page.receive_output(3))["code"] == consumers.CLOSE_NO_RIGHT


async def test_a_page_that_shouts_is_put_out():
    page = await open_page(await sync_to_async(make_user)("vera", "viewer"))
    await hello(page)
    await page.send_to(text_data="x" * 5000)
    assert (await page.receive_output(3))["code"] == consumers.CLOSE_TOO_MUCH


async def test_an_open_page_is_pinged_with_the_newest_number(monkeypatch):
    monkeypatch.setattr(consumers, "_RECHECK_S", 0.05)
    monkeypatch.setattr(consumers, "_PING_S", 0.1)
    page = await open_page(await sync_to_async(make_user)("vera", "viewer"))
    seq = (await hello(page))["seq"]
    assert json.loads(await page.receive_from(3)) == {"type": "ping", "seq": seq}
    await page.disconnect()


async def test_a_page_stays_open_and_is_told_what_it_missed_while_the_database_was_away(monkeypatch):
    page = await open_page(await sync_to_async(make_user)("vera", "viewer"))
    seq, read_rights = (await hello(page))["seq"], consumers.LiveConsumer._read_rights
    errors = [OperationalError("away")]

    def fail_first(self) -> bool:
        if errors:
            raise errors.pop()
        return read_rights(self)

    monkeypatch.setattr(consumers.LiveConsumer, "_read_rights", fail_first)
    await sync_to_async(lambda: happen(make_device("new-cam")))()
    await until(lambda: not errors)
    await sync_to_async(lambda: happen(make_device("next-cam")))()
    event = json.loads(await page.receive_from())
    assert event["device"] == "next-cam" and event["seq"] > seq + 1
    await page.disconnect()


async def test_what_came_as_one_message_is_taken_apart_and_judged_one_by_one():
    porch, barn = await sync_to_async(make_device)("porch"), await sync_to_async(make_device)("barn")
    group = await DeviceGroup.objects.acreate(name="yard")
    await porch.groups.aadd(group)
    page = await open_page(await sync_to_async(make_user)("vera", "viewer", group))
    await hello(page)
    messages = [
        {"type": "live.event", "device_id": device_id, "event": {"seq": seq}}
        for seq, device_id in enumerate((porch.pk, barn.pk, None, porch.pk))
    ]
    layer = notify.channel_layer()
    await layer.group_send(notify.PAGES, {"type": "live.together", "messages": messages})
    assert [json.loads(await page.receive_from())["seq"] for _ in range(2)] == [0, 3]
    await page.disconnect()


async def test_who_has_two_groups_of_a_camera_hears_everything_once_and_no_group():
    garden, yard = [await DeviceGroup.objects.acreate(name=name) for name in ("garden", "yard")]
    shared = await sync_to_async(make_device)("shared", groups=[garden, yard])
    vera = await sync_to_async(make_user)("vera", "viewer", garden)
    await vera.memberships.acreate(role="operator", group=yard)
    page = await open_page(vera)
    await hello(page)
    for type_ in (EventType.CAPTURE_CREATED, EventType.DEVICE_CHANGED):
        await sync_to_async(happen)(shared, type_)
    heard = [await page.receive_from() for _ in range(2)]
    assert [json.loads(text)["type"] for text in heard] == ["capture.created", "device.changed"]
    assert await page.receive_nothing() and "garden" not in str(heard) and "yard" not in str(heard)
    await page.disconnect()


async def test_a_device_that_leaves_the_common_group_is_not_heard_of_any_more(monkeypatch):
    monkeypatch.setattr(consumers, "_RECHECK_S", 0.05)
    garden, yard = [await DeviceGroup.objects.acreate(name=name) for name in ("garden", "yard")]
    shared = await sync_to_async(make_device)("shared", groups=[garden, yard])
    own = await sync_to_async(make_device)("own", groups=[garden])
    page = await open_page(await sync_to_async(make_user)("vera", "viewer", garden))
    looks, read = [], consumers.LiveConsumer._read_rights
    monkeypatch.setattr(
        consumers.LiveConsumer, "_read_rights", lambda self: (read(self), looks.append(self._visible))[0]
    )
    await hello(page)
    await shared.groups.aremove(garden)
    await until(lambda: looks and shared.pk not in looks[-1])
    for device in (shared, own):
        await sync_to_async(happen)(device)
    assert json.loads(await page.receive_from())["device"] == "own"
    await page.disconnect()
