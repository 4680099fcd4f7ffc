"""Keeping only what the settings keep: by days, by bytes on this hub, and by what the mirror holds as well.

    PHOTOHUB_TRASH_DAYS              what lies in the trash for longer is deleted, its copies too
    PHOTOHUB_KEEP_DAYS               older pictures are deleted, their copies too, in the trash or not
    PHOTOHUB_KEEP_BYTES              the oldest go until the rest fits: freed where there is a mirror, else deleted;
                                     what has been in the trash for a day goes before all others
    PHOTOHUB_THIN_AFTER_DAYS         of older like pictures in a row only the first and the last stay (`thinning`)
    PHOTOHUB_FREE_LOCAL_AFTER_DAYS   mirrored pictures are freed: only the hub's own file goes

Kept pictures are never touched, and are walked past, as is what the mirror does not have yet. Before anything is
removed the picture folder must prove that its disk is there, and before a file is freed the mirror must prove that it
has the same bytes. By age nothing goes while the clock is in doubt, and never more than a quarter of all in one run.
Why a limit is not kept stands in the heartbeat, in words of `trouble_words` (`retention_wording.problems_now`).
"""

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import repeat
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Manager, Q, QuerySet, Sum
from django.utils import timezone

from devices.events import clock_watch
from devices.events.models import ServiceBeat
from devices.hub_settings import values
from media_pipeline.captures.models import Capture
from media_pipeline.keep_rules import rules
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.mirror.stores import MirrorError, MirrorStore, open_mirror
from media_pipeline.nodes import here, known
from media_pipeline.picture_files import store
from photohub.lib.database.db import one_writer, update_in_order

from . import deleting, retention_wording, thinning
from .retention_wording import Problem

# Small enough that an upload waits for one of these transactions no longer than for another upload's.
_BATCH = 100
_RUN_S = 480.0  # The next run comes after ten minutes.
_LOOKED_AT = 20
# A wrong clock that nobody noticed, or a slip in a setting, costs at most this much before somebody can look.
SHARE_BY_AGE = 0.25
SHARE_AT_LEAST = 500
_PROOFS_AT_ONCE = 16
# So long after a picture was deleted by hand, undoing that works even on a hub that is full.
_UNDONE_WITHIN = timedelta(days=1)
_provers = ThreadPoolExecutor(_PROOFS_AT_ONCE, thread_name_prefix="photohub-prover")


class DiskMissing(Exception):
    """The pictures do not lie where they should, so nothing may be concluded from their absence."""


class Run:
    """How much one run may still do."""

    def __init__(self) -> None:
        self.proof: list[Path] = []
        self._until_s = time.monotonic() + _RUN_S
        self.deleted = self.freed = 0
        self._by_age = 0

    @property
    def batch(self) -> int:
        """How many pictures go together."""
        return min(_BATCH, deleting.pace.size)

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._until_s

    def allow_by_age(self) -> None:
        """Count all pictures: a share of them may go by their age."""
        self._by_age = max(SHARE_AT_LEAST, int(Capture.everything.filter(here.own()).count() * SHARE_BY_AGE))

    def next_batch(self) -> int:
        """Return how many pictures may go by age at once; 0 when the run's share is used up."""
        return 0 if self.is_over else max(0, min(self.batch, self._by_age - self.deleted - self.freed))


def retain() -> tuple[int, int]:
    """Do what the settings ask for. Returns how many pictures were deleted and how many were freed."""
    if not (_is_limited() or long_trashed().exists()):
        if ServiceBeat.objects.filter(pk=here.named(retention_wording.HEARTBEAT), ok=False).exists():
            # What stood in the way of emptying the trash is of no account any more.
            retention_wording.say([])
        return 0, 0
    run, problems = Run(), []
    try:
        check_disk(run.proof)
        problems += _by_age(run)
        if values.keep_bytes():
            problems += _fit(run)
    except DiskMissing:
        problems = [Problem("retention_disk", {"folder": str(settings.PICTURES_DIR)})]
    except MirrorError as error:
        problems.append(Problem("retention_mirror", {"error": str(error)}))
    retention_wording.say(problems)
    return run.deleted, run.freed


def _is_limited() -> bool:
    return bool(
        values.keep_days()
        or rules.days_by_camera()
        or values.keep_bytes()
        or settings.FREE_LOCAL_AFTER_DAYS
        or settings.THIN_AFTER_DAYS
    )


def check_disk(proof: list[Path] | None = None) -> None:
    """Raise DiskMissing unless one of the newest pictures lies where it should.

    A mount point without its disk is an empty folder. The newest are the last that retention takes. Who asks again and
    again hands in a list: while the picture that proved it the last time is there, nobody asks for others.
    """
    if proof and proof[0].is_file():
        return
    newest = _local(Capture.objects).order_by("-received_at", "-id")
    last_trashed = _local(Capture.everything.in_trash()).order_by("-trashed_at", "-id")
    paths = [p for rows in (newest, last_trashed) for p in rows.values_list("path", flat=True)[:_LOOKED_AT]]
    there = (file for path in paths if (file := store.full_path(path)).is_file())
    found = next(there, None) if settings.PICTURES_DIR.is_dir() else None
    if paths and found is None:
        raise DiskMissing
    if proof is not None and found is not None:
        proof[:] = [found]


