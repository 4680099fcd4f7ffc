"""Messages from the broker on their way to their handlers: a device's in their order, and each has an end.

    handled                  acknowledged after its commit
    the database is away     waits with what its device sent after it, and is tried again until it goes through
    the hub is busy          likewise, for BUSY_S at most; then it is refused
    refused, as a full disk  `Incoming.refuse`: acknowledged, unless the device itself hears that it was not taken
    a fault of the hub       logged, counted, acknowledged, and shown as a trouble of the device
    the answer cannot go     not acknowledged: the connection is made anew, and the broker brings the message again

So nothing that a device sends keeps a place among the messages that the broker lets be on their way. Each sender has a
lane of its own: what waits there holds up nobody else's messages. A watch sees to what nobody thought of: where messages
wait and none has ended for a while, the handlers are left to themselves, new ones begin, and the connection is made
anew. As long as many of those that were left still hang, no more begin.
"""

import asyncio
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from django.conf import settings

from devices.events import troubles
from devices.mqtt import addressing, message_counts
from devices.mqtt.addressing import Sender
from devices.mqtt.client import Incoming, Link, MqttDown
from devices.protocol.pictures.chunked_upload import Answer
from media_pipeline.mqtt_routes import Handler
from media_pipeline.picture_files.refusals import Refused
from photohub.gateway import inbox_notes
from photohub.lib.database.db import in_thread, tidy
from photohub.lib.database.outage import is_away
from photohub.lib.log.throttling import Seldom
from photohub.lib.pages.sentences import Said, said

log = logging.getLogger(__name__)

BUSY_S = 30.0
STUCK_S = 30.0
STUCK_AT_MOST_S = 600.0
# Messages that are here, of all senders; the MQTT client and the embedded broker bound their bytes.
_ROOM = 1000
# Of one sender, those that nobody waits for an acknowledgement of.
_LANE_SIZE = 50
_HANGING_AT_MOST = 16
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 2.0
_WATCH_EVERY_S = 1.0
_ASKED_WITHIN_S = 5.0
# Senders of dropped messages that are noted in one look of the watch.
_DROPPED_AT_ONCE = 20

Lane = deque[tuple[Link, Incoming]]

T = TypeVar("T")


class _Crew:
    """Hands, and the lanes of messages that wait for them. One whose hands hang is left as a whole."""

    def __init__(self) -> None:
        # Hands of its own: a message may wait for its picture's commit, and presence and rights must not.
        self._hands = ThreadPoolExecutor(settings.MQTT_THREADS, thread_name_prefix="photohub-mqtt")
        self._lock = threading.Lock()
        # How many hands are at something.
        self.at_work = 0
        # A lane is there while it holds messages, and so is the task that works it off.
        self.lanes: dict[str, Lane] = {}
        self.tasks: set[asyncio.Task] = set()
        self.held = 0
        self.freed = asyncio.Event()

    async def do(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._hands, self._carry_out, function, args)

    def _carry_out(self, function: Callable[..., T], args: tuple) -> T:
        with self._lock:
            self.at_work += 1
        try:
            return tidy(function, *args)
        finally:
            with self._lock:
                self.at_work -= 1

    def leave(self) -> None:
        """Leave who hangs to himself; his message comes again."""
        for task in self.tasks:
            task.cancel()
        self._hands.shutdown(wait=False, cancel_futures=True)
        self.freed.set()


class _Failed(Exception):
    """A handler raised; the cause says what."""

    def __init__(self, sender: Sender) -> None:
        super().__init__(sender.channel)
        self.sender = sender


