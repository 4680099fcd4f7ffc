"""What the streams tell of devices: that one is connected, is still there, or is gone."""

import asyncio
import logging
from contextlib import suppress

from devices.events import troubles
from devices.keys import logins
from devices.registry import presence
from devices.registry.models import Device
from photohub.lib.database.db import in_thread
from photohub.lib.pages.sentences import said

from .tcp import LinkEvent, LinkState

log = logging.getLogger(__name__)

# Some cameras connect anew for each picture, and one that stumbles is back at once. Neither is news.
GRACE_S = 5.0
# Over when the stream has lasted for a while.
TROUBLES = ("stream_unreadable", "stream_too_large", logins.STREAM)


class StreamLinks:
    """Takes news of links, from the endpoint and from pulls, and writes them down."""

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._leaving: dict[str, tuple[asyncio.Task, LinkEvent]] = {}
        # Whose beginning is written down. Whom the broker had connected before stays connected when his stream ends.
        self._begun: set[str] = set()
        self._ours: set[str] = set()

    async def note(self, event: LinkEvent) -> None:
        """Take one piece of news."""
        if event.trouble:
            # At once: a camera that connects anew right away never counts as gone.
            await in_thread(_complain, event)
        if event.state is LinkState.REFUSED:
            return
        is_back = self._stay(event.code)
        if event.state is LinkState.GONE:
            leaving = asyncio.create_task(self._leave_later(event))
            self._leaving[event.code] = leaving, event
        elif event.code not in self._begun or (event.state is LinkState.CONNECTED and not is_back):
            if await in_thread(_began, event):
                self._ours.add(event.code)
            self._begun.add(event.code)
        else:
            await in_thread(_heard, event)

    async def stop(self) -> None:
        """Write down at once who is gone."""
        for code, (_task, event) in list(self._leaving.items()):
            self._stay(code)
            with suppress(Exception):
                await self._leave(event)

    def _stay(self, code: str) -> bool:
        task, _event = self._leaving.pop(code, (None, None))
        if task is not None:
            task.cancel()
        return task is not None

    async def _leave_later(self, event: LinkEvent) -> None:
        while True:
            await asyncio.sleep(self._grace_s)
            try:
                await self._leave(event)
            except Exception as error:
                # Until it is written, the device's page says that it streams.
                log.warning("That the stream of %s ended could not be written down: %s", event.code, error)
                continue
            del self._leaving[event.code]
            return

    async def _leave(self, event: LinkEvent) -> None:
        # Whoever comes back from now on begins anew.
        self._begun.discard(event.code)
        if event.code in self._ours:
            await in_thread(_ended, event)
            self._ours.discard(event.code)


def _began(event: LinkEvent) -> bool:
    device = Device.objects.filter(code=event.code).first()
    return device is not None and presence.stream_began(device, event.address)


def _heard(event: LinkEvent) -> None:
    device = Device.objects.filter(code=event.code).first()
    if device is not None:
        presence.heard(device, address=event.address)
        if event.state is LinkState.ALIVE:
            troubles.over(device, *TROUBLES)


def _complain(event: LinkEvent) -> None:
    device = Device.objects.filter(code=event.code).first()
    if device is not None:
        troubles.note(device, event.trouble, limit=event.limit)


def _ended(event: LinkEvent) -> None:
    device = Device.objects.filter(code=event.code).first()
    if device is not None:
        presence.stream_ended(device, event.sentence or said("it went silent"))
