import asyncio

import pytest
from django.db import OperationalError

from devices.events.models import Trouble
from devices.registry import presence
from devices.registry.models import Device
from media_pipeline.streams import links as stream_links
from media_pipeline.streams.links import StreamLinks
from media_pipeline.streams.tcp import LinkEvent, LinkState
from tests.builders import make_device
from tests.flows.story import until

pytestmark = pytest.mark.django_db(transaction=True)


def told(state: LinkState) -> LinkEvent:
    return LinkEvent("pi", state, "10.0.0.9", "the device closed the connection")


def online() -> bool:
    return Device.objects.get().online


def sentences() -> list[str]:
    return [e.sentence for e in Device.objects.get().events.order_by("seq")]


async def test_a_stream_makes_its_device_online_and_its_end_offline():
    await asyncio.to_thread(make_device, "pi", profile="raspberry-pi")
    links = StreamLinks(grace_s=0.05)
    await links.note(told(LinkState.CONNECTED))
    assert await asyncio.to_thread(online)
    await links.note(told(LinkState.GONE))
    await until(lambda: asyncio.to_thread(lambda: not online()))


async def test_a_camera_that_connects_for_each_picture_is_told_once():
    await asyncio.to_thread(make_device, "pi", profile="raspberry-pi")
    links = StreamLinks(grace_s=30)
    for _ in range(4):
        await links.note(told(LinkState.CONNECTED))
        await links.note(told(LinkState.GONE))
    assert await asyncio.to_thread(sentences) == ["Its stream began, from 10.0.0.9."]
    await links.stop()
    assert "ended" in (await asyncio.to_thread(sentences))[-1]


async def test_who_is_connected_by_mqtt_stays_so_when_the_stream_ends():
    device = await asyncio.to_thread(make_device, "pi", profile="k230")
    await asyncio.to_thread(presence.connected, device)
    links = StreamLinks(grace_s=0)
    await links.note(told(LinkState.CONNECTED))
    await links.note(told(LinkState.GONE))
    await links.stop()
    assert await asyncio.to_thread(online)


def open_words() -> set[str]:
    return set(Trouble.objects.open().values_list("word", flat=True))


@pytest.mark.parametrize("state", [LinkState.GONE, LinkState.REFUSED])
async def test_a_stream_that_cannot_be_read_stands_on_the_page_until_one_lasts(state):
    await asyncio.to_thread(make_device, "pi", profile="raspberry-pi")
    links = StreamLinks(grace_s=30)
    await links.note(LinkEvent("pi", state, "10.0.0.9", "closed", "stream_too_large", 4096))
    await links.note(told(LinkState.CONNECTED))
    assert await asyncio.to_thread(open_words) == {"stream_too_large"}
    await links.note(told(LinkState.ALIVE))
    assert await asyncio.to_thread(open_words) == set()
    await links.stop()


class Away:
    """A database that is away for the first calls of a function."""

    def __init__(self, monkeypatch, name: str, times: int) -> None:
        self.times, self.function = times, getattr(stream_links, name)
        monkeypatch.setattr(stream_links, name, self)

    def __call__(self, event: LinkEvent) -> object:
        self.times -= 1
        if self.times >= 0:
            raise OperationalError("away")
        return self.function(event)


async def test_a_stream_that_began_while_the_database_was_away_is_online_once_it_is_back(monkeypatch):
    await asyncio.to_thread(make_device, "pi", profile="raspberry-pi")
    Away(monkeypatch, "_began", 1)
    links = StreamLinks(grace_s=30)
    with pytest.raises(OperationalError):
        await links.note(told(LinkState.CONNECTED))
    await links.note(told(LinkState.ALIVE))
    assert await asyncio.to_thread(online)
    await links.stop()


async def test_a_stream_that_ended_while_the_database_was_away_is_offline_once_it_is_back(monkeypatch):
    await asyncio.to_thread(make_device, "pi", profile="raspberry-pi")
    links = StreamLinks(grace_s=0.01)
    await links.note(told(LinkState.CONNECTED))
    Away(monkeypatch, "_ended", 3)
    await links.note(told(LinkState.GONE))
    await until(lambda: asyncio.to_thread(lambda: not online()))
