"""What the gateway listens to at the broker: everything by wildcards while it is alone, else the topics of its own devices."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from django.conf import settings

from devices.mqtt import addressing, unheard_topics
from devices.mqtt.client import Link, MqttDown
from devices.mqtt.sharing import Share
from devices.protocol import topics
from devices.protocol.mqtt import dynsec as dynsec_control
from devices.registry.models import Device
from photohub.lib.clock import wait_at_most
from photohub.lib.database.commits import Looks
from photohub.lib.database.db import in_thread

log = logging.getLogger(__name__)

_FILTERS_EVERY_S = 10.0


class Subscriptions:
    """`share()` says what is ours, `others()` what else is listened to, as the broker's log."""

    def __init__(self, share: Callable[[], Share], others: Callable[[], set[str]]) -> None:
        # Set when devices, or those that are ours, changed.
        self.changed = asyncio.Event()
        self.listening = asyncio.Event()
        self._share = share
        self._others = others
        self._told = asyncio.Condition()
        self._subscribed: set[str] = set()
        self._former: set[str] = set()
        # What the broker refused to let the hub hear; None: nobody was told yet, and an older gateway may have noted some.
        self._unheard: set[str] | None = None
        self._in_step_with: Share | None = None
        self._looks = Looks()

    async def begin(self, former: Share | None) -> None:
        """Begin with a new connection. `former`: what the session that the broker kept was subscribed to."""
        self._subscribed = set()
        self._former = set() if former is None else set((await in_thread(_filters_for, former))[0])

    async def listen_to(self, wanted: Iterable[str]) -> None:
        """Return when the hub listens to these topics: a device is let in only then, since the broker forgets
        what nobody is subscribed to."""
        await self._subscribed_to(addressing.own_topics(wanted))

    async def listen_to_devices(self, devices: list[Device]) -> None:
        """Return when the hub listens to these devices, which are this gateway's."""
        wanted = {topic for device in devices for topic in addressing.filters_of_device(device)}
        if self._share().is_whole:
            await self.listen_to(wanted)
        else:
            await self._subscribed_to({each for each in wanted if topics.valid_filter(each)})

    async def _subscribed_to(self, own: set[str]) -> None:
        await self.listening.wait()
        async with self._told:
            if not own <= self._subscribed:
                self.changed.set()
                await self._told.wait_for(lambda: own <= self._subscribed)

    async def leave(self, share: Share) -> None:
        """Leave what is not of this share, and return when the broker has been told."""
        async with self._told:
            self.changed.set()
            await self._told.wait_for(lambda: self._in_step_with == share)

    async def bring_in_step(self, link: Link) -> tuple[Share, int]:
        """Subscribe to what is missing, then leave what is ours no more. Returns the share, and how many devices it has."""
        share = self._share()
        found, devices = await in_thread(self._looks.look, _filters_for, share)
        wanted = set(found) | self._others()
        if settings.MQTT_DYNSEC:
            wanted.add(dynsec_control.RESPONSE)
        # One that is no topic would keep the hub from hearing all others.
        wanted = {topic_filter for topic_filter in wanted if topics.valid_filter(topic_filter)}
        # What was refused is asked for again: rights at the broker change while it runs.
        again = wanted & (self._unheard or set())
        refused = await link.subscribe(sorted(wanted - self._subscribed | again))
        if gone := sorted((self._subscribed | self._former) - wanted):
            await link.unsubscribe(gone)
        async with self._told:
            self._subscribed, self._former, self._in_step_with = wanted, set(), share
            self._told.notify_all()
        await self._note_unheard(refused, share)
        return share, devices

    async def _note_unheard(self, refused: list[str], share: Share) -> None:
        unheard = {topic_filter for topic_filter in refused if not topic_filter.startswith("$")}
        if unheard or self._unheard != unheard:
            await in_thread(unheard_topics.note, unheard, share.holds)
        if unheard - (self._unheard or set()):
            names = ", ".join(sorted(unheard))
            log.warning("The broker does not let the hub listen to %s; devices there are not heard.", names)
        self._unheard = unheard

    async def keep(self, link: Link, settle: Callable) -> None:
        """Keep in step until the connection ends; `settle(share, devices)` hears of each time."""
        while True:
            if self._unheard:
                # The broker's mind changes without a commit of ours.
                await wait_at_most(self.changed, _FILTERS_EVERY_S)
            else:
                await self._looks.wait(self.changed, _FILTERS_EVERY_S)
            self.changed.clear()
            try:
                await settle(*await self.bring_in_step(link))
            except MqttDown:
                raise
            except Exception as error:
                log.warning("The gateway could not read what to listen to (%s); it tries again.", error)


def _filters_for(share: Share) -> tuple[list[str], int]:
    if share.is_whole:
        return addressing.hub_filters(), addressing.count_devices()
    return addressing.filters_of(share.holds)
