"""Sending pictures to devices in packets: one transfer a device, many devices at once.

An acknowledgement goes from the socket straight to its transfer, and the next packet straight back: nothing in
between waits for a thread or for the database. The rows hear of it twice a second.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from weakref import WeakValueDictionary

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext_noop

from devices.mqtt.addressing import Hears
from devices.mqtt.client import Link, MqttDown
from devices.panels.sources import outbox
from devices.protocol.pictures.packets import QUIET_S, FailWord, Sender, SenderState
from devices.registry import presence
from photohub.lib import failpoints
from photohub.lib.clock import wait_at_most
from photohub.lib.database.batching import Batcher
from photohub.lib.database.commits import Looks
from photohub.lib.database.db import in_thread
from photohub.lib.log.throttling import Seldom
from photohub.lib.pages.sentences import Said, said

from . import leases
from . import queue as deliveries
from .leases import Note
from .models import Delivery

log = logging.getLogger(__name__)

_NOTE_EVERY_S = 0.5
_LOOK_EVERY_S = 1.0
_AWAY_PAUSE_S = 5.0
_seldom = Seldom()
_DATABASE_AWAY = (DatabaseError, InterfaceError)


class Pusher:
    """Sends what the rows say over one connection. `hears` tells who listens there right now.

    `gateway` is the word of a gateway that is one of several.
    """

    def __init__(self, link: Link, hears: Hears, gateway: str = "") -> None:
        self._link = link
        self._gateway = gateway
        self._hears = hears
        self._wake = asyncio.Event()
        self._looks = Looks(leases.any_waits)
        self._running: dict[int, asyncio.Task] = {}
        self._transfers: dict[int, _Transfer] = {}
        self._sending = asyncio.Event()
        # A picture that is shown on many panels is in memory once, for as long as a transfer needs it.
        self._pictures: WeakValueDictionary[str, _Picture] = WeakValueDictionary()
        self._reading = asyncio.Lock()
        self._ends = Batcher(_note_delivered)
        # A device whose last transfer did not end whole may still answer that one.
        self._unclean: dict[int, float] = {}

    def look(self) -> None:
        """Look at the rows now."""
        self._wake.set()

    @property
    def topics(self) -> set[str]:
        """The topics on which acknowledgements come for what is on its way."""
        return {transfer.delivery.device.picture_ack_topic for transfer in self._transfers.values()}

    async def run(self) -> None:
        """Send until cancelled; what is on its way then is queued again."""
        noting = asyncio.create_task(self._note_progress())
        try:
            while True:
                self._wake.clear()
                await self._start_what_is_due()
                await self._looks.wait(self._wake, _LOOK_EVERY_S)
        finally:
            noting.cancel()
            await asyncio.gather(noting, return_exceptions=True)
            await self._stop()

    async def _start_what_is_due(self) -> None:
        room = settings.TRANSFERS_AT_ONCE - len(self._running)
        if room <= 0:
            return
        try:
            due = await in_thread(self._looks.look, _due, room, self._hears, frozenset(self._running))
            begun = await in_thread(leases.begin_all, due, self._gateway) if due else []
        except Exception as error:
            if count := _seldom.count("due"):
                log.warning("The gateway could not read which pictures to send (%r, %d times).", error, count)
            return
        if begun:
            failpoints.hit("delivery.begun")
        for delivery in begun:
            task = asyncio.create_task(self._send(delivery), name=f"picture to {delivery.device.code}")
            self._running[delivery.device_id] = task
            task.add_done_callback(lambda task, pk=delivery.device_id: self._note_end(pk, task))

    def _note_end(self, device_pk: int, task: asyncio.Task) -> None:
        self._running.pop(device_pk, None)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A transfer broke; its picture is sent again later.", exc_info=error)

    async def _send(self, delivery: Delivery) -> None:
        device = delivery.device
        clean = False
        try:
            picture = await self._read(delivery.sha256)
            # What was broken off, also by a hub that ended, may still be answered.
            stale = delivery.attempts > 1 or self._unclean.get(device.pk, 0.0) > time.monotonic()
            transfer = _Transfer(self._link, delivery, _sender_of(delivery, picture))
            self._transfers[device.pk] = transfer
            self._sending.set()
            await transfer.run(QUIET_S if stale else 0.0)
            clean = await self._finish(transfer)
        except outbox.BlobAway:
            # It begins again after a pause, until its time is over.
            clean = True
            await asyncio.sleep(_AWAY_PAUSE_S)
            await in_thread(_put_back, delivery)
        except outbox.BlobMissing:
            clean = True
            await in_thread(
                deliveries.fail, delivery, "gone", said("The picture is missing from the outbox.")
            )
        except (MqttDown, asyncio.CancelledError, *_DATABASE_AWAY):
            await asyncio.shield(in_thread(_put_back, delivery))
            raise
        finally:
            self._transfers.pop(device.pk, None)
            if clean:
                self._unclean.pop(device.pk, None)
            else:
                self._unclean[device.pk] = time.monotonic() + QUIET_S

    async def _read(self, sha256: str) -> "_Picture":
        """Return a picture, the one that other transfers are at if there is one. Raises BlobMissing."""
        async with self._reading:
            picture = self._pictures.get(sha256)
            if picture is None:
                picture = _Picture(await in_thread(outbox.read, sha256))
                self._pictures[sha256] = picture
        return picture

    async def _finish(self, transfer: "_Transfer") -> bool:
        """Write the end down. Returns whether the device knows that it ended."""
        delivery, sender = transfer.delivery, transfer.sender
        if transfer.is_lost:
            return False
        failpoints.hit("delivery.acked")
        if sender.state is SenderState.DELIVERED:
            await self._ends.do((delivery, sender.resent))
            return True
        if _looks_restarted(sender) and delivery.attempts < 2:
            await in_thread(leases.put_back, delivery)
            return False
        word, sentence = _why_failed(sender)
        figures = {"packets_acked": sender.packets_acked, "packets_resent": sender.resent}
        await in_thread(deliveries.fail, delivery, word, sentence, **figures)
        return False

    async def _note_progress(self) -> None:
        """Write down how far all transfers are, twice a second and with one commit; see which were cancelled."""
        while True:
            await self._sending.wait()
            await asyncio.sleep(_NOTE_EVERY_S)
            if not self._transfers:
                self._sending.clear()
            if not (notes := [transfer.note() for transfer in self._transfers.values()]):
                continue
            try:
                lost = await in_thread(leases.note_all_progress, notes)
            except Exception as error:
                if count := _seldom.count("progress"):
                    log.warning(
                        "The gateway could not note how far pictures are (%r, %d times).", error, count
                    )
                continue
            for delivery in lost:
                transfer = self._transfers.get(delivery.device_id)
                if transfer is not None and transfer.delivery.pk == delivery.pk:
                    transfer.lose()

    async def _stop(self) -> None:
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _due(room: int, hears: Hears, running: frozenset[int]) -> list[Delivery]:
    deliveries.expire_due()
    leases.put_back_lost()
    return leases.claim_to_send(room, hears, running)


def _put_back(delivery: Delivery) -> None:
    try:
        leases.put_back(delivery)
    except _DATABASE_AWAY as error:
        log.warning("A broken transfer could not be queued (%s); its lease ends by itself.", error)


def _note_delivered(ended: list[tuple[Delivery, int]]) -> list[None]:
    deliveries.note_all_delivered(ended)
    presence.heard_all([delivery.device for delivery, _resent in ended])
    return [None] * len(ended)


@dataclass(frozen=True)
class _Picture:
    """Bytes that several transfers share."""

    data: bytes


def _sender_of(delivery: Delivery, picture: _Picture) -> Sender:
    panel = getattr(delivery.device, "panel", None)
    return Sender(
        picture.data,
        filename=delivery.file_name,
        ack_base=delivery.device.ack_base,
        window=panel.window if panel else 1,
    )


class _Transfer:
    """One picture on its way: the state machine between the socket and the row."""

    def __init__(self, link: Link, delivery: Delivery, sender: Sender) -> None:
        self.delivery = delivery
        self.sender = sender
        # Set when the row is ours no more, because somebody cancelled it.
        self.is_lost = False
        self._link = link
        self._changed = asyncio.Event()
        self._noted = 0
        self._topic = delivery.device.picture_topic

    async def run(self, quiet_s: float) -> None:
        """Send until it has ended one way or the other, or is lost."""
        acks = self.delivery.device.picture_ack_topic
        self._link.listen(acks, self._take_ack)
        try:
            self._publish(self.sender.start(time.monotonic(), quiet_s))
            while self.sender.state is SenderState.SENDING and not self.is_lost:
                await self._wait()
                self._publish(self.sender.tick(time.monotonic()))
        finally:
            self._link.forget(acks)

    def note(self) -> Note:
        """Return how far it is."""
        acked = self.sender.packets_acked
        moved, self._noted = acked != self._noted, acked
        return Note(self.delivery, acked, self.sender.resent, moved)

    def lose(self) -> None:
        """End without another word: the row is somebody else's, or nobody's."""
        self.is_lost = True
        self._changed.set()

    def _take_ack(self, payload: bytes) -> None:
        """Answer an acknowledgement at once; runs in the loop, inside the socket's own call."""
        self._publish(self.sender.take_ack(payload, time.monotonic()))
        if self.sender.state is not SenderState.SENDING:
            self._changed.set()

    def _publish(self, packets: list[bytes]) -> None:
        for packet in packets:
            self._link.publish_now(self._topic, packet)

    async def _wait(self) -> None:
        """Wait for the end, or for the next packet that is due."""
        deadline_s = self.sender.deadline_s
        left_s = 0.0 if deadline_s is None else max(0.0, deadline_s - time.monotonic())
        await wait_at_most(self._changed, left_s)


