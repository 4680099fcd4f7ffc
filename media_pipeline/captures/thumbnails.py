"""Small previews of pictures: one decode makes the thumbnail, its colour placeholder and the perceptual hash."""

import logging
import secrets
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from devices.events import record as events
from devices.events import troubles
from devices.events.models import Event, EventType
from media_pipeline.formats import images
from media_pipeline.formats.faults import CUT_SHORT, Fault
from media_pipeline.nodes import here
from media_pipeline.picture_files import store
from photohub.lib import clock, failpoints
from photohub.lib.database.db import lock_in_order, one_writer, update_in_order
from photohub.lib.database.outage import is_away
from photohub.lib.files.moving import move
from photohub.lib.memory import budget as memory
from photohub.lib.memory import decoding
from photohub.lib.messaging import load

from .models import Capture, Step

log = logging.getLogger(__name__)

ATTEMPTS_AT_MOST = 5
SIDE_PX = 640  # Sharp on the cards of the dashboard, the largest place it is shown at.
_TOGETHER = 4
_CALM_WITHIN_S = 1.0
_RETRY_AFTER_S = 10
_COLUMNS = ("thumbnail_state", "colour", "dhash", "flags", "fault", "fault_values")
# The trouble of the device, and the flag of its picture.
_TROUBLES = {"preview_too_large": "large_preview", "preview_failed": "no_preview"}


def due(limit: int = 200) -> list[UUID]:
    """Return captures that should have had a thumbnail by now."""
    before = timezone.now() - timedelta(seconds=_RETRY_AFTER_S)
    # What came under a clock that was ahead does not wait until that time has come.
    rows, pause_s = Capture.everything.without_thumbnail().filter(here.own()), 2 * _RETRY_AFTER_S
    return clock.first_due(rows, "received_at", pause_s, before, limit, newest=True)


def make_all(capture_ids: Iterable[str | UUID]) -> int:
    """Make the thumbnails of these captures. Returns how many were made; stops when many cameras are being served."""
    if load.is_high():
        return 0
    rows = Capture.everything.select_related("device").filter(
        here.own(), pk__in=list(capture_ids), thumbnail_state=Step.PENDING
    )
    waiting = list(rows)
    # Those that were tried before go alone: one of them may be what killed the worker.
    batches = [[c] for c in waiting if c.thumbnail_attempts]
    first_time = [c for c in waiting if not c.thumbnail_attempts]
    batches += [first_time[i : i + _TOGETHER] for i in range(0, len(first_time), _TOGETHER)]
    made = 0
    for batch in batches:
        # A camera that sends one picture after the other shows its pace only while it is not slowed down.
        load.wait_for_calm(_CALM_WITHIN_S)
        if load.is_high():
            break
        made += make_together(batch)
    return made


def make_one(capture: Capture) -> bool:
    """Make one thumbnail now, for somebody who is looking. Safe to run twice."""
    return make_together([capture]) == 1


def make_together(captures: list[Capture]) -> int:
    """Make a few thumbnails and note them with one commit; after five failed tries a picture is shown without."""
    # Counted before the work: a picture that kills the worker each time is given up in the end.
    with one_writer():
        chosen = Capture.everything.filter(pk__in=[c.pk for c in captures])
        update_in_order(chosen, thumbnail_attempts=F("thumbnail_attempts") + 1)
    failpoints.hit("thumbnail.claimed")
    made = [capture for capture in captures if _make_in_turn(capture)]
    failpoints.hit("thumbnail.written")
    with one_writer(), transaction.atomic():
        lock_in_order(Capture.everything.filter(pk__in=[c.pk for c in made]))
        Capture.everything.bulk_update(made, _COLUMNS)
        events.record_all(
            [Event(type=EventType.CAPTURE_CHANGED, device=c.device, subject=c.pk) for c in made]
        )
    done = [capture for capture in made if capture.thumbnail_state == Step.DONE]
    ill = {capture.device_id for capture in made if capture.thumbnail_state == Step.FAILED}
    troubles.over_for((capture.device for capture in done if capture.device_id not in ill), *_TROUBLES)
    return len(done)


def _make_in_turn(capture: Capture) -> bool:
    try:
        return _make(capture)
    except memory.Crowded:
        # It was not tried, so it does not count.
        Capture.everything.filter(pk=capture.pk).update(thumbnail_attempts=F("thumbnail_attempts") - 1)
        return False
    except Exception as error:
        if is_away(error):
            raise
        # It is tried again by itself; those beside it are made now.
        log.exception("The preview of %s could not be made.", capture.pk)
        return False


def _make(capture: Capture) -> bool:
    """Make one thumbnail and set the capture's columns; False when it should be tried again."""
    if capture.thumbnail_attempts >= ATTEMPTS_AT_MOST:
        return _give_up(capture, "preview_failed", detail=f"it failed {ATTEMPTS_AT_MOST} times.")
    try:
        data = store.full_path(capture.path).read_bytes()
        with decoding.room_for(data):
            thumbnail = images.make_thumbnail(data, SIDE_PX)
        _write(store.thumbnail_path(capture.pk), thumbnail.data)
    except memory.TooLarge:
        millions = round((capture.width or 0) * (capture.height or 0) / 1e6)
        return _give_up(capture, "preview_too_large", megapixels=millions)
    except images.ThumbnailFailed as error:
        return _give_up(capture, "preview_failed", detail=str(error))
    except memory.Crowded:
        raise
    except OSError:
        return False
    capture.thumbnail_state = Step.DONE
    capture.colour, capture.dhash = thumbnail.colour, _signed(thumbnail.dhash)
    _set_fault(capture, thumbnail.fault)
    return True


def _set_fault(capture: Capture, fault: Fault | None) -> None:
    capture.fault, capture.fault_values = (fault.word, fault.values) if fault else (None, None)


def _give_up(capture: Capture, word: str, **values: object) -> bool:
    """Show the picture without a preview, and say why with it and with its device."""
    log.info("Picture %s is shown without a preview: %s %s", capture.pk, word, values)
    capture.thumbnail_state = Step.FAILED
    capture.flags = [*(flag for flag in capture.flags if flag not in _TROUBLES.values()), _TROUBLES[word]]
    _set_fault(capture, Fault(CUT_SHORT) if "truncated" in capture.flags else None)
    troubles.note(capture.device, word, name=capture.name, **values)
    return True


def _signed(number: int) -> int:
    """Fit an unsigned 64-bit number into a signed column."""
    return number - 2**64 if number >= 2**63 else number


def _write(path: Path, data: bytes) -> None:
    # A thumbnail can be made again, so it is renamed into place but not synced.
    path.parent.mkdir(exist_ok=True)
    temporary = settings.INCOMING_DIR / f"in-{secrets.token_hex(8)}"
    temporary.write_bytes(data)
    move(temporary, path)
