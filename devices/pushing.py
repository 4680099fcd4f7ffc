"""Sending pictures to devices in packets: one transfer a device, many devices at once.

An acknowledgement goes from the socket straight to its transfer, and the next packet straight back: nothing in
between waits for a thread or for the database. The rows hear of it twice a second.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext as _

from photohub.lib import failpoints
from photohub.lib.db import in_thread

from . import deliveries, outbox, presence
from .models import Delivery, Device
from .mqtt import Link, MqttDown
from .protocol.picture_packets import QUIET_S, FailWord, Sender, SenderState

log = logging.getLogger(__name__)

AT_ONCE = 500
_NOTE_EVERY_S = 0.5
_LOOK_EVERY_S = 1.0
_DATABASE_AWAY = (DatabaseError, InterfaceError)


class Pusher:
    """Sends what the rows say over one connection. `hears(device, topic)` tells who listens there right now."""

    def __init__(self, link: Link, hears: Callable[[Device, str], bool]) -> None:
        self._link = link
        self._hears = hears
        self._wake = asyncio.Event()
        self._running: dict[int, asyncio.Task] = {}
        # A device whose last transfer did not end whole may still answer that one.
        self._unclean: dict[int, float] = {}
        self._looks = asyncio.Event()

    def look(self) -> None:
        """Look at the rows now, also at those of transfers that may have been cancelled."""
        self._wake.set()
        self._looks.set()

    async def run(self) -> None:
        """Send until cancelled; what is on its way then is queued again."""
        try:
            while True:
                self._wake.clear()
                await self._start_what_is_due()
                try:
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            await self._stop()

    async def _start_what_is_due(self) -> None:
        room = AT_ONCE - len(self._running)
        if room <= 0:
            return
        try:
            due = await in_thread(_due, room)
        except _DATABASE_AWAY as error:
            log.warning("The gateway could not read which pictures to send (%s); it tries again.", error)
            return
        for delivery in due:
            device = delivery.device
            if device.pk not in self._running and self._hears(device, device.picture_topic):
                task = asyncio.create_task(self._send(delivery), name=f"picture to {device.code}")
                self._running[device.pk] = task
                task.add_done_callback(lambda task, pk=device.pk: self._ended(pk, task))

    def _ended(self, device_pk: int, task: asyncio.Task) -> None:
        self._running.pop(device_pk, None)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A transfer broke; its picture is sent again later.", exc_info=error)

    async def _send(self, delivery: Delivery) -> None:
        if not await in_thread(deliveries.begin, delivery):
            return
        failpoints.hit("delivery.begun")
        device = delivery.device
        clean = False
        try:
            picture = await in_thread(outbox.read, delivery.sha256)
            sender = _sender_of(delivery, picture)
            # What was broken off, also by a hub that ended, may still be answered.
            stale = delivery.attempts > 1 or self._unclean.get(device.pk, 0.0) > time.monotonic()
            quiet_s = QUIET_S if stale else 0.0
            clean = await _Transfer(self._link, delivery, sender, self._looks).run(quiet_s)
        except outbox.BlobMissing:
            clean = True
            await in_thread(deliveries.fail, delivery, "gone", _("The picture is missing in the outbox."))
        except (MqttDown, asyncio.CancelledError, *_DATABASE_AWAY):
            await asyncio.shield(in_thread(_put_back, delivery))
            raise
        finally:
            if clean:
                self._unclean.pop(device.pk, None)
            else:
                self._unclean[device.pk] = time.monotonic() + QUIET_S

    async def _stop(self) -> None:
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _due(room: int) -> list[Delivery]:
    deliveries.expire_due()
    deliveries.put_back_lost()
    return deliveries.claim_to_send(room)


def _put_back(delivery: Delivery) -> None:
    try:
        deliveries.put_back(delivery)
    except _DATABASE_AWAY as error:
        log.warning("A broken transfer could not be queued (%s); its lease ends by itself.", error)


def _note_delivered(delivery: Delivery, resent: int) -> None:
    deliveries.note_delivered(delivery, resent)
    presence.heard(delivery.device)


def _sender_of(delivery: Delivery, picture: bytes) -> Sender:
    panel = getattr(delivery.device, "panel", None)
    return Sender(
        picture,
        filename=delivery.file_name,
        ack_base=delivery.device.ack_base,
        window=panel.window if panel else 1,
    )


class _Transfer:
    """One picture on its way: the state machine between the socket and the row."""

    def __init__(self, link: Link, delivery: Delivery, sender: Sender, looks: asyncio.Event) -> None:
        self._link = link
        self._delivery = delivery
        self._sender = sender
        self._looks = looks
        self._changed = asyncio.Event()
        self._noted = (0, 0)
        self._topic = delivery.device.picture_topic

    async def run(self, quiet_s: float) -> bool:
        """Send until it has ended one way or the other. Returns whether the device knows that it ended."""
        acks = self._delivery.device.picture_ack_topic
        self._link.listen(acks, self._take_ack)
        try:
            self._publish(self._sender.start(time.monotonic(), quiet_s))
            while self._sender.state is SenderState.SENDING:
                await self._wait()
                self._publish(self._sender.tick(time.monotonic()))
                if not await self._note():
                    return False
        finally:
            self._link.forget(acks)
        return await self._finish()

    def _take_ack(self, payload: bytes) -> None:
        """Answer an acknowledgement at once; runs in the loop, inside the socket's own call."""
        self._publish(self._sender.take_ack(payload, time.monotonic()))
        if self._sender.state is not SenderState.SENDING:
            self._changed.set()

    def _publish(self, packets: list[bytes]) -> None:
        for packet in packets:
            self._link.publish_now(self._topic, packet)

    async def _wait(self) -> None:
        """Wait for the end, the next packet that is due, or the next note."""
        deadline_s = self._sender.deadline_s
        left_s = _NOTE_EVERY_S
        if deadline_s is not None:
            left_s = min(left_s, max(0.0, deadline_s - time.monotonic()))
        try:
            async with asyncio.timeout(left_s):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _note(self) -> bool:
        """Write down how far it is, twice a second at most; False when the row is ours no more."""
        if self._sender.state is not SenderState.SENDING:
            return True
        acked, resent = self._sender.packets_acked, self._sender.resent
        moved = acked != self._noted[0]
        self._noted = (acked, resent)
        return await in_thread(deliveries.note_progress, self._delivery, acked, resent, moved)

    async def _finish(self) -> bool:
        failpoints.hit("delivery.acked")
        sender = self._sender
        if sender.state is SenderState.DELIVERED:
            await in_thread(_note_delivered, self._delivery, sender.resent)
            return True
        if _looks_restarted(sender) and self._delivery.attempts < 2:
            await in_thread(deliveries.put_back, self._delivery)
            return False
        word, sentence = _why_failed(sender)
        await in_thread(
            deliveries.fail,
            self._delivery,
            word,
            sentence,
            packets_acked=sender.packets_acked,
            packets_resent=sender.resent,
        )
        return False


