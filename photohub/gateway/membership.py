"""Several gateways, of which each holds some of the devices: who lives, which devices are ours, and whose session is nobody's.

    joining   connects, subscribes to what will be its own; counted by nobody yet
    live      subscribed: the others let go of what is its own now
    leaving   counted no more; waits until the others have subscribed to what it held
    adopted   its gateway died, and another takes what the broker kept for it

A row of `devices.leases` is all that they know of each other. A gateway's name belongs to its data folder and to a file
there that it locks, so one that begins again takes the row and the session of its former process at once. Its number in the
row names its session at the broker: the first has the name that a lone gateway has.
"""

import asyncio
import fcntl
import logging
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from django.db import IntegrityError

from devices.leases import holding
from devices.leases.holding import Seen
from devices.leases.models import GATEWAY_TTL_S as TTL_S
from devices.leases.models import GatewayState as State
from devices.leases.models import Lease, LeaseKind
from devices.mqtt.sharing import Share
from photohub.lib.clock import wait_at_most
from photohub.lib.database.db import in_thread
from photohub.lib.log.throttling import Seldom
from photohub.lib.messaging import notify

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
NOTICE = {"type": "gateway.members"}
_PLACES_AT_MOST = 64
_LEFT_WITHIN_S = 5.0
_said = Seldom()


def claim_name(folder: Path) -> str:
    """Return the name of a gateway of this data folder that no other process has, and hold it until this process ends."""
    node = _node_of(folder)
    for number in range(1, _PLACES_AT_MOST):
        descriptor = os.open(folder / f"gateway.{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return f"gateway {node}.{number}"
    raise RuntimeError(f"{_PLACES_AT_MOST} gateways work in {folder} already.")


def _node_of(folder: Path) -> str:
    """Return the word of this data folder, the same for all its gateways and at every start."""
    file = folder / "gateway_node"
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(4))
    except FileExistsError:
        pass
    return file.read_text().strip() or "0"


