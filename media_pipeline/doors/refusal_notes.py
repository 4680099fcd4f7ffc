"""Notes refusals on the page of the device that was refused, from the event loop and in bounded time."""

import asyncio
import logging
import time
from collections import OrderedDict

from devices import troubles
from devices.models import Device
from photohub.lib.db import in_thread

from ..refusals import STATUS, Refused

log = logging.getLogger(__name__)

WITHIN_S = 1.0
LOOK_EVERY_S = 60.0
REMEMBERED = 8192
# A picture that was taken shows that these are over. Too many or too large ones come between others that are neither.
ENDED_BY_PICTURE = tuple(f"picture_{word}" for word in STATUS)
_OURS = ("db", "busy")


def word_of(refusal: Refused) -> str:
    """Return the trouble's word for a refusal."""
    return f"picture_{refusal.word}"


class RefusalNotes:
    """Remembers of which devices something may be written down, so that good pictures cost no look."""

    def __init__(self) -> None:
        self._looked_s: OrderedDict[int, float] = OrderedDict()

    async def note(self, device: Device, refusal: Refused) -> None:
        """Write the refusal down."""
        # What keeps the hub from storing pictures keeps it from writing about them, too.
        if refusal.word not in _OURS:
            await self.tell(device, word_of(refusal))

    async def tell(self, device: Device, word: str, **values: object) -> None:
        """Write a trouble down."""
        self._looked_s.pop(device.pk, None)
        await _quietly(troubles.note, device, word, **values)

    async def stored(self, device: Device, *still: str) -> None:
        """Note after a picture that was stored that earlier troubles are over, but for those that are `still` there."""
        now_s = time.monotonic()
        if now_s - self._looked_s.get(device.pk, float("-inf")) < LOOK_EVERY_S:
            return
        self._looked_s[device.pk] = now_s
        self._looked_s.move_to_end(device.pk)
        while len(self._looked_s) > REMEMBERED:
            self._looked_s.popitem(last=False)
        words = (*ENDED_BY_PICTURE, "picture_clock", "picture_several")
        await _quietly(troubles.over, device, *(word for word in words if word not in still))


async def _quietly(work, device: Device, *words: str, **values: object) -> None:
    try:
        async with asyncio.timeout(WITHIN_S):
            await in_thread(work, device, *words, **values)
    except TimeoutError:
        log.warning("A trouble of %s could not be written down in time.", device.code)
