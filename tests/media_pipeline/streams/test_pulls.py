import asyncio

import pytest
from django.db import OperationalError

from devices.events import troubles
from devices.registry.models import Device
from media_pipeline.streams import pulls as pulls_module
from media_pipeline.streams.pulls import Pulls, note_trouble
from photohub.lib.network.errors import LoginRefused
from tests.builders import make_device
from tests.flows.story import until

pytestmark = pytest.mark.django_db(transaction=True)


async def tell_nobody(_event) -> None:
    return


def pulls() -> Pulls:
    return Pulls(lambda *_: None, tell_nobody, look_every_s=0.05)


def add_camera() -> Device:
    return make_device("porch", pull_url="tcp://127.0.0.1:1")


async def test_changes_of_a_device_start_and_stop_its_puller():
    await asyncio.to_thread(add_camera)
    room = pulls()
    task = asyncio.create_task(room.run())
    await until(lambda: room.codes == ["porch"])
    await asyncio.to_thread(Device.objects.update, enabled=False)
    await until(lambda: room.codes == [])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_two_gateways_never_pull_the_same_and_the_second_takes_over():
    await asyncio.to_thread(add_camera)
    first, second = pulls(), pulls()
    task = asyncio.create_task(first.run())
    await until(lambda: first.codes == ["porch"])
    other = asyncio.create_task(second.run())
    await asyncio.sleep(0.3)
    assert second.codes == []
    task.cancel()
    await until(lambda: second.codes == ["porch"])
    other.cancel()
    await asyncio.gather(task, other, return_exceptions=True)


def words() -> list[str]:
    return [trouble.word for trouble in Device.objects.get().troubles.open()]


async def test_why_a_camera_cannot_be_fetched_is_seen_until_it_can(monkeypatch):
    monkeypatch.setattr(troubles, "WRITE_EVERY_S", 0.0)
    await asyncio.to_thread(add_camera)
    room = pulls()
    task = asyncio.create_task(room.run())
    await until(lambda: asyncio.to_thread(lambda: words() == ["fetch_unreachable"]))
    event = await asyncio.to_thread(lambda: Device.objects.get().events.exclude(sentence="").last())
    assert event.problem and "127.0.0.1:1 cannot be reached (Connection refused)" in event.sentence

    async def is_told() -> bool:
        await note_trouble("porch", LoginRefused("fetch_login_wrong", host="cam"))
        return "fetch_login_wrong" in await asyncio.to_thread(words)

    # The hub tries again meanwhile, and says then what is so.
    await until(is_told)
    await asyncio.to_thread(Device.objects.update, pull_url="")
    await until(lambda: asyncio.to_thread(lambda: words() == []))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_fetching_goes_on_whatever_ends_a_puller_or_fails_while_one_is_ended(monkeypatch):
    device, errors = await asyncio.to_thread(add_camera), [OperationalError("away")] * 3
    note = pulls_module._note_trouble

    def fail_first(*args) -> None:
        if errors:
            raise errors.pop()
        note(*args)

    monkeypatch.setattr(pulls_module, "_note_trouble", fail_first)
    room = pulls()
    task = asyncio.create_task(room.run())
    await until(lambda: room.codes == ["porch"])
    (puller,) = room._running.values()
    # A library may let out the cancellation of something else.
    puller.cancel()
    await until(lambda: room.codes == ["porch"] and puller not in room._running.values())
    errors[:] = [OperationalError("away")] * 3
    await asyncio.to_thread(Device.objects.update, pull_url="tcp://127.0.0.1:2")
    await until(lambda: not errors and room.codes == [device.code])
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_of_gateways_that_share_the_cameras_each_fetches_from_its_own_and_what_moves_has_not_ended():
    await asyncio.to_thread(add_camera)
    told, holder = [], ["first"]

    async def tell(event) -> None:
        told.append(str(event.sentence))

    rooms = [
        Pulls(lambda *_: None, tell, look_every_s=0.05, holds=lambda _code, name=name: holder[0] == name)
        for name in ("first", "second")
    ]
    tasks = [asyncio.create_task(room.run()) for room in rooms]
    await until(lambda: rooms[0].codes == ["porch"])
    holder[0] = "second"
    await until(lambda: (rooms[0].codes, rooms[1].codes) == ([], ["porch"]))
    assert not [sentence for sentence in told if "no longer fetched" in sentence]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
