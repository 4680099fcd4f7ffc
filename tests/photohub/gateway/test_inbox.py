"""What becomes of messages whose handler fails: each ends, and none keeps another device's from being handled."""

import asyncio
import concurrent.futures
import contextlib
import threading

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DataError, InterfaceError, OperationalError

from devices.events import troubles
from devices.events.models import Trouble
from devices.mqtt.client import Incoming, MqttDown
from devices.protocol.pictures.chunked_upload import Answer
from media_pipeline.picture_files.refusals import Refused
from photohub.gateway import inbox
from tests.builders import make_device
from tests.waiting import until, until_await

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    for name in ("_FIRST_PAUSE_S", "_LONGEST_PAUSE_S", "_WATCH_EVERY_S"):
        monkeypatch.setattr(inbox, name, 0.01)


class Mail:
    """A message, and what became of it."""

    def __init__(self, code: str, payload: bytes = b"", channel: str = "telemetry", qos: int = 1) -> None:
        self.end = asyncio.get_running_loop().create_future()
        topic = f"photohub/{code}/{channel}"
        ends = (lambda: self.end.set_result("taken"), lambda: self.end.set_result("refused"))
        self.message = Incoming(topic, payload, False, ends[0], False, ends[1], qos)


class Link:
    def __init__(self, error: MqttDown | None = None) -> None:
        self.error = error
        self.published: list[str] = []
        self.dropped: set[str] = set()

    async def publish(self, topic: str, payload: bytes) -> None:
        if self.error:
            raise self.error
        self.published.append(topic)


class Handler:
    """Fails for a device's first messages with these errors, one after the other; it notes what it took."""

    def __init__(self, *errors: Exception, code: str = "porch") -> None:
        self.errors, self.code = list(errors), code
        self.took: list[tuple[bytes, bool]] = []

    def __call__(self, sender, payload: bytes) -> Answer | None:
        if sender.device.code == self.code and self.errors:
            raise self.errors.pop(0)
        self.took.append((payload, sender.repeated))
        return Answer("answers", payload) if payload == b"answer me" else None


@contextlib.asynccontextmanager
async def working(handler, tell=lambda stuck: None):
    box = inbox.Inbox({"telemetry": handler}, tell)
    running = asyncio.create_task(box.run())
    async with asyncio.timeout(20):
        yield box
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def put(box, link, *mails: Mail) -> None:
    for mail in mails:
        await box.put(link, mail.message, mail.message.topic)


make = sync_to_async(make_device)


async def test_a_fault_costs_no_place_and_stands_with_its_device_until_a_message_gets_through(caplog):
    device = await make("porch")
    handler = Handler(*(RecursionError() for _ in range(30)))
    async with working(handler) as box:
        mails = [Mail("porch") for _ in range(31)]
        await put(box, Link(), *mails[:30])
        assert {await mail.end for mail in mails[:30]} == {"taken"}
        trouble = await Trouble.objects.aget(device=device, word="message_failed")
        assert trouble.values == {"channel": "telemetry", "detail": "RecursionError"} and trouble.is_open
        await put(box, Link(), mails[30])
        while trouble.is_open:
            await trouble.arefresh_from_db()
        assert box.counters == {"failed": 30, "handled": 1}
    assert len([r for r in caplog.records if "could not be handled" in r.message]) == 1


@pytest.mark.parametrize(
    "error",
    [
        DataError("NUL"),
        ValueError(),
        OverflowError(),
        MemoryError(),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, ""),
        concurrent.futures.CancelledError(),
        asyncio.CancelledError(),
        SystemExit(),
    ],
)
async def test_bytes_that_cannot_be_stored_are_no_database_that_is_away(error):
    await make("porch")
    handler = Handler(*[error] * 2)
    async with working(handler) as box:
        mails = [Mail("porch") for _ in range(3)]
        await put(box, Link(), *mails)
        assert [await mail.end for mail in mails] == ["taken"] * 3
    assert len(handler.took) == 1


@pytest.mark.parametrize(
    "error", [OperationalError("gone"), InterfaceError("closed"), Refused("db", "Later.")]
)
async def test_while_the_database_is_away_messages_wait_in_their_order_and_none_is_lost(error):
    await make("porch")
    handler = Handler(*[error] * 7)
    async with working(handler) as box:
        mails = [Mail("porch", str(number).encode()) for number in range(5)]
        await put(box, Link(), *mails)
        assert [await mail.end for mail in mails] == ["taken"] * 5
    # What failed may have been stored; what was not tried is no repetition.
    assert handler.took == [(b"0", True), *((str(n).encode(), False) for n in range(1, 5))]


async def test_what_the_full_disk_refuses_ends_at_once_and_what_a_busy_hub_refuses_after_a_while(monkeypatch):
    monkeypatch.setattr(inbox, "BUSY_S", 0.1)
    device = await make("porch")
    handler = Handler(Refused("disk_full", "The disk is full."), *[Refused("busy", "Busy.")] * 999)
    async with working(handler) as box:
        full, busy = Mail("porch"), Mail("porch")
        await put(box, Link(), full)
        assert await full.end == "refused" and len(handler.errors) == 999
        await put(box, Link(), busy)
        assert await busy.end == "refused" and len(handler.errors) < 999
        assert await Trouble.objects.filter(device=device, word="picture_disk_full").acount() == 1


async def test_an_answer_that_cannot_go_makes_the_connection_anew_and_the_message_comes_again():
    await make("porch")
    async with working(Handler()) as box:
        old, link, mail = Link(MqttDown("slow")), Link(MqttDown("slow")), Mail("porch", b"answer me")
        box.connected(link)
        holding = asyncio.create_task(box.hold())
        await put(box, old, Mail("porch", b"answer me"))
        await put(box, link, mail)
        with pytest.raises(MqttDown):
            await holding
        assert not mail.end.done()


