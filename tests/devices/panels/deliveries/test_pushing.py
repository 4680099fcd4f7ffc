import asyncio
import contextlib

import pytest

from devices.panels.deliveries import pushing
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery, PictureOrigin
from devices.panels.deliveries.queue import Wish
from devices.panels.sources import outbox
from devices.protocol.pictures import packets as picture_packets
from devices.protocol.pictures.receiver import Receiver
from photohub.lib.database.db import in_thread
from tests.builders import make_device
from tests.flows.story import until

pytestmark = pytest.mark.django_db(transaction=True)
PICTURE = b"p" * 5000


class BoardLink:
    """Stands for the broker and one board behind it; `hears` drops what the board should not get."""

    def __init__(self) -> None:
        self.receiver, self.sent = Receiver(), 0
        self.hears = lambda number: True
        self._listeners: dict[str, object] = {}

    def listen(self, topic, take) -> None:
        self._listeners[topic] = take

    def forget(self, topic) -> None:
        self._listeners.pop(topic)

    def publish_now(self, topic, payload) -> None:
        self.sent += 1
        if self.hears(self.sent) and (answer := self.receiver.take(payload)):
            asyncio.get_running_loop().call_soon(self._answer, answer)

    def _answer(self, answer: bytes) -> None:
        for take in list(self._listeners.values()):
            take(answer)


@pytest.fixture
def link():
    return BoardLink()


def queue(code: str = "hall") -> Delivery:
    wish = Wish(PictureOrigin.UPLOAD, "a.jpg", picture=PICTURE, render="none")
    delivery = deliveries.deliver(make_device(code, profile="panel"), wish)
    deliveries.note_prepared(
        delivery, {"sha256": outbox.keep(PICTURE), "size_bytes": 5000, "packets_total": 4}
    )
    return delivery


@contextlib.asynccontextmanager
async def pushing_over(link, hears=lambda device, topic: True):
    pusher = pushing.Pusher(link, hears)
    task = asyncio.create_task(pusher.run())
    yield pusher
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def state_of(delivery: Delivery) -> str:
    return (await in_thread(deliveries.find, delivery.pk)).state


async def until_it_is(delivery: Delivery, state: str) -> None:
    async def look() -> bool:
        return await state_of(delivery) == state

    await until(look, 10)


async def test_a_picture_is_sent_and_noted(link):
    delivery = await in_thread(queue)
    async with pushing_over(link):
        await until_it_is(delivery, "delivered")
    now = await in_thread(deliveries.find, delivery.pk)
    assert link.receiver.picture == PICTURE and now.packets_acked == 4 and now.percent == 100


async def test_a_lost_packet_is_sent_again(link, monkeypatch):
    monkeypatch.setattr(picture_packets.Sender.__init__, "__defaults__", ("image.jpg", 0, 1, 0.2, 5))
    delivery = await in_thread(queue)
    link.hears = lambda number: number != 3
    async with pushing_over(link):
        await until_it_is(delivery, "delivered")
    assert (await in_thread(deliveries.find, delivery.pk)).packets_resent == 1


async def test_a_device_that_falls_silent_ends_as_failed_with_the_packet_in_words(link, monkeypatch):
    monkeypatch.setattr(picture_packets.Sender.__init__, "__defaults__", ("image.jpg", 0, 1, 0.05, 3))
    delivery = await in_thread(queue)
    link.hears = lambda number: number < 3
    async with pushing_over(link):
        await until_it_is(delivery, "failed")
    now = await in_thread(deliveries.find, delivery.pk)
    assert (now.reason_word, now.packets_acked) == ("no_ack_data", 1) and "2 of 4" in now.reason


async def test_what_is_on_its_way_when_the_connection_ends_is_queued_again(link):
    delivery = await in_thread(queue)
    link.hears = lambda number: False
    async with pushing_over(link):
        await until(lambda: link.sent)
    assert await state_of(delivery) == "queued"


async def test_a_device_that_does_not_listen_is_waited_for(link):
    delivery = await in_thread(queue)
    async with pushing_over(link, hears=lambda device, topic: False) as pusher:
        pusher.look()
        await asyncio.sleep(0.1)
    assert link.sent == 0 and await state_of(delivery) == "queued"


async def test_a_picture_that_is_missing_in_the_outbox_ends_as_failed(link):
    delivery = await in_thread(queue)
    await in_thread(lambda: Delivery.objects.update(sha256="0" * 64))
    async with pushing_over(link):
        await until_it_is(delivery, "failed")
    assert (await in_thread(deliveries.find, delivery.pk)).reason_word == "gone"


async def test_panels_that_are_shown_one_picture_share_its_bytes(link, monkeypatch):
    reads = []
    read = outbox.read
    monkeypatch.setattr(outbox, "read", lambda sha256: reads.append(sha256) or read(sha256))
    monkeypatch.setattr(link, "hears", lambda number: False)
    for code in ("hall", "door", "barn"):
        await in_thread(queue, code)
    async with pushing_over(link):
        await until(lambda: link.sent == 3)
    assert len(reads) == 1


async def test_a_picture_on_a_machine_that_does_not_answer_is_sent_when_it_does(link, monkeypatch):
    monkeypatch.setattr(pushing, "_AWAY_PAUSE_S", 0.05)
    monkeypatch.setattr(pushing, "QUIET_S", 0.05)
    delivery, read, tries = await in_thread(queue), outbox.read, []

    def away_at_first(sha256):
        tries.append(sha256)
        if len(tries) < 3:
            raise outbox.BlobAway(sha256)
        return read(sha256)

    monkeypatch.setattr(outbox, "read", away_at_first)
    async with pushing_over(link):
        await until_it_is(delivery, "delivered")
    assert len(tries) == 3