def _looks_restarted(sender: Sender) -> bool:
    """Tell whether the device refuses what it had begun to take: it forgot the beginning, and deserves another."""
    reason = sender.reason
    return (
        reason is not None
        and reason.word in (FailWord.BAD_DATA, FailWord.BAD_END)
        and sender.packets_acked > 0
    )


def _why_failed(sender: Sender) -> tuple[str, Said]:
    """Return the word and the sentence for what the device did not do."""
    reason = sender.reason
    assert reason is not None
    figures = {"number": reason.number + 1, "total": sender.packets_total, "tries": reason.tries}
    sentences = {
        FailWord.NO_ACK_BEGIN: gettext_noop(
            "The device did not answer the start message, which was sent %(tries)s times."
        ),
        FailWord.NO_ACK_DATA: gettext_noop(
            "The device did not acknowledge packet %(number)s of %(total)s, which was sent %(tries)s times."
        ),
        FailWord.NO_ACK_END: gettext_noop(
            "The device did not acknowledge the end message, which was sent %(tries)s times."
        ),
        FailWord.BAD_BEGIN: gettext_noop(
            "The device refused the start message %(tries)s times. Is the picture too large for it?"
        ),
        FailWord.BAD_DATA: gettext_noop(
            "The device reported packet %(number)s of %(total)s as damaged %(tries)s times."
        ),
        FailWord.BAD_END: gettext_noop(
            "The device reported the complete picture as damaged %(tries)s times."
        ),
        FailWord.ACK_BASE: gettext_noop(
            "The device counts its acknowledgements from a different number: change 0 to 1, or 1 to 0, in its settings."
        ),
    }
    return str(reason.word), said(sentences[reason.word], **figures)