async def test_handlers_that_hang_are_left_to_themselves_and_the_hub_hears_again(monkeypatch):
    monkeypatch.setattr(inbox, "STUCK_S", 0.05)
    for code in ("porch", "gate"):
        await make(code)
    let_go, told, loop = threading.Event(), asyncio.Queue(), asyncio.get_running_loop()

    def hang(sender, payload: bytes) -> None:
        if sender.device.code == "porch":
            let_go.wait(20)

    try:
        async with working(hang, lambda stuck: loop.call_soon_threadsafe(told.put_nowait, stuck)) as box:
            box.connected(link := Link())
            holding = asyncio.create_task(box.hold())
            await put(box, link, *(Mail("porch") for _ in range(9)))
            with pytest.raises(MqttDown):
                await holding
            assert await told.get() is True and box.is_stuck
            box.connected(link := Link())
            await put(box, link, mail := Mail("gate"))
            assert await mail.end == "taken"
            assert await told.get() is False and not box.is_stuck
    finally:
        let_go.set()


async def test_no_messages_and_messages_that_wait_for_the_database_are_not_stuck():
    await make("porch")
    handler, tries = Handler(*[OperationalError("away")] * 20), threading.Semaphore(0)
    told: list[bool] = []

    def tried(sender, payload: bytes) -> None:
        tries.release()
        handler(sender, payload)

    async with working(tried, told.append) as box:
        await put(box, Link(), mail := Mail("porch"))
        await asyncio.to_thread(lambda: (tries.acquire(), tries.acquire()))
        box._patience_s = 0.0
        assert await mail.end == "taken"
        for _ in range(10):
            await box._look()
    assert told == []


async def test_what_waits_of_one_device_holds_up_no_other_and_stays_in_its_order():
    others = [f"cam-{number}" for number in range(30)]
    for code in ("porch", *others):
        await make(code)
    handler = Handler(*[Refused("busy", "Busy.")] * 999)
    async with working(handler) as box:
        held = [Mail("porch", str(number).encode()) for number in range(40)]
        await put(box, Link(), *held)
        mails = [Mail(code) for code in others]
        await put(box, Link(), *mails)
        assert {await mail.end for mail in mails} == {"taken"}
        assert not any(mail.end.done() for mail in held)
        handler.errors = []
        assert {await mail.end for mail in held} == {"taken"}
    assert [payload for payload, _ in handler.took if payload] == [str(n).encode() for n in range(40)]


async def test_a_message_that_cannot_even_be_ended_makes_nobody_deaf():
    await make("porch")
    async with working(Handler()) as box:
        broken, next_one = Mail("porch"), Mail("porch")
        broken.end.set_result("the broker's library stumbles over a second end")
        await put(box, Link(), broken, next_one)
        assert await next_one.end == "taken"


async def test_of_a_flood_without_acknowledgements_what_is_too_much_is_dropped_and_others_are_heard():
    for code in ("porch", "gate"):
        await make(code)
    handler = Handler(*[Refused("db", "Away.")] * 9999)
    async with working(handler) as box:
        flood = [Mail("porch", qos=0) for _ in range(inbox._ROOM + 1)]
        await put(box, Link(), *flood, other := Mail("gate"))
        assert await other.end == "taken"
        assert box.counters["dropped"] == len(flood) - inbox._LANE_SIZE
        handler.errors.clear()
        await until_await(
            lambda: Trouble.objects.filter(word="message_dropped", device__code="porch").aexists()
        )
        await put(box, Link(), mail := Mail("porch"))
        await mail.end


async def test_what_the_mqtt_client_dropped_is_told_of_its_device_too():
    await make("porch")
    async with working(Handler()) as box:
        box.connected(link := Link())
        link.dropped.add("photohub/porch/telemetry")
        await until_await(
            lambda: Trouble.objects.filter(word="message_dropped", device__code="porch").aexists()
        )
        assert not link.dropped


async def no_trouble_is_left() -> bool:
    return not await Trouble.objects.filter(over_at=None).aexists()


async def test_a_trouble_from_before_a_restart_ends_with_the_next_message_that_succeeds():
    device = await make("porch")
    await sync_to_async(troubles.note)(device, "message_failed", channel="telemetry", detail="KeyError")
    troubles.forget()
    async with working(Handler()) as box:
        await until(lambda: box._failed)
        await put(box, Link(), mail := Mail("porch"))
        await mail.end
        await until_await(no_trouble_is_left)


async def test_no_new_handlers_begin_while_too_many_hang(monkeypatch):
    monkeypatch.setattr(inbox, "STUCK_S", 0.05)
    monkeypatch.setattr(inbox, "STUCK_AT_MOST_S", 0.05)
    await sync_to_async(lambda: [make_device(f"cam-{number}") for number in range(9)])()
    let_go, hanging = threading.Event(), []

    def hang(sender, payload: bytes) -> None:
        hanging.append(sender)
        let_go.wait(60)

    async def begin_anew(box) -> None:
        stuck_s = box._stuck_s
        await put(box, Link(), *(Mail(f"cam-{number}") for number in range(9)))
        await until(lambda: box._stuck_s != stuck_s, 20)

    try:
        async with working(hang) as box:
            while len(hanging) <= inbox._HANGING_AT_MOST:
                await begin_anew(box)
            crew = box._crew
            await begin_anew(box)
            assert box._crew is crew and box.is_stuck
            assert len(hanging) <= inbox._HANGING_AT_MOST + settings.MQTT_THREADS
            let_go.set()
            await until(lambda: not box.is_stuck, 20)
    finally:
        let_go.set()
