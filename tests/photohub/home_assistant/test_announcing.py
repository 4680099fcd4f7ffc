"""Home Assistant at the embedded broker and at Mosquitto: what it is told, when, and what its button does."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiomqtt
import pytest
from asgiref.sync import sync_to_async

from devices.access.groups import DeviceGroup
from devices.commands.models import Command
from devices.events.models import Event
from devices.mqtt import home_assistant
from devices.protocol.mqtt.packets import Connect
from devices.registry import removing
from devices.registry.changes import change_device
from devices.registry.models import Device
from photohub.broker.accounts import may_publish, may_subscribe
from photohub.broker.accounts_db import find_account, no_longer_valid
from photohub.embedded.broker import EmbeddedBroker
from photohub.gateway import gateway
from photohub.home_assistant import reading
from photohub.lib.database.db import in_thread
from tests.brokers import running_mosquitto
from tests.builders import make_capture, make_device, make_jpeg
from tests.photohub.home_assistant.smart_home import at_home
from tests.waiting import until, until_await

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["embedded", "mosquitto"])
async def port(request, tmp_path, settings):
    """A hub at its own broker, and at Mosquitto."""
    if request.param == "embedded":
        async with embedded_hub() as found:
            yield found
    else:
        with running_mosquitto(tmp_path) as address:
            async with hub_at(address, lambda _device, _topic: True):
                yield address.port


@asynccontextmanager
async def hub_at(address, hears):
    intake = SimpleNamespace(frame_intake=None, run=asyncio.Event().wait, look=lambda: None)
    running = gateway.Gateway(address, intake, hears)
    task = asyncio.create_task(running.run())
    async with asyncio.timeout(60):
        await running.listening.wait()
        yield running
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def embedded_hub():
    async def authenticate(connect, _peer):
        return await in_thread(find_account, connect)

    async def revalidate(accounts):
        return await in_thread(no_longer_valid, accounts)

    broker = EmbeddedBroker(authenticate, host="127.0.0.1", port=0, revalidate=revalidate)
    await broker.start()
    async with hub_at(broker.core.hub, broker.hears):
        yield broker.port
    await broker.stop()


def make_yard(picture: bytes | None = None) -> str:
    """Make a camera with a picture, and let Home Assistant in. Returns its password."""
    yard = make_device("yard", profile="esp32s3", name="Yard")
    Device.objects.filter(pk=yard.pk).update(battery_mv=3900, rssi_dbm=-61)
    make_capture(yard, picture or make_jpeg(text="one"))
    return home_assistant.let_in()


@asynccontextmanager
async def home_of(port: int, password: str):
    async with at_home(port, home_assistant.USERNAME, password) as home:
        yield home


async def test_a_camera_is_discovered_with_all_that_it_has(port):
    picture = make_jpeg(text="the one")
    password = await sync_to_async(make_yard)(picture)
    async with home_of(port, password) as home:
        config = await home.discovers("yard")
        state = home.state("yard")
        preview = await home.gets_preview("yard")
        await until(lambda: "photohub-home/yard/picture" in home.told, 20)
    assert config["device"]["name"] == "Yard"
    assert {key: len(part) > 1 for key, part in config["components"].items()} == dict.fromkeys(
        ("picture", "camera", "online", "picture_at", "take", "battery", "signal"), True
    )
    assert (state["online"], state["battery"], state["signal_strength"]) == ("ON", 68, -61)
    assert state["picture_at"].startswith("20")
    assert b"/p/" in home.told["photohub-home/yard/picture"]
    assert preview == picture


async def test_the_button_takes_a_picture_and_the_device_page_says_who_asked(port):
    password = await sync_to_async(make_yard)()
    async with home_of(port, password) as home:
        await home.discovers("yard")
        await home.press("yard")
        events = Event.objects.filter(device__code="yard", sentence="Home Assistant asked for a picture.")
        await until_await(events.aexists, 20)
    assert await Command.objects.filter(device__code="yard").acount() == 1 and await events.acount() == 1


async def test_a_new_picture_and_a_new_name_are_told(port):
    password = await sync_to_async(make_yard)()
    async with home_of(port, password) as home:
        await home.discovers("yard")
        await home.gets_preview("yard")
        link, newer = home.told["photohub-home/yard/picture"], make_jpeg(text="two")
        yard = await Device.objects.aget(code="yard")
        await sync_to_async(make_capture)(yard, newer, name="b")
        await until(lambda: home.told["photohub-home/yard/preview"] == newer, 20)
        await until(lambda: home.told["photohub-home/yard/picture"] != link, 20)
        await sync_to_async(rename)("yard", "Garden")
        await until(lambda: home.device("yard")["device"]["name"] == "Garden", 20)


def rename(code: str, name: str) -> None:
    change_device(Device.objects.get(code=code), {"name": name})


async def test_a_device_that_is_removed_disappears(port):
    password = await sync_to_async(make_yard)()
    await sync_to_async(make_device)("barn", name="Barn")
    async with home_of(port, password) as home:
        await home.discovers("yard")
        await home.discovers("barn")
        await sync_to_async(remove)("yard")
        await until(lambda: home.device("yard") is None and not home.told["photohub-home/yard/state"], 60)
        assert home.device("barn") is not None


def remove(code: str) -> None:
    removing.remove_device(Device.objects.get(code=code))


def put_into_group(code: str) -> None:
    group = DeviceGroup.objects.create(name="Outside")
    Device.objects.get(code=code).groups.add(group)
    home_assistant.choose_groups([group.pk])


async def test_it_is_told_of_the_groups_that_owners_chose_and_of_nothing_when_shut_out(port):
    password = await sync_to_async(make_yard)()
    await sync_to_async(make_device)("barn", name="Barn")
    async with home_of(port, password) as home:
        await home.discovers("yard")
        await home.discovers("barn")
        await sync_to_async(put_into_group)("yard")
        await until(lambda: home.device("barn") is None, 60)
        assert home.device("yard") is not None
        await home.client.publish("photohub-home/barn/press", "PRESS", qos=1)
        await sync_to_async(home_assistant.shut_out)()
        await until(lambda: home.device("yard") is None, 60)
    assert not await Command.objects.aexists()


async def test_whoever_comes_later_is_told_all_and_who_says_that_he_is_there_again(port):
    password = await sync_to_async(make_yard)()
    async with home_of(port, password) as home:
        await home.discovers("yard")
        await home.gets_preview("yard")
    async with home_of(port, password) as home:
        await home.discovers("yard")
        await home.gets_preview("yard")


# --- brokers of their own


async def test_mosquitto_forgets_what_was_removed_while_no_hub_was_there(tmp_path):
    await sync_to_async(make_yard)()
    with running_mosquitto(tmp_path) as address:
        async with aiomqtt.Client(address.host, address.port) as earlier:
            for code in ("gone", "yard"):
                await earlier.publish(home_assistant.config_topic(code), b"{}", qos=1, retain=True)
            await earlier.publish("homeassistant/device/another/config", b"{}", qos=1, retain=True)
        async with (
            hub_at(address, lambda _device, _topic: True),
            aiomqtt.Client("127.0.0.1", address.port) as now,
        ):
            kept = await kept_when(now, lambda kept: home_assistant.config_topic("gone") not in kept)
    assert set(kept) == {"homeassistant/device/another/config", home_assistant.config_topic("yard")}


async def kept_when(client: aiomqtt.Client, condition) -> dict[str, bytes]:
    """Return what the broker keeps, once the condition holds of it."""
    kept: dict[str, bytes] = {}

    async def collect() -> None:
        async for message in client.messages:
            kept[str(message.topic)] = bytes(message.payload)

    running = asyncio.create_task(collect())
    await client.subscribe("homeassistant/device/+/config")
    await until(lambda: kept, 20)
    await until(lambda: condition({topic for topic, payload in kept.items() if payload}), 60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return {topic: payload for topic, payload in kept.items() if payload}


@pytest.mark.parametrize(
    "topic", ["photohub/yard/frame", "photohub-home/yard/state", "homeassistant/device/x/config"]
)
async def test_the_account_publishes_nothing_but_buttons_and_that_it_is_there(topic):
    password = await sync_to_async(make_yard)()
    account = await in_thread(
        find_account, Connect("ha", username=home_assistant.USERNAME, password=password)
    )
    assert not may_publish(account, topic)
    assert may_publish(account, "photohub-home/yard/press") and may_publish(account, "homeassistant/status")
    assert not may_subscribe(account, "photohub/yard/result") and not may_subscribe(account, "#")
    assert may_subscribe(account, "homeassistant/+/+/config")


async def test_a_wrong_password_a_new_one_and_the_end_of_the_account():
    first = await sync_to_async(make_yard)()
    find = lambda word: find_account(Connect("ha", username=home_assistant.USERNAME, password=word))  # noqa: E731
    old = await in_thread(find, first)
    assert await in_thread(find, "x" + first) is None and await in_thread(no_longer_valid, [old]) == []
    second = await sync_to_async(home_assistant.let_in)()
    assert await in_thread(find, first) is None and await in_thread(no_longer_valid, [old]) == [old]
    new = await in_thread(find, second)
    await sync_to_async(home_assistant.shut_out)()
    assert await in_thread(find, second) is None and await in_thread(no_longer_valid, [new]) == [new]


def test_a_button_that_is_pressed_again_asks_once_and_one_that_cannot_says_why():
    make_yard()
    assert reading.press("yard") and not reading.press("yard") and not reading.press("nobody")
    Command.objects.all().delete()
    Device.objects.update(enabled=False)
    assert not reading.press("yard")
    told = Event.objects.filter(device__code="yard", sentence__startswith="Home Assistant")
    assert [event.problem for event in told.order_by("seq")] == [False, True]
