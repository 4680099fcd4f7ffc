"""Copying pictures to object storage. The row says what to do; this does it.

off ─► pending ─► uploading ─► mirrored
          ▲           │
          ├───────────┤ temporary error: later, with growing pauses, for ever
          ├─ blocked ◄┤ wrong setting: one alarm, one probe a minute, and all go on when it is mended (`gate`)
          │           └─► failed   (the local file is gone or changed, or the key is taken by other bytes)
"""

import hashlib
import logging
import random
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import repeat
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from devices.events import heartbeats, troubles
from devices.events import record as events
from devices.events.models import Event, EventType
from media_pipeline.nodes import here
from media_pipeline.picture_files import store
from photohub.lib import clock, failpoints
from photohub.lib.database import rows
from photohub.lib.database.db import one_writer, update_in_order
from photohub.lib.messaging import measures
from photohub.lib.messaging.breaker import Breaker
from photohub.lib.pages.sentences import Said, columns, said

from . import gate, waking
from .models import MirrorState, OSSObject
from .stores import MirrorError, MirrorStore, PutResult, hash_source, open_mirror, open_source

log = logging.getLogger(__name__)

LEASE_S = 60
_FIRST_PAUSE_S = 1
_LONGEST_PAUSE_S = 40
# A file that cannot be read is one picture's trouble: looked at again seldom, for ever.
_LONGEST_LOCAL_PAUSE_S = 600
_PAUSE_AT_MOST_S = _LONGEST_LOCAL_PAUSE_S * 1.2
# So many times as many as are wanted, so that some of each kind are among them.
_LOOKED_AT = 2
_PROBES = 1
HEARTBEAT = "mirror"
# What a try can end with beside the states: this hub's own file was in the way, the mirror was not asked.
UNREADABLE = "unreadable"
TIMES = measures.Times(
    "photohub_mirror_copy_duration_seconds",
    "Time that one try to copy a picture to the mirror took, by the state that it ended with.",
    "outcome",
    (MirrorState.MIRRORED, MirrorState.PENDING, MirrorState.BLOCKED, MirrorState.FAILED, UNREADABLE),
)
_breakers: defaultdict[object, Breaker] = defaultdict(lambda: Breaker(longest_pause_s=15))
AT_ONCE = 8
# While the mirror is quick, several times as many are claimed and recorded together: that is two commits.
_TOGETHER = 32
_QUICK_S = 0.15
# The columns that a copy needs: reading all of them, of three tables, costs more than the database does.
_NEEDED = (
    "key",
    "state",
    "attempts",
    "lease",
    "capture__path",
    "capture__sha256",
    "capture__content_type",
    "capture__name",
    "capture__device__code",
)
_COPIED = ("state", "mirrored_at", "etag", "crc64", "error", "error_word", "lease", "lease_until")
# Shared by the worker's threads. A copy takes at most 46 s (two requests), and after one that failed, or after 10 s, no
# other of its group is begun: so a group ends within its lease.
_BEGIN_WITHIN_S = 10.0
_copiers = ThreadPoolExecutor(2 * AT_ONCE, thread_name_prefix="photohub-copier")
# How long the mirror last took for each picture of a group.
_seconds_each: dict[object, float] = {}


def due(limit: int = 600) -> list[UUID]:
    """Return captures whose copy is due: the newest, those not tried yet, and those tried before, a third each.

    So whatever fails again and again never starves what waits behind it. While the mirror is blocked, a probe is all.
    """
    now = timezone.now()
    if gate.is_shut():
        return _probes(now)
    third = limit // 3
    newest = _newest(now, 2 * third)[:third]
    # Of so many, since there is no index of the tries. What is tried and fails goes behind all the others.
    first = clock.first_due(
        _free_rows(), "next_try_at", _PAUSE_AT_MOST_S, now, _LOOKED_AT * limit, columns=("pk", "attempts")
    )
    again = [key for key, attempts in first if attempts][:third]
    untried = [key for key, attempts in first if not attempts][: limit - len(newest) - len(again)]
    return list(dict.fromkeys([*newest, *untried, *again]))


