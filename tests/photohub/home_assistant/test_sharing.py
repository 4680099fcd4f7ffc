"""Several gateways, each of which tells of the devices that it holds."""

import pytest
from asgiref.sync import sync_to_async

from devices.mqtt import home_assistant
from devices.mqtt.client import Incoming
from devices.registry.models import Device
from photohub.home_assistant.announcing import Announcer
from tests.builders import make_capture, make_device, make_jpeg

pytestmark = pytest.mark.django_db(transaction=True)


class Link:
    """Notes what is published, as a broker would keep it."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.pictures: list[str] = []
        self.count = 0

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        self.count += 1
        if topic.endswith("/preview"):
            self.pictures.append(topic)
        if retain and payload:
            self.kept[topic] = payload
        elif retain:
            self.kept.pop(topic, None)

    def devices(self) -> set[str]:
        return {code for topic in self.kept if (code := home_assistant.code_in_config(topic))}


class Gateway:
    def __init__(self, link: Link, *codes: str) -> None:
        self.codes = set(codes)
        self.announcer = Announcer(link, lambda code: code in self.codes, lambda: None)

    async def look(self) -> None:
        self.announcer.look()
        await self.announcer._look()


def make_devices() -> None:
    for code in ("east", "west"):
        make_device(code)
    home_assistant.let_in()


async def test_each_tells_of_its_own_and_who_gives_a_device_away_takes_nothing_back():
    await sync_to_async(make_devices)()
    link = Link()
    first, second = Gateway(link, "east"), Gateway(link, "west")
    await first.look()
    assert link.devices() == {"east"}
    await second.look()
    assert link.devices() == {"east", "west"}
    first.codes, second.codes = set(), {"east", "west"}
    for gateway in (first, second, first):
        await gateway.look()
        assert link.devices() == {"east", "west"}


async def test_what_is_gone_is_cleared_by_who_held_it_and_rest_publishes_nothing():
    await sync_to_async(make_devices)()
    link = Link()
    first, second = Gateway(link, "east"), Gateway(link, "west")
    await first.look()
    await second.look()
    count = link.count
    await first.look()
    await second.look()
    assert link.count == count
    await Device.objects.filter(code="west").adelete()
    await first.look()
    assert link.devices() == {"east", "west"}
    await second.look()
    assert link.devices() == {"east"} and len(link.kept) == 2


async def test_a_button_is_for_the_gateway_that_holds_the_device():
    link = Link()
    first, second = Gateway(link, "east"), Gateway(link, "west")
    for gateway in (first, second):
        press = Incoming("photohub-home/east/press", b"PRESS", False, lambda: None)
        other = Incoming("photohub/east/result", b"PRESS", False, lambda: None)
        assert gateway.announcer.take(press) and not gateway.announcer.take(other)
    assert (first.announcer._presses.qsize(), second.announcer._presses.qsize()) == (1, 0)


async def test_where_nobody_was_ever_let_in_nothing_is_told_or_listened_to():
    await sync_to_async(make_device)("east")
    link = Link()
    gateway = Gateway(link, "east")
    await gateway.look()
    assert link.count == 0 and gateway.announcer.filters == set()


def store(code: str, name: str) -> None:
    make_capture(Device.objects.get(code=code), make_jpeg(text=name), name=name)


async def test_pictures_are_sent_when_they_are_new_or_wanted_and_not_at_every_connection():
    await sync_to_async(make_devices)()
    await sync_to_async(store)("east", "one")
    link = Link()
    gateway = Gateway(link, "east", "west")
    await gateway.look()
    assert link.pictures == []
    await sync_to_async(store)("west", "its first")
    await gateway.look()
    assert link.pictures == ["photohub-home/west/preview"]
    gateway.announcer.take(Incoming("homeassistant/status", b"online", False, lambda: None))
    await gateway.look()
    assert sorted(link.pictures[1:]) == ["photohub-home/east/preview", "photohub-home/west/preview"]
