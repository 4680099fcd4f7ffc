"""Which part of the hub's devices is this gateway's, and under which name it is connected."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from django.conf import settings

from devices.mqtt.client import CLIENT_ID, Address, Incoming, Link, MqttDown, Reachable, end_session
from devices.mqtt.sharing import WHOLE, Share
from photohub.gateway.adoption import OWN_TOPIC, Adoption
from photohub.gateway.membership import Membership
from photohub.lib.pages.sentences import said

log = logging.getLogger(__name__)

# Longer than two gateways may differ in what is whose.
_UNSETTLED_S = 15.0
# Longer than a message that is handled at once takes to be committed.
_BEHIND_S = 1.0
# How long what is in hand may take to end when the gateway leaves.
_FINISHED_WITHIN_S = 3.0
_LOOKS_WHILE_LEAVING = 40


class Part:
    """All of them for a lone gateway (`membership` is None); else what the membership says."""

    def __init__(self, address: Reachable, membership: Membership | None) -> None:
        self.address = address
        self.membership = membership
        self._last_came = asyncio.Event()
        # The connection, while there is one.
        self.link: Link | None = None
        self._has_left = False
        self._share = Share("", frozenset())
        # The shares that held within the time that two gateways may differ in.
        self._former: list[Share] = []
        self._unsettled_until_s = self._gained_until_s = 0.0

    @property
    def share(self) -> Share:
        return WHOLE if self.membership is None else self.membership.share

    def holds(self, code: str) -> bool:
        """Tell whether the device is this gateway's."""
        return self.share.holds(code)

    @property
    def is_alone(self) -> bool:
        return self.membership is None or self.membership.is_alone

    @property
    def word(self) -> str:
        """The word of this process among several; empty for a lone one."""
        return "" if self.membership is None else self.membership.process.word

    @property
    def others_words(self) -> tuple[str, ...]:
        """The words of the other gateways that live."""
        return () if self.membership is None else tuple(w for w in self.membership.living if w != self.word)

    # --- moving

    def note_change(self) -> None:
        """The share changed: for a moment two gateways hear a device that moves."""
        before, self._share = self._share, self.share
        self._former = [*(self._former if _now_s() < self._unsettled_until_s else []), before]
        if self.is_alone:
            return
        self._unsettled_until_s = _now_s() + _UNSETTLED_S
        if not (before.own in before.names and before.names <= self._share.names):
            self._gained_until_s = self._unsettled_until_s

    def moves(self, code: str) -> bool:
        """Tell whether a device comes or goes just now, so that another gateway may hear the same. Call from any thread."""
        if self.membership is None:
            return False
        shares = [self.share, Share(self.share.own, self.membership.coming)]
        if _now_s() < self._unsettled_until_s:
            shares += self._former
        return len({share.holds(code) for share in shares}) > 1

    async def in_time(self, messages: AsyncIterator[Incoming]) -> AsyncIterator[Incoming]:
        """Yield messages in their order.

        Whoever gets a device is a little behind whoever gives it away, so that as a rule he sees what that one stored.
        """
        if self.membership is None:
            async for message in messages:
                yield message
            return
        arrived: asyncio.Queue[tuple[float, Incoming | Exception]] = asyncio.Queue()
        reading = asyncio.create_task(_read(messages, arrived))
        try:
            while True:
                at_s, message = await arrived.get()
                if isinstance(message, Exception):
                    raise message
                if message.topic == self._last_topic:
                    # All that came before it has been handed on.
                    message.ack()
                    self._last_came.set()
                    continue
                if at_s < self._gained_until_s:
                    await asyncio.sleep(at_s + _BEHIND_S - _now_s())
                yield message
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def settle(self, share: Share, devices: int) -> None:
        """We listen to all of this share."""
        if self.membership is not None:
            await self.membership.settle(share, devices)

    def kept(self, link: Link) -> Share | None:
        """What the broker's session was subscribed to before, where others have it now; None: nothing that matters."""
        return self.membership.kept if self.membership is not None and link.resumed else None

    # --- the connection

    def address_of(self, number: int) -> Address:
        """Return the address under the name of a gateway's session."""
        assert isinstance(self.address, Address)
        # With dynamic security the lone gateway of older versions was known by its account.
        first = self.address.username if settings.MQTT_DYNSEC and self.address.username else CLIENT_ID
        return replace(self.address, client_id=first if number == 1 else f"{first}-{number}")

    def reachable(self) -> Reachable:
        return self.address if self.membership is None else _Place(self, self.membership)

    async def stand(self) -> None:
        """Raise MqttDown when another took over what this gateway held; wait until then."""
        if self.membership is None:
            await asyncio.Event().wait()
            return
        await self.membership.lost.wait()
        raise MqttDown(said("another gateway took over what this one held"))

    async def adopt(self, take: Callable[[Link, Incoming], Awaitable[None]]) -> None:
        """Take over sessions of gateways that died; see `Adoption`."""
        if self.membership is not None:
            await Adoption(self.membership, self.address_of, take).run()

    async def leave(
        self, leave_topics: Callable[[Share], Awaitable[None]], is_idle: Callable[[], bool]
    ) -> None:
        """Hand over to the others, if there are any, and finish what is in hand, as far as there is time."""
        if self.membership is None or not await self.membership.leave():
            return
        try:
            async with asyncio.timeout(_FINISHED_WITHIN_S):
                await leave_topics(self.share)
                await self._hear_the_last()
                self._has_left = await self._becomes_idle(is_idle)
        except (TimeoutError, MqttDown):
            log.warning("Not everything could be finished in time; another gateway takes over the rest.")

    async def _hear_the_last(self) -> None:
        """Return when all that the broker had for us is here: it sends in order, so one of our own comes behind it."""
        link = self.link
        if link is None:
            raise TimeoutError
        await link.subscribe([self._last_topic])
        await link.publish(self._last_topic, b"last")
        await self._last_came.wait()

    @property
    def _last_topic(self) -> str:
        return f"{OWN_TOPIC}/{self.word}"

    async def _becomes_idle(self, is_idle: Callable[[], bool]) -> bool:
        for _ in range(_LOOKS_WHILE_LEAVING):
            if is_idle():
                return True
            await asyncio.sleep(_FINISHED_WITHIN_S / _LOOKS_WHILE_LEAVING)
        return False

    async def end(self) -> None:
        """Give back what the database has of us. Where others took over all of it, the broker forgets our session."""
        if self.membership is None:
            return
        try:
            async with asyncio.timeout(_FINISHED_WITHIN_S):
                if not self._has_left:
                    await self.membership.stop()
                    return
                await end_session(self.address_of(self.membership.number))
                await self.membership.forget()
        except Exception as error:
            log.warning("Another gateway takes over what the broker keeps for this one (%r).", error)


def _now_s() -> float:
    return time.monotonic()


async def _read(messages: AsyncIterator[Incoming], arrived: asyncio.Queue) -> None:
    """Note when each message came. Of those that are here the client bounds the bytes, and the broker the number."""
    try:
        async for message in messages:
            arrived.put_nowait((_now_s(), message))
    except Exception as error:
        arrived.put_nowait((0.0, error))


class _Place:
    """Where a gateway that is one of several finds the broker: it connects when it has a number, and under that."""

    def __init__(self, part: Part, membership: Membership) -> None:
        self._part, self._membership = part, membership
        self.host, self.port, self.username = part.address.host, part.address.port, part.address.username

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        address = self._part.address_of(await self._membership.ready())
        async with address.open() as link:
            yield link