def _newest(now: datetime, looked_at: int) -> list[UUID]:
    """Return which of the newest that wait are due, told apart here: their index knows only when they came."""
    rows = OSSObject.objects.waiting().filter(here.own()).order_by("-created_at")
    found = rows.values_list("pk", "state", "next_try_at", "lease_until")[:looked_at]
    return [
        key
        for key, state, at, lease_until in found
        if clock.has_come(at, _PAUSE_AT_MOST_S, now)
        and not (state == MirrorState.UPLOADING and clock.holds(lease_until, LEASE_S, now))
    ]


def _probes(now: datetime) -> list[UUID]:
    """Return the pictures that try whether the mirror takes copies again: those that it refused, when their pause ends."""
    refused = OSSObject.objects.refused().filter(here.own())
    found = clock.first_due(refused, "next_try_at", _PAUSE_AT_MOST_S, now, _PROBES)
    if found or refused.exists():
        return found
    # Those that it refused were deleted meanwhile.
    return clock.first_due(_free_rows(), "next_try_at", _PAUSE_AT_MOST_S, now, 1)


def _due_rows():
    return _free_rows().filter(clock.is_due("next_try_at", _PAUSE_AT_MOST_S, timezone.now()))


def _free_rows():
    held = clock.is_held("lease_until", LEASE_S, timezone.now())
    return OSSObject.objects.waiting().filter(here.own()).exclude(held, state=MirrorState.UPLOADING)


def mirror_all(capture_ids: Iterable[str | UUID]) -> int:
    """Copy these pictures, several at once. Returns how many are mirrored now; stops while the mirror is away."""
    target = open_mirror(settings)
    breaker, waiting, done = _breakers[target], _let_in(capture_ids), 0
    while target is not None and waiting and breaker.enter():
        # After a failure one picture tries for all.
        count = 1 if breaker.failing else _group_size(target)
        together, waiting = waiting[:count], waiting[count:]
        outcomes: list[str] = []
        begun_s = time.monotonic()
        try:
            outcomes = mirror_together(together, target)
        finally:
            breaker.leave(_verdict(outcomes))
            _seconds_each[target] = (time.monotonic() - begun_s) / len(together)
        done += outcomes.count(MirrorState.MIRRORED)
    return done


def _let_in(capture_ids: Iterable[str | UUID]) -> list[str | UUID]:
    """Return those that may be tried: while the mirror is blocked, probes alone."""
    if not gate.is_shut():
        return list(capture_ids)
    probes = {str(key) for key in _probes(timezone.now())}
    return [key for key in capture_ids if str(key) in probes]


def is_failing() -> bool:
    """Tell whether the mirror failed when this process last tried."""
    return _breakers[open_mirror(settings)].failing


def _group_size(target: MirrorStore) -> int:
    return _TOGETHER if _seconds_each.get(target, _QUICK_S) < _QUICK_S else AT_ONCE


def _verdict(outcomes: list[str]) -> bool | None:
    """Say what these outcomes tell of the mirror: it answered, it did not, or (a fault of this hub's files) nothing."""
    if MirrorState.MIRRORED in outcomes:
        return True
    return False if {MirrorState.PENDING, MirrorState.BLOCKED} & set(outcomes) else None


