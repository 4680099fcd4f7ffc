"""Tells what is wrong with pictures whose previews were made before the hub could tell: once, newest first, a few at a time.

The preview itself is looked at. The row `HEARTBEAT` says how far it is; new pictures are judged when their previews are made.
"""

import io
import logging

from django.db import transaction
from django.utils import timezone
from PIL import Image, UnidentifiedImageError

from devices.events import record as events
from devices.events.models import Event, EventType, ServiceBeat
from media_pipeline.captures.models import Capture, Step
from media_pipeline.formats.faults import Fault, find_fault
from media_pipeline.nodes import here
from media_pipeline.picture_files import store
from photohub.lib.database.db import lock_in_order, one_writer
from photohub.lib.messaging import load

log = logging.getLogger(__name__)

HEARTBEAT = "faults.judged"
AT_ONCE = 30
_DONE = "all"


def is_done() -> bool:
    """Tell whether every picture that was there has been judged."""
    return ServiceBeat.objects.filter(pk=here.named(HEARTBEAT), sentence=_DONE).exists()


def catch_up() -> int:
    """Judge the next few pictures, unless many cameras are being served. Returns how many were looked at."""
    row = ServiceBeat.objects.filter(pk=here.named(HEARTBEAT)).first()
    if load.is_high() or (row and row.sentence == _DONE):
        return 0
    batch = list(_after(row.sentence if row else ""))
    found = {c.pk: fault for c in batch if (fault := _judge(c))}
    with one_writer(), transaction.atomic():
        _note(found)
        sentence = str(batch[-1].pk) if len(batch) == AT_ONCE else _DONE
        ServiceBeat.objects.update_or_create(
            pk=here.named(HEARTBEAT), defaults={"at": timezone.now(), "ok": True, "sentence": sentence}
        )
    return len(batch)


def _after(last: str):
    """Return the pictures that follow the one that was judged last. One that is gone has left its time in its key."""
    rows = Capture.objects.filter(here.own()).select_related("device").order_by("-id")
    return (rows.filter(pk__lt=last) if last else rows)[:AT_ONCE]


def _judge(capture: Capture) -> Fault | None:
    if capture.fault is not None or capture.thumbnail_state != Step.DONE:
        return None
    try:
        with Image.open(io.BytesIO(store.thumbnail_path(capture.pk).read_bytes())) as preview:
            return find_fault(preview.convert("RGB"), "truncated" in capture.flags)
    except (OSError, UnidentifiedImageError) as error:
        log.info("The preview of %s could not be looked at: %s", capture.pk, error)
        return None


def _note(found: dict) -> None:
    rows = Capture.objects.filter(pk__in=found, fault=None).select_related("device")
    lock_in_order(Capture.objects.filter(pk__in=found))
    captures = list(rows)
    for capture in captures:
        capture.fault, capture.fault_values = found[capture.pk].word, found[capture.pk].values
    Capture.objects.bulk_update(captures, ["fault", "fault_values"])
    events.record_all(
        [Event(type=EventType.CAPTURE_CHANGED, device=c.device, subject=c.pk) for c in captures]
    )
