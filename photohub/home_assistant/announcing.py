"""Tells Home Assistant of this gateway's devices over one connection to the broker, and hears its buttons.

What was told is remembered, so only what changed is told again: devices to which something happened are found by the events,
those that only fell silent by a look at all of them, within a minute. Where owners did not let Home Assistant in,
nothing is told and nothing listened to. What a broker keeps of devices that are gone, or are not to be told of any more,
is cleared.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from devices.mqtt import home_assistant
from devices.mqtt.client import Incoming, Link, MqttDown
from devices.mqtt.home_assistant import Chosen
from photohub.home_assistant import messages, reading
from photohub.home_assistant.reading import Told
from photohub.lib.database.commits import Looks
from photohub.lib.database.db import in_thread
from photohub.lib.log.throttling import Seldom

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
ALL_EVERY_S = 30.0
# An event may be committed after one with a greater number.
_LOOKS_BACK = 5
_PRESSES_WAITING = 100
# When Home Assistant comes anew it gets so many pictures, without taking the broker's room for itself; those of the other
# cameras come with their next picture.
_PREVIEWS_AT_ONCE = 500
_PREVIEWS_APART_S = 0.02
_UNTOLD = object()


@dataclass
class _Known:
    """What was told of a device, as numbers that change with it."""

    config: int = 0
    state: int = 0
    picture: int = 0
    capture: Any = _UNTOLD


class Announcer:
    """`holds` tells whether a device is this gateway's; `filters_changed` is called when other topics are to be listened to."""

    def __init__(self, link: Link, holds: Callable[[str], bool], filters_changed: Callable[[], None]) -> None:
        self._link, self._holds, self._filters_changed = link, holds, filters_changed
        self._chosen = Chosen()
        self._known: dict[str, _Known] = {}
        self._looks, self._wake = Looks(), asyncio.Event()
        self._seen: deque[int] = deque(maxlen=_LOOKS_BACK)
        self._all_s = float("-inf")
        self._is_wanted_anew = False
        self._previews_wanted = 0
        self._presses: asyncio.Queue[str] = asyncio.Queue(_PRESSES_WAITING)
        self._strays: set[str] = set()
        self._said = Seldom()

    @property
    def filters(self) -> set[str]:
        """What is listened to: nothing, where owners never let Home Assistant in."""
        if not self._chosen.is_known:
            return set()
        return {home_assistant.STATUS_TOPIC, home_assistant.PRESS_FILTER, home_assistant.CONFIG_FILTER}

    def look(self) -> None:
        """Devices changed: look at all of them now. Call from the loop."""
        self._all_s = float("-inf")
        self._wake.set()

    def take(self, message: Incoming) -> bool:
        """Take a message that is for us; False for any other."""
        if message.topic == home_assistant.STATUS_TOPIC:
            if message.payload == b"online":
                self._is_wanted_anew = True
                self._wake.set()
        elif code := home_assistant.code_in_config(message.topic):
            # Our own come back as well, but only what a broker kept from before says that it did.
            if message.retained and message.payload:
                self._strays.add(code)
                self._wake.set()
        elif code := home_assistant.code_in_press(message.topic):
            if not message.retained and message.payload == messages.PRESSED and self._holds(code):
                self._press(code)
        else:
            return False
        message.ack()
        return True

    def _press(self, code: str) -> None:
        try:
            self._presses.put_nowait(code)
        except asyncio.QueueFull:
            if count := self._said.count("presses"):
                log.warning("Home Assistant presses more buttons than can be handled (%d so far).", count)

    # --- life

    async def hear(self) -> None:
        """Do what was asked for by buttons, one after the other, until cancelled."""
        while True:
            code = await self._presses.get()
            try:
                await in_thread(reading.press, code)
            except Exception:
                log.exception("A button that was pressed in Home Assistant could not be handled.")

    async def run(self) -> None:
        """Tell until the connection ends, which raises MqttDown."""
        while True:
            self._wake.clear()
            try:
                await self._look()
            except MqttDown:
                raise
            except Exception as error:
                if count := self._said.count(("tell", type(error))):
                    log.warning(
                        "Home Assistant could not be told (%r, %d times); it is tried again.", error, count
                    )
                await asyncio.sleep(LOOK_EVERY_S)
            await self._looks.wait(self._wake, LOOK_EVERY_S)

    # --- one look

    async def _look(self) -> None:
        before, self._chosen = self._chosen, await in_thread(self._looks.look, home_assistant.read)
        if before.is_known != self._chosen.is_known:
            self._filters_changed()
        is_all = before != self._chosen or self._is_wanted_anew or not self._seen
        if self._is_wanted_anew:
            self._is_wanted_anew, self._previews_wanted = False, _PREVIEWS_AT_ONCE
            # Whose messages there are stays known: they may have to be cleared in this very look.
            self._known = {code: _Known() for code in self._known}
        if not self._chosen.is_on:
            await self._clear(set(self._known) | self._strays)
            return
        if is_all or _now_s() - self._all_s >= ALL_EVERY_S:
            await self._tell_all()
        else:
            await self._tell_news()
        await self._clear_strays()

    async def _tell_all(self) -> None:
        self._all_s = _now_s()
        self._seen.append(await in_thread(reading.newest_event))
        told = await in_thread(reading.read_all, self._chosen, self._holds)
        await self._publish_all(told)
        await self._forget_others({each.code for each in told})

    async def _tell_news(self) -> None:
        changed, newest = await in_thread(reading.changed_since, self._seen[0])
        self._seen.append(max(newest, self._seen[-1]))
        if changed:
            await self._publish_all(await in_thread(reading.read_all, self._chosen, self._holds, changed))

    async def _publish_all(self, told: Iterable[Told]) -> None:
        for each in told:
            await self._publish(each)

    async def _publish(self, told: Told) -> None:
        known = self._known.setdefault(told.code, _Known())
        known.config = await self._retain(told.config, known.config)
        known.state = await self._retain(told.state, known.state)
        if told.picture is not None:
            known.picture = await self._retain(told.picture, known.picture)
        if told.capture is not None and told.capture != known.capture:
            if known.capture is not _UNTOLD:
                await self._publish_preview(told)
            elif self._previews_wanted:
                self._previews_wanted -= 1
                await self._publish_preview(told)
        known.capture = told.capture

    async def _publish_preview(self, told: Told) -> None:
        picture = await in_thread(reading.read_preview, told.capture)
        if picture is not None:
            await self._link.publish(home_assistant.topic_of(told.code, "preview"), picture, qos=0)
            await asyncio.sleep(_PREVIEWS_APART_S)

    async def _retain(self, message: reading.Message, known: int) -> int:
        topic, payload = message
        # Not 0, which is what nothing was told as.
        mark = hash(payload) or 1
        if mark != known and (payload or known):
            await self._link.publish(topic, payload, retain=True)
        return mark

    # --- what is no more

    async def _forget_others(self, told: set[str]) -> None:
        """Clear what is told of no more. What only moved to another gateway is left to that one."""
        if others := set(self._known) - told:
            scope = await in_thread(reading.codes_in_scope, self._chosen)
            for code in others & scope:
                del self._known[code]
            await self._clear(others - scope)

    async def _clear_strays(self) -> None:
        if strays := self._strays:
            await self._clear(strays - await in_thread(reading.codes_in_scope, self._chosen))
            strays.clear()

    async def _clear(self, codes: set[str]) -> None:
        for code in codes:
            for topic in messages.retained_topics(code):
                await self._link.publish(topic, b"", retain=True)
            self._known.pop(code, None)
            self._strays.discard(code)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