def mirror_together(capture_ids: list[str | UUID], target: MirrorStore) -> list[str]:
    """Claim, copy at once, record with one commit. Returns the new state of each that was ours to do, or UNREADABLE.

    Safe to run twice and at once: the claim is a conditional update, and a put of the same bytes may be repeated.
    """
    claimed = _claim(capture_ids)
    failpoints.hit("mirror.claimed")
    results: list[PutResult | MirrorError] = []
    taken_s: list[float] = []
    begin_until_s = time.monotonic() + _BEGIN_WITHIN_S
    for start in range(0, len(claimed), AT_ONCE):
        for result, copied_s in _copy_all(target, claimed[start : start + AT_ONCE]):
            results.append(result)
            taken_s.append(copied_s)
        ill = any(isinstance(r, MirrorError) and not (r.permanent or r.local) for r in results)
        if ill or time.monotonic() > begin_until_s:
            break
    failpoints.hit("mirror.put")
    # A mirror that falls ill is not waited for with the rest: each may take a minute to fail.
    claimed, untried = claimed[: len(results)], claimed[len(results) :]
    _give_back(untried)
    copied = [(row, r) for row, r in zip(claimed, results, strict=True) if not isinstance(r, MirrorError)]
    failed = [(row, r) for row, r in zip(claimed, results, strict=True) if isinstance(r, MirrorError)]
    if copied:
        _record_success(copied)
    states = {row.pk: MirrorState.MIRRORED for row, _result in copied}
    states |= {row.pk: _record_failure(row, error) for row, error in failed}
    failpoints.hit("mirror.recorded")
    for row, each_s in zip(claimed, taken_s, strict=True):
        TIMES.observe(states[row.pk], [each_s])
    return [states[row.pk] for row in claimed]


def _claim(capture_ids: list[str | UUID]) -> list[OSSObject]:
    # Attempts are counted before the work, so that a picture which kills its worker is noticed.
    lease = uuid4()
    due = _due_rows().filter(pk__in=capture_ids)
    mine = list(due.select_related("capture__device").only(*_NEEDED))
    with one_writer():
        taken = update_in_order(
            due.filter(pk__in=[row.pk for row in mine]),
            state=MirrorState.UPLOADING,
            lease=lease,
            lease_until=timezone.now() + timedelta(seconds=LEASE_S),
            attempts=F("attempts") + 1,
        )
    if taken < len(mine):
        # Somebody else was faster with some of them.
        ours = set(OSSObject.objects.filter(lease=lease).values_list("pk", flat=True))
        mine = [row for row in mine if row.pk in ours]
    for row in mine:
        row.was_blocked = row.state == MirrorState.BLOCKED
        row.state, row.lease, row.attempts = MirrorState.UPLOADING, lease, row.attempts + 1
    return mine


def _copy_all(target: MirrorStore, rows_: list[OSSObject]) -> list[tuple[PutResult | MirrorError, float]]:
    if len(rows_) < 2:
        return [_timed_copy(target, row) for row in rows_]
    return list(_copiers.map(_timed_copy, repeat(target), rows_))


def _timed_copy(target: MirrorStore, row: OSSObject) -> tuple[PutResult | MirrorError, float]:
    begun_s = time.monotonic()
    return _copy(target, row), time.monotonic() - begun_s


def _give_back(untried: list[OSSObject]) -> None:
    """Let others, or a later turn, have what was claimed and not tried."""
    for row in untried:
        OSSObject.objects.filter(pk=row.pk, lease=row.lease, state=MirrorState.UPLOADING).update(
            state=MirrorState.BLOCKED if row.was_blocked else MirrorState.PENDING,
            lease=None,
            lease_until=None,
            attempts=F("attempts") - 1,
        )


def _copy(target: MirrorStore, row: OSSObject) -> PutResult | MirrorError:
    """Put one picture; runs beside others and without the database. Its own fault costs its neighbours nothing."""
    try:
        _check_local(row)
        return target.put(store.full_path(row.capture.path), row.key, row.capture.content_type)
    except MirrorError as error:
        return error
    except Exception:
        log.exception("Copying the picture %s failed in a way that nobody foresaw.", row.pk)
        sentence = said(
            "Copying this picture failed because of an error in PhotoHub; see its log. It will be "
            "tried again."
        )
        return MirrorError(sentence, "fault", local=True)


def _check_local(row: OSSObject) -> None:
    digest = hashlib.sha256()
    try:
        with open_source(store.full_path(row.capture.path)) as source:
            hash_source(source, digest)
    except MirrorError as error:
        raise _about_local(error) from error
    if digest.hexdigest() != row.capture.sha256:
        sentence = said("The picture's file was changed on this hub; it is not copied.")
        raise MirrorError(sentence, "changed_local", permanent=True, local=True)