def _local(rows: Manager[Capture] | QuerySet[Capture]) -> QuerySet[Capture]:
    return rows.filter(here.own(), Q(mirror=None) | Q(mirror__local_freed_at=None))


def _by_age(run: Run) -> list[Problem]:
    """Delete and free what is too old, unless the clock by which it is too old cannot be believed."""
    by_age = any(rules.limits()) or settings.FREE_LOCAL_AFTER_DAYS or settings.THIN_AFTER_DAYS
    if not (by_age or long_trashed().exists()):
        return []
    if doubt := retention_wording.doubt_of_the_clock():
        return [doubt]
    run.allow_by_age()
    _delete_all(run, long_trashed(), "trashed_at")
    for days, camera in rules.limits():
        before, whose = timezone.now() - timedelta(days=days), Q(device=camera) if camera else Q()
        _delete_all(run, older_than(before).filter(whose), "received_at")
        _delete_all(run, trashed_older_than(before).filter(whose), "received_at")
    # Like pictures of one camera may lie on several machines: one of these thins out all of them.
    if settings.THIN_AFTER_DAYS and known.leads():
        thinning.thin(run, check_disk)
    if settings.FREE_LOCAL_AFTER_DAYS:
        _free_old(run)
    return retention_wording.left_by_age()


def older_than(before: datetime) -> QuerySet[Capture]:
    """Return the pictures outside the trash that came before this instant and are not kept, oldest first."""
    rows = Capture.objects.filter(here.own(), received_at__lt=before, kept=False)
    return rows.order_by("received_at", "id")


def trashed_older_than(before: datetime) -> QuerySet[Capture]:
    """Return those in the trash that came before this instant."""
    rows = Capture.everything.in_trash().filter(here.own(), received_at__lt=before)
    return rows.order_by("received_at", "id")


def long_trashed() -> QuerySet[Capture]:
    """Return what has been in the trash for longer than PHOTOHUB_TRASH_DAYS, oldest first."""
    before = timezone.now() - timedelta(days=settings.TRASH_DAYS)
    rows = Capture.everything.in_trash().filter(here.own(), trashed_at__lt=before)
    return rows.order_by("trashed_at", "id")


def mirrored_before(before: datetime) -> QuerySet[OSSObject]:
    """Return mirrored pictures with a file here whose copy was made before this instant, oldest copy first."""
    rows = OSSObject.objects.with_local_file().filter(here.own(), mirrored_at__lt=before, capture__kept=False)
    return rows.select_related("capture").order_by("mirrored_at", "pk")


def _delete_all(run: Run, rows: QuerySet[Capture], field: str) -> None:
    last: Capture | None = None
    while size := run.next_batch():
        check_disk(run.proof)
        # Behind those before: kept ones, and what has gone, are not walked past again for each batch.
        later = behind(rows, field, "id", getattr(last, field), last.pk) if last else rows
        batch = list(later.only("received_at", "trashed_at")[:size])
        if not batch:
            return
        last = batch[-1]
        run.deleted += deleting.delete_unkept(batch)


def _free_old(run: Run) -> None:
    mirror = open_mirror(settings)
    rows = mirrored_before(timezone.now() - timedelta(days=settings.FREE_LOCAL_AFTER_DAYS))
    last: OSSObject | None = None
    while mirror and (size := run.next_batch()):
        check_disk(run.proof)
        # What could not be freed is walked past, else it would be all that the next batch holds.
        at = last.mirrored_at if last else None
        later = behind(rows, "mirrored_at", "pk", at, last.pk) if last and at else rows
        batch = list(later[:size])
        if not batch:
            return
        last = batch[-1]
        run.freed += len(_free(batch, mirror))


def behind(rows: QuerySet, time_field: str, key_field: str, at: datetime, key: object) -> QuerySet:
    """Keep the rows behind this one, in the order of a time and a key."""
    later = Q(**{f"{time_field}__gt": at}) | Q(**{f"{key_field}__gt": key})
    return rows.filter(later, **{f"{time_field}__gte": at})


def _fit(run: Run) -> list[Problem]:
    """Make the pictures on this hub fit into PHOTOHUB_KEEP_BYTES. What is not mirrored yet stays until it is."""
    over = (_local(Capture.everything).aggregate(total=Sum("size_bytes"))["total"] or 0) - values.keep_bytes()
    mirror = open_mirror(settings)
    if over > 0:
        for batch in _oldest_local(run, mirror):
            chosen = _enough(batch, over)
            if mirror is None:
                run.deleted += deleting.delete_unkept(chosen)
                over -= sum(c.size_bytes for c in chosen)
            else:
                freed = _free([c.mirror for c in chosen], mirror)
                over -= sum(c.size_bytes for c in chosen if c.pk in freed)
                run.freed += len(freed)
            if over <= 0:
                break
    return retention_wording.left_over_bytes(over)


