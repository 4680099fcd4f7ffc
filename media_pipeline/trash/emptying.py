"""Emptying the trash because an owner wants it: in small steps, by a worker, and on after a restart."""

import secrets
import time

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from devices.access.rights import actor_of
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import heartbeats
from devices.events import record as events
from devices.events.models import EventType
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import deleting, retention
from photohub.lib.messaging import enqueue
from photohub.lib.pages.sentences import said

from .models import EmptyingOrder

TASK = "media_pipeline.tasks.empty_trash"
# Small enough that an upload waits for one of these transactions no longer than for another upload's.
_BATCH = 100
_RUN_S = 30.0
# One worker is at it at a time: the sweep asks again long before the end of a run.
_LEASE = "trash.emptying"
_LEASE_S = 60.0


def ask_to_empty(user) -> int:
    """Have all deleted for good that is in the trash now. Returns how many that are. Rights are asked before."""
    found = Capture.everything.in_trash()
    # Some may have gone in by a clock that was ahead.
    newest = found.aggregate(newest=Max("trashed_at"))["newest"]
    if newest is None:
        return 0
    count = found.count()
    with transaction.atomic():
        order = {"upto": max(newest, timezone.now()), "asked_by": actor_of(user)}
        EmptyingOrder.objects.update_or_create(pk=EmptyingOrder.ONLY, defaults=order)
        sentence = said("Pictures deleted by emptying the trash: %(count)s.", count=count)
        events.record(EventType.NOTICE, actor=user, sentence=sentence)
        audit.note(Word.DELETED, Kind.PICTURE, details=sentence)
        transaction.on_commit(lambda: enqueue.send_task(TASK, [EmptyingOrder.ONLY]), robust=True)
    return count


def is_under_way() -> bool:
    """Tell whether the trash is being emptied."""
    return EmptyingOrder.objects.exists()


def due() -> list[int]:
    """Return the order that is to be carried out, if there is one."""
    return list(EmptyingOrder.objects.values_list("pk", flat=True))


def empty(_keys: list[int]) -> int:
    """Delete for a while what the order names. Returns how many went; the sweep begins again where this ended."""
    holder, order = secrets.token_hex(8), EmptyingOrder.objects.first()
    if order is None or not heartbeats.lease(_LEASE, holder, _LEASE_S):
        return 0
    try:
        return _empty(order)
    except retention.DiskMissing:
        return 0
    finally:
        heartbeats.release(_LEASE, holder)


def _empty(order: EmptyingOrder) -> int:
    gone, until_s, proof = 0, time.monotonic() + _RUN_S, []
    rows = Capture.everything.in_trash().filter(trashed_at__lte=order.upto).order_by("trashed_at", "id")
    last: Capture | None = None
    while time.monotonic() < until_s:
        retention.check_disk(proof)
        later = (
            retention.behind(rows, "trashed_at", "id", last.trashed_at, last.pk)
            if last and last.trashed_at
            else rows
        )
        size = min(_BATCH, deleting.pace.size)
        batch = list(later.only("trashed_at")[:size])
        gone += deleting.delete_unkept(batch)
        if len(batch) < size:
            EmptyingOrder.objects.filter(pk=order.pk, upto=order.upto).delete()
            break
        last = batch[-1]
    return gone
