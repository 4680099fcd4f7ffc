"""Messages from the broker on their way to their handlers: a device's in their order, and each has an end.

    handled                  acknowledged after its commit
    the database is away     waits with what is behind it in its lane, and is tried again until it goes through
    the hub is busy          likewise, for BUSY_S at most; then it is refused
    refused, as a full disk  `Incoming.refuse`: acknowledged, unless the device itself hears that it was not taken
    a fault of the hub       logged, counted, acknowledged, and shown as a trouble of the device
    the answer cannot go     not acknowledged: the connection is made anew, and the broker brings the message again

So nothing that a device sends keeps a place among the messages that the broker lets be on their way. A watch sees to
what nobody thought of: where messages wait and none has ended for a while, the handlers are left to themselves, new
ones begin, and the connection is made anew.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from django.db import connection

from devices import addressing, troubles
from devices.addressing import Sender
from devices.mqtt import Incoming, Link, MqttDown
from devices.protocol.chunked_upload import Answer
from media_pipeline.mqtt_routes import Handler
from media_pipeline.refusals import Refused
from photohub.lib.db import in_thread, tidy
from photohub.lib.db_away import is_away
from photohub.lib.seldom import Seldom

log = logging.getLogger(__name__)

BUSY_S = 30.0
STUCK_S = 30.0
STUCK_AT_MOST_S = 600.0
_LANES = 8
_LANE_SIZE = 50
_HANDS = 4
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 2.0
_WATCH_EVERY_S = 1.0
_ASKED_WITHIN_S = 5.0

# What the hub itself may not be able to do for a picture, as `trouble_words` has it.
_REFUSALS = ("picture_busy", "picture_db", "picture_disk_full")

Lane = asyncio.Queue[tuple[Link, Incoming]]


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
        # Channels of devices whose last message could not be handled, and those that could not be stored.
        self._failed: dict[int, set[str]] = {}
        self._link: Link | None = None
        self._anew = ""
        self._anew_wanted = asyncio.Event()
        self._busy = self._waiting = 0
        self._moved_s = self._stuck_s = 0.0
        self._patience_s = STUCK_S
        self._question: asyncio.Task | None = None
        self._begin()

    def _begin(self) -> None:
        # Hands of its own: a message may wait for its picture's commit, and presence and rights must not.
        self._hands = ThreadPoolExecutor(_HANDS, thread_name_prefix="photohub-mqtt")
        self._lanes: list[Lane] = [asyncio.Queue(_LANE_SIZE) for _ in range(_LANES)]
        self._begun_anew = asyncio.Event()

    @property
    def _is_empty(self) -> bool:
        return not self._busy and all(lane.empty() for lane in self._lanes)

    async def run(self) -> None:
        """Work until cancelled."""
        watching = asyncio.create_task(self._watch())
        try:
            while True:
                hands, begun_anew = self._hands, self._begun_anew
                workers = [asyncio.create_task(self._work(lane)) for lane in self._lanes]
                try:
                    await begun_anew.wait()
                finally:
                    for worker in workers:
                        worker.cancel()
                    await asyncio.gather(*workers, return_exceptions=True)
                    # Who hangs in there is left to himself; his message comes again.
                    hands.shutdown(wait=False, cancel_futures=True)
        finally:
            watching.cancel()

    async def put(self, link: Link, message: Incoming, lane: str) -> None:
        """Take one message. A full lane makes the caller wait, who then reads no more from the broker."""
        if self._is_empty:
            self._moved_s = _now_s()
        await self._lanes[hash(lane) % _LANES].put((link, message))

    # --- the connection

    def connected(self, link: Link) -> None:
        """Begin with a new connection; what still comes of an older one says nothing of it."""
        self._link = link
        self._anew_wanted.clear()

    async def hold(self) -> None:
        """Raise MqttDown when the connection has to be made anew."""
        await self._anew_wanted.wait()
        raise MqttDown(self._anew)

    def _make_anew(self, reason: str) -> None:
        self._anew = reason
        self._anew_wanted.set()

    # --- one message

    async def _work(self, lane: Lane) -> None:
        while True:
            link, message = await lane.get()
            self._busy += 1
            try:
                await self._settle(link, message)
            finally:
                self._busy -= 1
            self._moved_s = _now_s()

    async def _settle(self, link: Link, message: Incoming) -> None:
        try:
            sender, answer = await self._handle(message)
            if answer is not None:
                await link.publish(answer.topic, answer.payload)
        except MqttDown as error:
            # Said again by the broker at the next connection, which this one may outlive.
            if link is self._link:
                self._make_anew(f"a device could not be answered: {error}")
            return
        except Exception as error:
            await self._end(message, error)
            return
        self.counters["handled"] += 1
        message.ack()
        if sender is not None:
            await self._note_handled(sender)

    async def _handle(self, message: Incoming) -> tuple[Sender | None, Answer | None]:
        """Have it handled, again and again while the reason not to is one that passes."""
        loop, began_s, pause_s, waits = asyncio.get_running_loop(), _now_s(), _FIRST_PAUSE_S, 0
        try:
            while True:
                try:
                    return await loop.run_in_executor(self._hands, tidy, self._hand_in, message)
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
        except Exception as error:
            raise _Failed(sender) from error

    async def _end(self, message: Incoming, error: Exception) -> None:
        """End a message that was not handled: refused by the hub, or its fault."""
        cause = _cause_of(error)
        refused = isinstance(cause, Refused)
        self.counters["refused" if refused else "failed"] += 1
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
            await self._in_thread(_note_trouble, error.sender, cause)

    async def _note_handled(self, sender: Sender) -> None:
        if not (channels := self._failed.get(sender.device.pk)):
            return
        channels.discard(sender.channel)
        if not channels:
            del self._failed[sender.device.pk]
            await self._in_thread(troubles.over, sender.device, "message_failed", *_REFUSALS)

    async def _in_thread(self, function: Callable, *args: object) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._hands, tidy, function, *args)
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
        now_s = _now_s()
        idle_s = now_s - self._moved_s
        if self.is_stuck and self._moved_s > self._stuck_s:
            self.is_stuck = False
            await self._tell_of(False)
        elif not self._is_empty and not self._waiting and idle_s > self._patience_s:
            if await self._database_answers():
                await self._begin_anew(idle_s)
        elif now_s - self._stuck_s > STUCK_AT_MOST_S:
            self._patience_s = STUCK_S

    async def _begin_anew(self, idle_s: float) -> None:
        log.error("Messages came, and none was handled for %d s: the hub connects anew.", idle_s)
        # Later and later: what keeps these may keep the next ones too.
        self._patience_s = min(STUCK_AT_MOST_S, self._patience_s * 2)
        self._moved_s = self._stuck_s = _now_s()
        self.is_stuck = True
        left = self._begun_anew
        self._begin()
        left.set()
        self._make_anew("messages came and none was handled")
        await self._tell_of(True)

    async def _tell_of(self, stuck: bool) -> None:
        await in_thread(self._tell, stuck)

    async def _database_answers(self) -> bool:
        """Ask the database, one question at a time: one that is away or frozen is told of elsewhere."""
        if self._question is None:
            self._question = asyncio.create_task(in_thread(_ask_database))
        done, _ = await asyncio.wait([self._question], timeout=_ASKED_WITHIN_S)
        if not done:
            return False
        question, self._question = self._question, None
        return question.exception() is None


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


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


def _note_trouble(sender: Sender, cause: BaseException) -> None:
    if isinstance(cause, Refused):
        troubles.note(sender.device, f"picture_{cause.word}")
    else:
        troubles.note(sender.device, "message_failed", channel=sender.channel, detail=type(cause).__name__)
