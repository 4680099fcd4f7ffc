"""Making copies due that pause, were refused, given up, or never asked for: in steps that hold up no upload."""

import time
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import heartbeats
from devices.events.models import ServiceBeat
from media_pipeline.nodes import here
from photohub.lib.database.db import one_writer, update_in_order
from photohub.lib.pages.sentences import said

from . import gate
from .models import MirrorState, OSSObject

# Changed in one transaction: few enough that an upload waits no longer for it than for another upload.
_TOGETHER = 500
# So many pauses end at once when the mirror answers again. More of them are this hub's own faults.
_WOKEN_AT_MOST = 1000
_ADOPTING = "mirror.adopting"
_ADOPT_S = 1.0
_NO_ERROR: dict[str, Any] = {"error": "", "error_word": ""}


def unblock_all() -> int:
    """The setting is mended: everything that waited for it is due now. Returns how many that are."""
    stuck = OSSObject.objects.waiting().count() if gate.reason() else 0
    gate.unlock_all()
    return max(stuck, _let_in(OSSObject.objects.refused()))


def retry_failed() -> int:
    """Try again what had been given up, at somebody's wish: a file may have come back from a backup."""
    failed = OSSObject.objects.failed()
    return _change(failed, state=MirrorState.PENDING, next_try_at=timezone.now(), **_NO_ERROR)


def _let_in(refused: QuerySet[OSSObject]) -> int:
    return _change(refused, state=MirrorState.PENDING, next_try_at=timezone.now(), **_NO_ERROR)


def wake_all() -> None:
    """The mirror answers this machine again: nothing of its own waits for the end of its pause."""
    gate.unlock()
    _let_in(OSSObject.objects.refused().filter(here.own()))
    now = timezone.now()
    waiting = OSSObject.objects.waiting().filter(here.own())
    pausing = waiting.filter(next_try_at__gt=now, state=MirrorState.PENDING)
    _change(pausing, at_most=_WOKEN_AT_MOST, next_try_at=now)


def _change(rows_: QuerySet[OSSObject], at_most: int | None = None, **values: Any) -> int:
    """Give rows values with which they leave `rows_`, some at a time, the first to be tried first. Returns how many."""
    changed = 0
    while at_most is None or changed < at_most:
        keys = list(rows_.order_by("next_try_at").values_list("pk", flat=True)[:_TOGETHER])
        if keys:
            with one_writer():
                changed += update_in_order(rows_.filter(pk__in=keys), **values)
        if len(keys) < _TOGETHER:
            break
    return changed


def adopt_unmirrored() -> int:
    """Ask for copies of all pictures that came while no mirror was set up. Returns how many; the sweep goes on with it."""
    count = OSSObject.objects.never_copied().count()
    if count:
        heartbeats.note(_ADOPTING, False)
        adopt_some()
    return count


def adopt_some() -> None:
    """Go on for a while with what `adopt_unmirrored` asked for."""
    if not ServiceBeat.objects.filter(pk=_ADOPTING, ok=False).exists():
        return
    until_s = time.monotonic() + _ADOPT_S
    while time.monotonic() < until_s:
        off = OSSObject.objects.never_copied()
        if not _change(off, at_most=_TOGETHER, state=MirrorState.PENDING, next_try_at=timezone.now()):
            heartbeats.note(_ADOPTING, True)
            return


def retry_now(capture_id: UUID) -> bool:
    """Make one picture's copy due at once, at somebody's wish."""
    idle = OSSObject.objects.filter(pk=capture_id).exclude(
        state__in=(MirrorState.MIRRORED, MirrorState.UPLOADING)
    )
    with transaction.atomic():
        due = idle.update(state=MirrorState.PENDING, next_try_at=timezone.now(), error="", error_word="")
        if due:
            audit.note(Word.CHANGED, Kind.PICTURE, capture_id, details=said("Its copy is tried again."))
    return bool(due)
