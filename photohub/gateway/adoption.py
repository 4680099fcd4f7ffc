"""What the broker kept for a gateway that died: taken by another, which then has the broker forget that session.

The session of a gateway gets every message of its devices until it is forgotten, also those that the broker acknowledged to
a device after the gateway died. So another gateway subscribes to these devices first, connects under the dead one's client
id, which ends a connection that it may still have, and hands in what waits there up to a message of its own that it sends
behind. What comes in both sessions is handed in as repeated.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

from django.db import DatabaseError, InterfaceError

from devices.leases import holding
from devices.leases.holding import Seen
from devices.mqtt import client
from devices.mqtt.client import Address, Incoming, Link, MqttDown
from devices.panels.deliveries import leases
from photohub.gateway.membership import TTL_S, Membership, State
from photohub.lib.database.db import in_thread

log = logging.getLogger(__name__)

# Between `photohub/` and a word that is no device's code: no device may listen or speak there.
OWN_TOPIC = "photohub/_gateway"
_MARK = f"{OWN_TOPIC}/adopted"
WITHIN_S = 120.0
LOOK_EVERY_S = 1.0
# So long the others have to subscribe to what the dead one held.
_OTHERS_SUBSCRIBE_S = 2.0

Take = Callable[[Link, Incoming], Awaitable[None]]


class Adoption:
    """Takes what sessions of dead gateways hold. `take(link, message)` handles a message."""

    def __init__(self, membership: Membership, address_of: Callable[[int], Address], take: Take) -> None:
        self._membership = membership
        self._address_of = address_of
        self._take = take

    async def run(self) -> None:
        """Look for sessions that are nobody's, until cancelled."""
        while True:
            for seen in list(self._membership.orphaned):
                try:
                    await self._adopt(seen)
                except (MqttDown, TimeoutError, DatabaseError, InterfaceError) as error:
                    # The lease that was taken for it runs out, and somebody tries again.
                    log.warning("The session of %s could not be taken over yet (%r).", seen.row.pk, error)
                except Exception:
                    # A fault of ours with one session ends neither our own connection nor the others' turn.
                    log.exception(
                        "The session of %s could not be taken over; it is tried again.", seen.row.pk
                    )
            await asyncio.sleep(LOOK_EVERY_S)

    async def _adopt(self, seen: Seen) -> None:
        row, process = seen.row, self._membership.process
        facts = row.facts | {"state": State.ADOPTED}
        if not await in_thread(holding.take, seen, process, TTL_S, facts=facts):
            return
        log.info("%s (%s) is gone; what it held is taken over.", row.pk, row.place)
        # What it was sending in packets begins anew.
        await in_thread(leases.put_back_former, self._membership.living)
        renewing = asyncio.create_task(self._renew(row.pk))
        try:
            async with asyncio.timeout(WITHIN_S):
                await asyncio.sleep(_OTHERS_SUBSCRIBE_S)
                if row.number:
                    await self._empty(self._address_of(row.number))
            await in_thread(holding.drop, row.pk, process)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, name: str) -> None:
        while True:
            await asyncio.sleep(TTL_S / 4)
            try:
                await in_thread(holding.renew, name, self._membership.process, TTL_S)
            except (DatabaseError, InterfaceError) as error:
                log.warning("A lease could not be renewed (%r).", error)

    async def _empty(self, address: Address) -> None:
        async with client.connect(address) as link:
            if link.resumed:
                count = await self._hand_in(link)
                log.info("%d messages that waited under %s are taken over.", count, address.client_id)
        await client.end_session(address)

    async def _hand_in(self, link: Link) -> int:
        """Hand in what waits, and return when all of it has ended."""
        mark = secrets.token_bytes(8)
        await link.subscribe([_MARK])
        await link.publish(_MARK, mark)
        open_: set[object] = set()
        ended = asyncio.Event()
        count = 0
        async for message in link.messages():
            if message.topic == _MARK:
                message.ack()
                if message.payload == mark:
                    break
                continue
            if message.retained or message.topic.startswith("$"):
                message.ack()
                continue
            count += 1
            await self._take(link, _followed(message, open_, ended))
        while open_:
            ended.clear()
            await ended.wait()
        # What was acknowledged last is on its way to the broker before the connection ends.
        await link.publish(_MARK, mark)
        return count


def _followed(message: Incoming, open_: set[object], ended: asyncio.Event) -> Incoming:
    """Return the message as one that came before, and that tells when it has ended."""
    token = object()
    open_.add(token)

    def end(tell: Callable[[], None]) -> Callable[[], None]:
        def told() -> None:
            tell()
            open_.discard(token)
            ended.set()

        return told

    return replace(message, repeated=True, ack=end(message.ack), refuse=end(message.refuse))