def _looks_restarted(sender: Sender) -> bool:
    """Tell whether the device refuses what it had begun to take: it forgot the beginning, and deserves another."""
    reason = sender.reason
    return (
        reason is not None
        and reason.word in (FailWord.BAD_DATA, FailWord.BAD_END)
        and sender.packets_acked > 0
    )


def _why_failed(sender: Sender) -> tuple[str, str]:
    """Return the word and the sentence for what the device did not do."""
    reason = sender.reason
    assert reason is not None
    figures = {"number": reason.number + 1, "total": sender.packets_total, "tries": reason.tries}
    sentences = {
        FailWord.NO_ACK_BEGIN: _("The device did not answer the beginning, which was sent %(tries)s times."),
        FailWord.NO_ACK_DATA: _(
            "The device did not acknowledge packet %(number)s of %(total)s, which was sent %(tries)s times."
        ),
        FailWord.NO_ACK_END: _("The device did not acknowledge the end, which was sent %(tries)s times."),
        FailWord.BAD_BEGIN: _(
            "The device refused the beginning %(tries)s times. Is the picture too large for it?"
        ),
        FailWord.BAD_DATA: _(
            "The device reported packet %(number)s of %(total)s as damaged %(tries)s times."
        ),
        FailWord.BAD_END: _("The device reported the whole as damaged %(tries)s times."),
        FailWord.ACK_BASE: _(
            "The device counts its acknowledgements from the other number: change 0 to 1, or 1 to 0, in its settings."
        ),
    }
    return str(reason.word), sentences[reason.word] % figures
