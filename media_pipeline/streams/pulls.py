"""Which cameras are pulled now: one puller for each device with an address, in the gateway that holds it."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable

from devices.events import heartbeats, troubles
from devices.registry.models import Device
from photohub.lib.database.commits import Looks
from photohub.lib.database.db import in_thread
from photohub.lib.network import errors as fetch_errors
from photohub.lib.network.errors import GetFailed
from photohub.lib.pages.sentences import Said, said

from .pull import OnFrame, OnLink, Pull, Puller
from .tcp import LinkEvent, LinkState

log = logging.getLogger(__name__)

LEASE = "pulls"
LEASE_S = 20.0
LOOK_EVERY_S = 5.0


class Pulls:
    """Starts and stops pullers as the devices' settings say, while this process holds the lease.

    `holds`: where several gateways share the devices, which are this one's; no lease is needed then.
    """

    def __init__(
        self,
        on_frame: OnFrame,
        on_link: OnLink,
        look_every_s: float = LOOK_EVERY_S,
        holds: Callable[[str], bool] | None = None,
    ) -> None:
        self._holds = holds
        self._on_frame = on_frame
        self._on_link = on_link
        self._look_every_s = look_every_s
        self._holder = secrets.token_hex(8)
        self._wake = asyncio.Event()
        # The lease is to be kept while there is anything to fetch from, and what ended to be begun again.
        self._looks = Looks(lambda: bool(self._running or self._ended) or _any_wanted())
        self._running: dict[Pull, asyncio.Task] = {}
        # Devices that are not fetched from any more, whose trouble is still to be ended.
        self._ended: set[str] = set()

    @property
    def codes(self) -> list[str]:
        """The devices that are pulled here."""
        return sorted(pull.code for pull in self._running)

    def look(self) -> None:
        """Look at the devices at once: one was changed."""
        self._wake.set()

    async def run(self) -> None:
        """Keep the pullers in step with the devices until cancelled."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self._keep_in_step()
                except Exception as error:
                    # What runs goes on: a database that is away is away for other gateways too.
                    log.warning("Which cameras to fetch from could not be looked up: %s", error)
                await self._looks.wait(self._wake, self._look_every_s)
        finally:
            await self._stop(set(self._running), said("the hub stopped"))
            if self._holds is None:
                with contextlib.suppress(Exception):
                    await in_thread(heartbeats.release, LEASE, self._holder)

    async def _keep_in_step(self) -> None:
        wanted = await in_thread(self._looks.look, _wanted, self._holder, self._holds)
        ended = set(self._running) - wanted
        # What another gateway fetches from now goes on: nothing is told of it here.
        moved = {pull for pull in ended if self._holds is not None and not self._holds(pull.code)}
        await self._stop(moved, None)
        ended -= moved
        await self._stop(ended, said("it is no longer fetched from"))
        # What goes on under another address begins without the old one's trouble.
        self._ended |= {pull.code for pull in ended}
        for pull in [pull for pull, task in self._running.items() if task.done()]:
            # It never ends by itself; whatever ended it, its device is fetched from again.
            log.error("Fetching from %s had ended; it begins again.", pull.code)
            await self._stop({pull}, said("fetching from it had ended"))
        for code in list(self._ended):
            await note_trouble(code, None)
            self._ended.discard(code)
        for pull in wanted - set(self._running):
            puller = Puller(pull, self._on_frame, self._on_link, note_trouble)
            self._running[pull] = asyncio.create_task(puller.run(), name=f"pull {pull.code}")

    async def _stop(self, pulls: set[Pull], sentence: Said | None) -> None:
        tasks = [self._running.pop(pull) for pull in pulls]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if sentence is None:
            return
        for pull in pulls:
            with contextlib.suppress(Exception):
                await self._on_link(LinkEvent(pull.code, LinkState.GONE, "", sentence))


def _any_wanted() -> bool:
    return Device.objects.filter(enabled=True).exclude(pull_url="").exists()


def _wanted(holder: str, holds: Callable[[str], bool] | None = None) -> set[Pull]:
    """Return what this process is to pull: what it holds, or everything when it holds the lease, else nothing."""
    rows = Device.objects.filter(enabled=True).exclude(pull_url="")
    columns = ("code", "pull_url", "pull_interval_s", "pull_fingerprint")
    found = {Pull(code, url, float(s), shown) for code, url, s, shown in rows.values_list(*columns)}
    if holds is not None:
        return {pull for pull in found if holds(pull.code)}
    # Without anything to do nobody needs the lease, and nothing is written.
    return found if found and heartbeats.lease(LEASE, holder, LEASE_S) else set()


async def note_trouble(code: str, failure: GetFailed | None) -> None:
    """Note why nothing could be fetched for this device, or with None that it has no such trouble any more."""
    await in_thread(_note_trouble, code, failure)


def _note_trouble(code: str, failure: GetFailed | None) -> None:
    device = Device.objects.filter(code=code).first()
    if device is None:
        return
    if failure is not None:
        troubles.note(device, failure.word, **failure.values)
    others = [word for word in fetch_errors.SENTENCES if failure is None or word != failure.word]
    troubles.over(device, *others)
