"""Copying pictures to object storage. The row says what to do; this does it.

off ─► pending ─► uploading ─► mirrored
          ▲           │
          ├───────────┤ temporary error: later, with growing pauses, for ever
          ├─ blocked ◄┤ wrong setting: one alarm, one probe a minute, and all go on when it is mended
          │           └─► failed   (the local file is gone or changed, or the key is taken by other bytes)
"""

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from devices import beats, events
from devices.models import Event, EventType
from photohub.lib import failpoints
from photohub.lib.breaker import Breaker

from . import store
from .models import MirrorState, OSSObject
from .stores import MirrorError, open_mirror

LEASE_S = 60
_FIRST_PAUSE_S = 1
_LONGEST_PAUSE_S = 40
BEAT = "mirror"
_breakers: defaultdict[object, Breaker] = defaultdict(lambda: Breaker(longest_pause_s=15))
_ANSWERED = {MirrorState.MIRRORED: True, MirrorState.PENDING: False, MirrorState.BLOCKED: False}


def due(limit: int = 600) -> list[UUID]:
    """Return captures whose copy is due: half of them the oldest, half the newest, so that neither starves."""
    rows = _due_rows()
    oldest = list(rows.order_by("next_try_at").values_list("pk", flat=True)[: limit // 2])
    newest = list(rows.order_by("-created_at").values_list("pk", flat=True)[: limit - len(oldest)])
    return list(dict.fromkeys([*newest, *oldest]))


def _due_rows():
    now = timezone.now()
    rows = OSSObject.objects.waiting().filter(next_try_at__lte=now)
    return rows.exclude(state=MirrorState.UPLOADING, lease_until__gt=now)


def mirror_all(capture_ids: Iterable[str | UUID]) -> int:
    """Copy these pictures, one after the other. Returns how many are mirrored now; stops while the mirror is away."""
    breaker, done = _breakers[open_mirror(settings)], 0
    for capture_id in capture_ids:
        if not breaker.enter():
            break
        outcome = None
        try:
            outcome = mirror_one(capture_id)
        finally:
            breaker.leave(_ANSWERED.get(outcome))
        done += outcome == MirrorState.MIRRORED
    return done


def mirror_one(capture_id: str | UUID) -> str | None:
    """Copy one picture if it is ours to do: claim, put, record. Safe to run twice and at once."""
    target = open_mirror(settings)
    row = _claim(capture_id) if target else None
    if row is None:
        return None
    failpoints.hit("mirror.claimed")
    try:
        _check_local(row)
        result = target.put(store.full_path(row.capture.path), row.key, row.capture.content_type)
    except MirrorError as error:
        return _record_failure(row, error)
    failpoints.hit("mirror.put")
    outcome = _record_success(row, result)
    failpoints.hit("mirror.recorded")
    return outcome


def _claim(capture_id: str | UUID) -> OSSObject | None:
    # Attempts are counted before the work, so that a picture which kills its worker is noticed.
    lease, now = uuid4(), timezone.now()
    rows = _due_rows().filter(pk=capture_id)
    row = rows.select_related("capture", "capture__device").first()
    if row is None:
        return None
    claimed = rows.filter(attempts=row.attempts).update(
        state=MirrorState.UPLOADING,
        lease=lease,
        lease_until=now + timedelta(seconds=LEASE_S),
        attempts=row.attempts + 1,
    )
    row.lease, row.attempts = lease, row.attempts + 1
    return row if claimed else None


def _check_local(row: OSSObject) -> None:
    path = store.full_path(row.capture.path)
    if not path.is_file():
        if not settings.PICTURES_DIR.is_dir():
            raise MirrorError(
                _("The picture folder is missing. Is its disk mounted?"), "no_folder", False, True
            )
        raise MirrorError(_("The picture's file is missing on this hub."), "missing_local", True, False)
    if _sha256(path) != row.capture.sha256:
        raise MirrorError(
            _("The picture's file was changed on this hub; it is not copied."), "changed_local", True, False
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _record_success(row: OSSObject, result) -> str:
    with transaction.atomic():
        if _beat(True, "") or row.state == MirrorState.BLOCKED:
            _wake_all()
        OSSObject.objects.filter(pk=row.pk, lease=row.lease).update(
            state=MirrorState.MIRRORED,
            mirrored_at=timezone.now(),
            etag=result.etag or "",
            crc64=str(result.crc64 or ""),
            error="",
            error_word="",
            lease=None,
            lease_until=None,
        )
        _tell([row], EventType.CAPTURE_MIRRORED)
    return MirrorState.MIRRORED


def _record_failure(row: OSSObject, error: MirrorError) -> str:
    state = MirrorState.FAILED if error.permanent and not error.configuration else MirrorState.PENDING
    if error.configuration:
        state = MirrorState.BLOCKED
    pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(row.attempts - 1, 8)) * random.uniform(0.8, 1.2)
    if error.configuration:
        pause_s = _LONGEST_PAUSE_S
    next_try_at = timezone.now() + timedelta(seconds=pause_s)
    with transaction.atomic():
        OSSObject.objects.filter(pk=row.pk, lease=row.lease).update(
            state=state,
            error=str(error)[:300],
            error_word=error.word[:60],
            next_try_at=next_try_at,
            lease=None,
            lease_until=None,
        )
        if error.configuration:
            _block_all(str(error), error.word)
        _tell([row], EventType.CAPTURE_CHANGED)
        _beat(False, str(error))
    return state


def _block_all(sentence: str, word: str) -> None:
    """One alarm and one probe instead of a thousand retries: everything waits for the probe to succeed."""
    waiting = OSSObject.objects.waiting().filter(state=MirrorState.PENDING)
    waiting.update(
        state=MirrorState.BLOCKED,
        error=sentence[:300],
        error_word=word[:60],
        next_try_at=timezone.now() + timedelta(seconds=_LONGEST_PAUSE_S),
    )


def unblock_all() -> int:
    """The setting is mended: everything that waited for it is due now."""
    return (
        OSSObject.objects.waiting()
        .filter(state=MirrorState.BLOCKED)
        .update(state=MirrorState.PENDING, next_try_at=timezone.now(), error="", error_word="")
    )


def retry_failed() -> int:
    """Try again what had been given up, at somebody's wish: a file may have come back from a backup."""
    return OSSObject.objects.filter(state=MirrorState.FAILED).update(
        state=MirrorState.PENDING, next_try_at=timezone.now(), error="", error_word=""
    )


def _wake_all() -> None:
    """The mirror answers again: nothing waits for the end of its own pause."""
    unblock_all()
    now = timezone.now()
    OSSObject.objects.waiting().filter(state=MirrorState.PENDING, next_try_at__gt=now).update(next_try_at=now)


def adopt_unmirrored() -> int:
    """Ask for copies of all pictures that came while no mirror was set up."""
    return OSSObject.objects.filter(state=MirrorState.OFF).update(
        state=MirrorState.PENDING, next_try_at=timezone.now()
    )


def retry_now(capture_id: UUID) -> bool:
    """Make one picture's copy due at once, at somebody's wish."""
    rows = OSSObject.objects.filter(pk=capture_id).exclude(
        state__in=(MirrorState.MIRRORED, MirrorState.UPLOADING)
    )
    return bool(rows.update(state=MirrorState.PENDING, next_try_at=timezone.now(), error="", error_word=""))


def _tell(rows: list[OSSObject], type_: EventType) -> None:
    events.record_all([Event(type=type_, device=row.capture.device, subject=row.pk) for row in rows])


def _beat(ok: bool, sentence: str) -> bool:
    known = beats.read(BEAT) is not None
    news = beats.beat_if_news(BEAT, ok, sentence)
    if news and known:
        events.record(EventType.NOTICE, sentence=sentence or _("The mirror works again."), problem=not ok)
    return news