def _about_local(error: MirrorError) -> MirrorError:
    """Say of a file that cannot be read whether it is this one only."""
    if error.word != "missing_local":
        why = getattr(error.__cause__, "strerror", "") or ""
        sentence = said("The picture's file cannot be read (%(why)s). Check the disk.", why=why)
        return MirrorError(sentence, error.word, local=True)
    # A mount point without its disk is an empty folder.
    if not settings.PICTURES_DIR.is_dir() or not any(settings.PICTURES_DIR.iterdir()):
        sentence = said("The picture folder is missing or empty. Is its disk mounted?")
        return MirrorError(sentence, "no_folder", configuration=True)
    sentence = said("The picture's file is missing on this hub.")
    return MirrorError(sentence, "missing_local", permanent=True, local=True)


def _record_success(copied: list[tuple[OSSObject, PutResult]]) -> None:
    with one_writer(), transaction.atomic():
        now, done = timezone.now(), MirrorState.MIRRORED
        facts = [
            (done, now, result.etag or "", str(result.crc64 or ""), "", "", None, None, row.pk, row.lease)
            for row, result in sorted(copied, key=lambda pair: pair[0].pk)
        ]
        rows.update(OSSObject, _COPIED, ("capture", "lease"), facts)
        _tell([row for row, _result in copied], EventType.CAPTURE_MIRRORED)
    # Whoever answers a probe answers for all. Not in the same transaction: this locks the rows of others, and the one
    # row of the mirror's state, which all workers want.
    if _note_heartbeat(True, "") or gate.is_shut() or any(row.was_blocked for row, _result in copied):
        waking.wake_all()
    troubles.over_for((row.capture.device for row, _result in copied), "picture_not_copied")


def _record_failure(row: OSSObject, error: MirrorError) -> str:
    state = MirrorState.FAILED if error.permanent and not error.configuration else MirrorState.PENDING
    if error.configuration:
        state = MirrorState.BLOCKED
    with transaction.atomic():
        OSSObject.objects.filter(pk=row.pk, lease=row.lease).update(
            state=state,
            **_facts_of(error),
            next_try_at=timezone.now() + timedelta(seconds=_pause_s(row, error)),
            lease=None,
            lease_until=None,
        )
        _tell([row], EventType.CAPTURE_CHANGED)
    if error.configuration:
        # One alarm and one probe instead of a hundred thousand tries: everything waits for the probe to succeed.
        gate.shut(error.said)
    if not (error.local or error.permanent):
        _note_heartbeat(False, error.said)
    if error.local or error.permanent:
        troubles.note(row.capture.device, "picture_not_copied", name=row.capture.name, detail=error.said)
    return UNREADABLE if error.local and not error.permanent else state


def _pause_s(row: OSSObject, error: MirrorError) -> float:
    longest_s = _LONGEST_LOCAL_PAUSE_S if error.local else _LONGEST_PAUSE_S
    if error.configuration:
        return longest_s
    return min(longest_s, _FIRST_PAUSE_S * 2 ** min(row.attempts - 1, 16)) * random.uniform(0.8, 1.2)


def _facts_of(error: MirrorError) -> dict:
    """Return the columns that say why a copy was not made."""
    return {"error_word": error.word[:60]} | columns("error", error.said)


def _tell(copies: list[OSSObject], type_: EventType) -> None:
    events.record_all([Event(type=type_, device=row.capture.device, subject=row.pk) for row in copies])


def _note_heartbeat(ok: bool, sentence: str | Said) -> bool:
    name = here.named(HEARTBEAT)
    known = heartbeats.read(name)
    news = heartbeats.note_if_news(name, ok, sentence, known)
    if news and known:
        events.record(EventType.NOTICE, sentence=sentence or said("The mirror works again."), problem=not ok)
    return news
