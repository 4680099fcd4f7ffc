"""Notes refusals on the page of the device that was refused, from the event loop and in bounded time."""

import asyncio
import logging
import threading
import time
from collections import OrderedDict

from devices.events import troubles
from devices.registry.models import Device
from media_pipeline.picture_files.refusals import STATUS, Refused
from photohub.lib.database.db import in_thread
from photohub.lib.pages.sentences import said

log = logging.getLogger(__name__)

WITHIN_S = 1.0
LOOK_EVERY_S = 60.0
REMEMBERED = 8192
FAULT = "picture_fault"
# A picture that was taken shows that these are over.
ENDED_BY_PICTURE = (*(f"picture_{word}" for word in STATUS), FAULT)
_OURS = ("db", "busy")
# What becomes of a picture that the hub could not store, as each wire has it.
ASKED_AGAIN = said("The device was asked to send it again.")
NOT_ACKNOWLEDGED = said("It was not acknowledged, so a device that publishes with QoS 1 sends it again.")
ACKNOWLEDGED = said(
    "The message broker had already acknowledged it, so it is lost unless the device sends it again."
)
NOT_AGAIN = said("A frame of a stream cannot be sent again.")


def is_worth_noting(refusal: Refused) -> bool:
    """Tell whether it can be noted at once: what keeps the hub from storing keeps it from writing this, too."""
    return refusal.word not in _OURS


def word_of(refusal: Refused) -> str:
    """Return the trouble's word for a refusal."""
    return f"picture_{refusal.word}"


class Looks:
    """Of which devices it was looked lately whether a trouble is over; any thread may ask."""

    def __init__(self) -> None:
        self._looked_s: OrderedDict[int, float] = OrderedDict()
        self._lock = threading.Lock()

    def is_due(self, device: Device) -> bool:
        """Tell whether to look again, and remember that it is done now."""
        now_s = time.monotonic()
        with self._lock:
            if now_s - self._looked_s.get(device.pk, float("-inf")) < LOOK_EVERY_S:
                return False
            self._looked_s[device.pk] = now_s
            self._looked_s.move_to_end(device.pk)
            while len(self._looked_s) > REMEMBERED:
                self._looked_s.popitem(last=False)
            return True

    def was_lately(self, device: Device) -> bool:
        """Tell whether it was looked, or noted, within the time; remembers nothing."""
        with self._lock:
            return time.monotonic() - self._looked_s.get(device.pk, float("-inf")) < LOOK_EVERY_S

    def forget(self, device: Device) -> None:
        """Look again at the next occasion: a trouble was noted."""
        with self._lock:
            self._looked_s.pop(device.pk, None)


class RefusalNotes:
    """Notes what is refused and what is stored at an endpoint in the event loop."""

    def __init__(self) -> None:
        self._looks = Looks()
        # What could not be written down while the hub could not store either; written with the next picture.
        self._owed: OrderedDict[int, str] = OrderedDict()
        # Who sends too much is refused between pictures that are taken: that is over when nothing was refused for a while.
        self._hurried = Looks()

    async def note(self, device: Device, refusal: Refused) -> None:
        """Write the refusal down, or remember to do so when the hub can."""
        if is_worth_noting(refusal):
            if refusal.word == "rate":
                self._hurried.forget(device)
                self._hurried.is_due(device)
            await self.tell(device, word_of(refusal))
        else:
            self._owed[device.pk] = word_of(refusal)
            while len(self._owed) > REMEMBERED:
                self._owed.popitem(last=False)

    async def tell(self, device: Device, word: str, **values: object) -> None:
        """Write a trouble down."""
        self._looks.forget(device)
        await _quietly(troubles.note, device, word, **values)

    async def stored(self, device: Device, *still: str) -> None:
        """Note after a picture that was stored that earlier troubles are over, but for those that are `still` there."""
        if (owed := self._owed.pop(device.pk, None)) is not None:
            await self.tell(device, owed, again=ASKED_AGAIN)
        elif self._looks.is_due(device):
            words = (*ENDED_BY_PICTURE, "picture_clock", "picture_several")
            still += ("picture_rate",) if self._hurried.was_lately(device) else ()
            await _quietly(troubles.over, device, *(word for word in words if word not in still))


async def _quietly(work, device: Device, *words: str, **values: object) -> None:
    try:
        async with asyncio.timeout(WITHIN_S):
            await in_thread(work, device, *words, **values)
    except TimeoutError:
        log.warning("A trouble of %s could not be written down in time.", device.code)