class Membership:
    """This gateway among the others. `on_change()` is called in the loop when its share changed."""

    def __init__(self, name: str, on_change: Callable[[], object] = lambda: None) -> None:
        self.name = name
        self.process = holding.Process()
        self.number = 0
        self.share = Share(name, frozenset())
        # Leases of gateways that do not live, whose sessions the broker still has.
        self.orphaned: list[Seen] = []
        # Set when the lease was another's, so that the session ends and all begins anew.
        self.lost = asyncio.Event()
        self._has_number = asyncio.Event()
        self.on_change = on_change
        self._state = State.JOINING
        self._connected = False
        # What the status page says of this one gateway: whether messages are stuck, and since when it has no broker.
        self._stuck_since_s: float | None = None
        self._away_since_s: float | None = time.monotonic()
        self._settled: list[str] = []
        self._devices = 0
        self._former: dict = {}
        self._others: list[Lease] = []
        self._watch, self._own_watch = holding.Watch(TTL_S), holding.Watch(TTL_S)
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._was_lost = False
        self._renewed_s = time.monotonic()
        self._has_ended = False

    async def run(self) -> None:
        """Renew the lease and look at the others until cancelled."""
        while True:
            self._wake.clear()
            await self._look_once()
            await wait_at_most(self._wake, LOOK_EVERY_S)

    def look(self) -> None:
        """Look at the others now. Call from the loop."""
        self._wake.set()

    async def _look_once(self) -> None:
        async with self._writing:
            before = self.share
            try:
                await in_thread(self._look)
            except Exception as error:
                # Nobody can take over now; what is ours stays ours.
                if count := _said.count("look"):
                    log.warning("Which gateways live could not be read (%r, %d times).", error, count)
                if time.monotonic() - self._renewed_s > TTL_S:
                    # Another may have our session by now: no new connection under its name.
                    self._has_number.clear()
                return
            self._renewed_s = time.monotonic()
        if self._was_lost:
            self._was_lost = False
            self.lost.set()
        if self.number:
            self._has_number.set()
        else:
            self._has_number.clear()
        if self.share != before:
            log.info("This gateway is %s of %s.", self.name, ", ".join(sorted(self.share.names)))
            self.on_change()

    # --- what the broker's connection tells

    async def ready(self) -> int:
        """Return our number when we have one: it names our session."""
        await self._has_number.wait()
        self.lost.clear()
        return self.number

    async def connected(self) -> None:
        """The session begins."""
        self._connected, self._away_since_s = True, None
        await self._look_once()

    @property
    def kept(self) -> Share:
        """What a session that the broker kept is subscribed to; that of a hub that knew one gateway only, to everything."""
        return Share(self.name, frozenset(self._settled or self._former.get("settled") or [self.name]))

    async def disconnected(self) -> None:
        """The session ended: what is ours is the others' until it is back."""
        self._connected = False
        if self._away_since_s is None:
            self._away_since_s = time.monotonic()
        if self._state is State.LIVE:
            self._state = State.JOINING
        await self._tell_others()

    def note_stuck(self, stuck: bool) -> None:
        """Say in our lease whether messages are stuck here: what one of several says of itself, another may not unsay."""
        self._stuck_since_s = time.monotonic() if stuck else None

    async def settle(self, share: Share, devices: int) -> None:
        """We are subscribed to what this share holds: from now on the others count us."""
        settled = sorted(share.names)
        if self._state is State.LIVE and self._settled == settled and self._devices == devices:
            return
        was_counted = self._state is State.LIVE and self._settled == settled
        if self._state is State.JOINING:
            self._state = State.LIVE
        self._settled, self._devices = settled, devices
        if not was_counted:
            await self._tell_others()

    async def leave(self) -> bool:
        """Have the others take over what is ours. Returns whether there were others who did."""
        if not any(_state_of(row) == State.LIVE for row in self._others):
            return False
        self._state = State.LEAVING
        await self._tell_others()
        try:
            async with asyncio.timeout(_LEFT_WITHIN_S):
                while not self._is_replaced():
                    await asyncio.sleep(0.2)
                    await self._look_once()
        except TimeoutError:
            log.warning("Not every gateway took over its part in time; it does so by itself.")
        return True

    def _is_replaced(self) -> bool:
        live = [row for row in self._others if _state_of(row) == State.LIVE]
        return all(row.facts.get("settled") == sorted(self.share.names) for row in live)

    async def forget(self) -> None:
        """Leave nothing: the broker has no session of ours any more."""
        await self._end()
        await in_thread(holding.drop, self.name, self.process)
        notify.send(notify.GATEWAY, [NOTICE])

    async def stop(self) -> None:
        """Give the lease back; the broker keeps the session for the next process of this name, or for another gateway."""
        await self._end()
        await in_thread(holding.give_back, self.name, self.process)

    async def _end(self) -> None:
        # A look that was under way when `run` was cancelled would take the lease again.
        async with self._writing:
            self._has_ended = True

    async def _tell_others(self) -> None:
        await self._look_once()
        notify.send(notify.GATEWAY, [NOTICE])

    # --- the rows

    @property
    def living(self) -> tuple[str, ...]:
        """The words of the processes that live, this one among them."""
        return (self.process.word, *(row.holder for row in self._others))

    @property
    def coming(self) -> frozenset[str]:
        """The gateways that share the devices now or in a moment: those that are connected, and subscribe."""
        joining = (row for row in self._others if _state_of(row) == State.JOINING)
        return self.share.names | {row.pk for row in joining if row.facts.get("away_s") is None}

    @property
    def is_alone(self) -> bool:
        """Tell whether no other gateway lives."""
        return not self._others

    def _facts(self) -> dict:
        own = {"stuck_s": _seconds_since(self._stuck_since_s), "away_s": _seconds_since(self._away_since_s)}
        return {"state": self._state, "settled": self._settled, "devices": self._devices} | own

    def _look(self) -> None:
        if not (self.number and holding.renew(self.name, self.process, TTL_S, facts=self._facts())):
            self._take()
        seen = holding.read(kind=LeaseKind.GATEWAY)
        live = self._watch.live(seen)
        words = {row.pk for row in live}
        self._others = [row for row in live if row.pk != self.name]
        # One without a number is just being made.
        counted = [each for each in seen if each.row.number and each.row.pk != self.name]
        self.orphaned = [each for each in counted if each.row.pk not in words]
        self.share = Share(self.name, frozenset(self._names(self._others)))

    def _names(self, others: list[Lease]) -> set[str]:
        counted = {row.pk for row in others if _state_of(row) == State.LIVE}
        if self._state is not State.LEAVING and (self._connected or not counted):
            counted.add(self.name)
        if counted == {self.name} and not self._connected:
            # Nobody is connected: what needs no broker is shared all the same.
            counted |= {row.pk for row in others if _state_of(row) == State.JOINING}
        return counted

    def _take(self) -> None:
        """Take the row of our name: at once at the start, for our lock proves that its former process is dead."""
        if self._has_ended:
            return
        is_first = not self.number
        if not is_first:
            self._was_lost, self._connected = True, False
            log.warning("Another took over what this gateway held; it begins anew.")
        self.number = 0
        self._state = State.JOINING
        self._settled = []
        holding.make(self.name, LeaseKind.GATEWAY)
        [seen] = holding.read(pk=self.name)
        facts = seen.row.facts
        may_live = not is_first or facts.get("state") == State.ADOPTED
        if may_live and self._own_watch.live([seen]):
            return
        try:
            number = seen.row.number or _free_number()
            if holding.take(seen, self.process, TTL_S, number=number, facts=self._facts()):
                self.number = number
                self._former = facts
        except IntegrityError:
            # Another took the number at the same moment; the next look finds the next one.
            log.info("Two gateways counted themselves at once.")


def _seconds_since(began_s: float | None) -> int | None:
    return None if began_s is None else int(time.monotonic() - began_s)


def _state_of(row: Lease) -> str:
    return row.facts.get("state", "")


def _free_number() -> int:
    taken = set(Lease.objects.filter(kind=LeaseKind.GATEWAY).values_list("number", flat=True))
    return next(number for number in range(1, len(taken) + 2) if number not in taken)