class Inbox:
    """Hands messages to `channels` (channel → handler), and lines of the broker's log to `read_log`.

    `tell(stuck)` hears when messages get stuck, and when they get through again.
    """

    def __init__(self, channels: dict[str, Handler], tell: Callable[[bool], object]) -> None:
        self.counters: Counter[str] = Counter()
        self.read_log: Callable[[str, bytes], None] | None = None
        self.is_stuck = False
        self._channels = channels
        self._tell = tell
        self._said = Seldom()
        # Topics of which messages were dropped since that was noted.
        self._dropped: set[str] = set()
        self._noting: asyncio.Task | None = None
        # Channels of devices whose last message could not be handled, and those that could not be stored.
        self._failed: dict[int, set[str]] = {}
        self._link: Link | None = None
        self._anew: str | Said = ""
        self._anew_wanted = asyncio.Event()
        self._waiting = 0
        self._moved_s = self._stuck_s = 0.0
        self._patience_s = STUCK_S
        self._question: asyncio.Task | None = None
        self._crew = _Crew()
        self._left: list[_Crew] = []
        message_counts.HELD.ask_by(lambda: self._crew.held)

    async def run(self) -> None:
        """Work until cancelled."""
        recalling = asyncio.create_task(self._recall())
        try:
            await self._watch()
        finally:
            crew, others = self._crew, [task for task in (recalling, self._noting) if task is not None]
            for task in others:
                task.cancel()
            crew.leave()
            await asyncio.gather(*others, *crew.tasks, return_exceptions=True)

    async def _recall(self) -> None:
        """Read which troubles of messages are open from before the start: the next message that succeeds ends them."""
        while True:
            try:
                found = await in_thread(inbox_notes.find_failed)
            except Exception as error:
                log.warning("Which messages failed before could not be read (%s).", type(error).__name__)
                await asyncio.sleep(_ASKED_WITHIN_S)
                continue
            for device_pk, channel in found:
                self._failed.setdefault(device_pk, set()).add(channel)
            return

    async def put(self, link: Link, message: Incoming, lane: str) -> None:
        """Take one message. While there is no room the caller waits, who then reads no more from the broker."""
        while self._crew.held >= _ROOM:
            self._crew.freed.clear()
            await self._crew.freed.wait()
        crew = self._crew
        if not crew.held:
            self._moved_s = _now_s()
        waiting = crew.lanes.get(lane)
        if waiting is None:
            waiting = crew.lanes[lane] = deque()
            task = asyncio.create_task(self._work(crew, lane))
            crew.tasks.add(task)
            task.add_done_callback(crew.tasks.discard)
        elif not message.qos and len(waiting) >= _LANE_SIZE:
            self._drop(message)
            return
        waiting.append((link, message))
        crew.held += 1
        message_counts.HELD.changed()

    def _drop(self, message: Incoming) -> None:
        """Drop a message of QoS 0 whose sender sends more than is handled; nobody was promised anything of it."""
        message.ack()
        self._count("dropped")
        if len(self._dropped) < _DROPPED_AT_ONCE:
            self._dropped.add(message.topic)
        if count := self._said.count("dropped"):
            log.warning("On %r more comes than is handled (%d messages dropped).", message.topic, count)

    def _count(self, outcome: str) -> None:
        self.counters[outcome] += 1
        message_counts.HANDLED.add(outcome)

    # --- the connection

    def connected(self, link: Link) -> None:
        """Begin with a new connection; what still comes of an older one says nothing of it."""
        self._link = link
        self._anew_wanted.clear()

    def is_idle(self) -> bool:
        return not self._crew.held

    async def hold(self) -> None:
        """Raise MqttDown when the connection has to be made anew."""
        await self._anew_wanted.wait()
        raise MqttDown(self._anew)

    def _make_anew(self, reason: Said) -> None:
        self._anew = reason
        self._anew_wanted.set()

    # --- one message

    async def _work(self, crew: _Crew, name: str) -> None:
        """Settle a lane's messages, one after the other, until there are none."""
        lane = crew.lanes[name]
        while lane:
            try:
                await self._settle(crew, *lane[0])
            except Exception:
                # Whatever it is, it must not keep the sender's next messages from being handled.
                log.exception("A message on %r could not be settled.", lane[0][1].topic)
            lane.popleft()
            crew.held -= 1
            crew.freed.set()
            self._moved_s = _now_s()
        del crew.lanes[name]

    async def _settle(self, crew: _Crew, link: Link, message: Incoming) -> None:
        try:
            sender, answer = await self._handle(crew, message)
            if answer is not None:
                await link.publish(answer.topic, answer.payload)
        except MqttDown as error:
            # Said again by the broker at the next connection, which this one may outlive.
            if link is self._link:
                self._make_anew(said("a device could not be answered (%(why)s)", why=error))
            return
        except Exception as error:
            await self._end(crew, message, error)
            return
        self._count("handled")
        message.ack()
        if sender is not None:
            await self._note_handled(crew, sender)

    async def _handle(self, crew: _Crew, message: Incoming) -> tuple[Sender | None, Answer | None]:
        """Have it handled, again and again while the reason not to is one that passes."""
        began_s, pause_s, waits = _now_s(), _FIRST_PAUSE_S, 0
        try:
            while True:
                try:
                    return await crew.do(self._hand_in, message)
                except Exception as error:
                    if not _passes(error, _now_s() - began_s):
                        raise
                    if count := self._said.count("wait"):
                        log.warning("Messages wait for the hub (%s; %d so far).", _cause_of(error), count)
                # What failed may have been committed all the same.
                message = replace(message, repeated=True)
                self._waiting, waits = self._waiting + 1 - waits, 1
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
        finally:
            self._waiting -= waits

    def _hand_in(self, message: Incoming) -> tuple[Sender | None, Answer | None]:
        if message.topic.startswith("$SYS/"):
            if self.read_log is not None:
                self.read_log(message.topic, message.payload)
            return None, None
        sender = addressing.find_sender(message.topic)
        handler = self._channels.get(sender.channel) if sender else None
        if sender is None or handler is None:
            return sender, None
        try:
            return sender, handler(replace(sender, repeated=message.repeated), message.payload)
        except BaseException as error:
            # Also a cancellation, as of a future that the handler waited for: it would end the lane's task.
            raise _Failed(sender) from error

    async def _end(self, crew: _Crew, message: Incoming, error: Exception) -> None:
        """End a message that was not handled: refused by the hub, or its fault."""
        cause = _cause_of(error)
        refused = isinstance(cause, Refused)
        self._count("refused" if refused else "failed")
        if refused:
            message.refuse()
        else:
            message.ack()
            if count := self._said.count((type(cause), _channel_of(error))):
                log.error(
                    "A message on %r could not be handled (%d of this kind).",
                    message.topic,
                    count,
                    exc_info=cause,
                )
        if isinstance(error, _Failed):
            self._failed.setdefault(error.sender.device.pk, set()).add(error.sender.channel)
            await self._write_down(crew, inbox_notes.note_trouble, error.sender, cause)

    async def _note_handled(self, crew: _Crew, sender: Sender) -> None:
        if not (channels := self._failed.get(sender.device.pk)):
            return
        channels.discard(sender.channel)
        if not channels:
            del self._failed[sender.device.pk]
            await self._write_down(crew, troubles.over, sender.device, *inbox_notes.ENDED)

    async def _write_down(self, crew: _Crew, function: Callable, *args: object) -> None:
        try:
            await crew.do(function, *args)
        except Exception as error:
            log.warning("What became of a message could not be written down (%s).", type(error).__name__)

    # --- the watch

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            try:
                await self._look()
            except Exception:
                log.exception("The messages could not be watched.")

    async def _look(self) -> None:
        self._take_dropped()
        if self._dropped and (self._noting is None or self._noting.done()):
            self._noting = asyncio.create_task(self._tell_of_dropped())
        now_s = _now_s()
        idle_s = now_s - self._moved_s
        if self.is_stuck and self._moved_s > self._stuck_s:
            self.is_stuck = False
            await in_thread(self._tell, False)
        elif self._crew.held and not self._waiting and idle_s > self._patience_s:
            if await self._database_answers():
                await self._begin_anew(idle_s)
        elif now_s - self._stuck_s > STUCK_AT_MOST_S:
            self._patience_s = STUCK_S

    def _take_dropped(self) -> None:
        """Take over what the MQTT client dropped before it came here."""
        if self._link is not None:
            self._dropped |= self._link.dropped
            self._link.dropped.clear()

    async def _begin_anew(self, idle_s: float) -> None:
        # Later and later: what keeps these may keep the next ones too.
        self._patience_s = min(STUCK_AT_MOST_S, self._patience_s * 2)
        self._moved_s = self._stuck_s = _now_s()
        self.is_stuck = True
        await in_thread(self._tell, True)
        self._left = [crew for crew in self._left if crew.at_work]
        if sum(crew.at_work for crew in (*self._left, self._crew)) > _HANGING_AT_MOST:
            log.error(
                "Messages came, and none was handled for %d s; too many handlers hang to begin anew.", idle_s
            )
            return
        log.error("Messages came, and none was handled for %d s: the hub connects anew.", idle_s)
        self._left.append(self._crew)
        self._crew = _Crew()
        self._left[-1].leave()
        self._make_anew(said("messages arrived and none was processed"))

    async def _tell_of_dropped(self) -> None:
        topics, self._dropped = self._dropped, set()
        try:
            for device_pk, channel in await in_thread(inbox_notes.note_dropped, topics):
                self._failed.setdefault(device_pk, set()).add(channel)
        except Exception as error:
            log.warning("Which messages were dropped could not be written down (%s).", type(error).__name__)

    async def _database_answers(self) -> bool:
        """Ask the database, one question at a time: one that is away or frozen is told of elsewhere."""
        if self._question is None:
            self._question = asyncio.create_task(in_thread(inbox_notes.ask_database))
        done, _ = await asyncio.wait([self._question], timeout=_ASKED_WITHIN_S)
        if not done:
            return False
        question, self._question = self._question, None
        return question.exception() is None


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _passes(error: Exception, waited_s: float) -> bool:
    """Tell whether the reason passes by itself and is worth waiting for."""
    cause = _cause_of(error)
    if isinstance(cause, Refused):
        return cause.word == "db" or (cause.word in ("busy", "rate") and waited_s < BUSY_S)
    return is_away(cause)


def _cause_of(error: Exception) -> BaseException:
    return error.__cause__ or error if isinstance(error, _Failed) else error


def _channel_of(error: Exception) -> str:
    return error.sender.channel if isinstance(error, _Failed) else ""