def _enough(batch: list[Capture], over: int) -> list[Capture]:
    """Return as many of the oldest as make up for what is too much."""
    chosen: list[Capture] = []
    for capture in batch:
        if over <= 0:
            break
        chosen.append(capture)
        over -= capture.size_bytes
    return chosen


def _oldest_local(run: Run, mirror: MirrorStore | None) -> Iterator[list[Capture]]:
    """Yield what may go from this hub in batches: first of the trash, then the oldest, at last what was just deleted."""
    trash, a_day_ago = Capture.everything.in_trash(), timezone.now() - _UNDONE_WITHIN
    yield from _batches(run, mirror, trash.filter(trashed_at__lt=a_day_ago), "trashed_at")
    yield from _batches(run, mirror, Capture.objects.filter(kept=False), "received_at")
    yield from _batches(run, mirror, trash.filter(trashed_at__gte=a_day_ago), "trashed_at")


def _batches(
    run: Run, mirror: MirrorStore | None, rows: QuerySet[Capture], field: str
) -> Iterator[list[Capture]]:
    """Yield pictures in the order of a time, each batch after a look at the disk."""
    rows = _local(rows).select_related("device", "mirror").order_by(field, "id")
    if mirror is not None:
        rows = rows.filter(mirror__state=MirrorState.MIRRORED)
    last: Capture | None = None
    while not run.is_over:
        check_disk(run.proof)
        later = behind(rows, field, "id", getattr(last, field), last.pk) if last else rows
        batch = list(later[: run.batch])
        if not batch:
            return
        last = batch[-1]
        yield batch


def _free(rows_: list[OSSObject], mirror: MirrorStore) -> set:
    """Give up the hub's own files of those copies that the mirror proves now. Returns their keys. Raises MirrorError."""
    # Read here: the threads below use no database.
    pictures = [row.capture for row in rows_]
    paths = {row.pk: picture.path for row, picture in zip(rows_, pictures, strict=True)}
    proofs = list(_provers.map(_prove, repeat(mirror), rows_, pictures))
    proved = [row for row, proof in zip(rows_, proofs, strict=True) if proof is True]
    with one_writer(), transaction.atomic():
        # Asked afresh: somebody may have kept or deleted a picture meanwhile.
        keys = [row.pk for row in proved]
        still = Capture.everything.select_for_update().filter(pk__in=keys, kept=False)
        keys = list(still.order_by("pk").values_list("pk", flat=True))
        copies = OSSObject.objects.select_for_update().filter(pk__in=keys).order_by("pk")
        freed = set(
            copies.filter(state=MirrorState.MIRRORED, local_freed_at=None).values_list("pk", flat=True)
        )
        OSSObject.objects.filter(pk__in=freed).update(local_freed_at=timezone.now())
    _see_to_unproved([row for row, proof in zip(rows_, proofs, strict=True) if proof is False])
    # The row first: a kill between the two leaves a file too many and never one too few.
    store.remove([store.full_path(paths[row.pk]) for row in proved if row.pk in freed])
    if errors := [proof for proof in proofs if isinstance(proof, MirrorError)]:
        raise errors[0]
    return freed


def _prove(mirror: MirrorStore, row: OSSObject, picture: Capture) -> bool | MirrorError:
    try:
        return proves_copy(mirror, row, picture)
    except MirrorError as error:
        return error
    except FileNotFoundError:
        return False


def _see_to_unproved(rows_: list[OSSObject]) -> None:
    """Copy again what the mirror does not have as it was copied: so it is mended or shown, and stands in nobody's way."""
    if rows_:
        waiting = OSSObject.objects.filter(pk__in=[row.pk for row in rows_], state=MirrorState.MIRRORED)
        update_in_order(waiting, state=MirrorState.PENDING, next_try_at=timezone.now(), attempts=0)


def proves_copy(mirror: MirrorStore, row: OSSObject, capture: Capture) -> bool:
    """Ask the mirror whether it has these bytes now: size, and CRC-64 or ETag as at the time of the copy."""
    head = mirror.head(row.key)
    if head is None or head.size_bytes != capture.size_bytes:
        return False
    if row.crc64 and head.crc64 is not None:
        return str(head.crc64) == row.crc64
    if row.etag and head.etag:
        return head.etag == row.etag
    # A store without checksums has to show the bytes.
    with mirror.open(row.key) as copy:
        return hashlib.sha256(copy.read(capture.size_bytes + 1)).hexdigest() == capture.sha256


def go_on(user=None) -> None:
    """An owner says that the clock is right and that it is well that no picture came."""
    clock_watch.believe()
    retention_wording.note_go_on(user)
