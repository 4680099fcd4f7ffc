"""Two copies before the answer (PHOTOHUB_ACK=mirrored): a picture that is durable here waits until the object store has it.

Whoever waits in vain is told to send again. His picture stays, is copied later, and is known when it comes again.
"""

import asyncio
import threading
from concurrent.futures import Future
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from devices.registry.models import Device
from media_pipeline.captures.models import Capture, Source
from media_pipeline.mirror import copying
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.picture_files.refusals import Refused
from photohub.lib.database.db import tidy

from .committer import Committer

# Wires whose cameras hear that a picture is safe.
ACKNOWLEDGED = (Source.HTTP, Source.MQTT)
WAITING_AT_MOST = 128
# One round of puts, so that nobody waits for the next one.
_TOGETHER = copying.AT_ONCE
_AGAIN_AFTER_S = 5
# Of the threads that handle messages: the others are there for what needs no object store.
_THREADS_AT_MOST = max(1, settings.MQTT_THREADS // 2)
_SAME_WITHIN = timedelta(hours=1)
_threads = threading.BoundedSemaphore(_THREADS_AT_MOST)


def are_awaited() -> bool:
    """Tell whether an answer waits for the second copy."""
    return settings.PHOTOHUB_ACK == "mirrored"


def is_copied_by_answer(source: str) -> bool:
    """Tell whether who answers for this picture also copies it; no task need be sent for it."""
    return are_awaited() and source in ACKNOWLEDGED


async def wait(id: UUID, within_s: float) -> None:
    """Return when the object store has this picture. Raises Refused."""
    if not are_awaited():
        return
    try:
        async with asyncio.timeout(within_s):
            await asyncio.wrap_future(_copier.submit(id))
    except TimeoutError:
        raise _refusal() from None


def wait_in_thread(id: UUID, within_s: float) -> None:
    """Do the same in a thread."""
    if not are_awaited():
        return
    if not _threads.acquire(blocking=False):
        raise _refusal()
    submitted: Future[None] | None = None
    try:
        submitted = _copier.submit(id)
        submitted.result(within_s)
    except TimeoutError:
        raise _refusal() from None
    finally:
        if submitted is not None:
            submitted.cancel()
        _threads.release()


def _refusal() -> Refused:
    sentence = "The picture is stored here, but the object store has no copy yet; send it again."
    return Refused("busy", sentence, _AGAIN_AFTER_S)


def _copy(ids: list[UUID]) -> list[Refused | None]:
    """Copy what is due of these, and say of each whether there is a copy: one outcome for each, in order."""
    try:
        copying.mirror_all(list(dict.fromkeys(ids)))
        rows = OSSObject.objects.filter(pk__in=ids, state=MirrorState.MIRRORED)
        done = set(rows.values_list("pk", flat=True))
    except (DatabaseError, InterfaceError):
        done = set()
    return [None if id in done else _refusal() for id in ids]


def name_of_same(device: Device, sha256: str) -> str:
    """Return the name of this device's picture of a moment ago with these bytes, for one that has none of its own.

    Who is told to send again a picture that is stored gives it no name, and may reach another process.
    """
    if not are_awaited():
        return ""
    lately = timezone.now() - _SAME_WITHIN
    rows = Capture.everything.filter(device=device, sha256=sha256, received_at__gt=lately)
    return rows.values_list("name", flat=True).first() or ""


# Its senders are told at once when too many wait, and each waits no longer than its camera does.
_copier = Committer(lambda ids: tidy(_copy, ids), _TOGETHER, waiting_at_most=WAITING_AT_MOST, refuse=_refusal)
