"""Keeping only what the settings keep: by days, by bytes on this hub, and by what the mirror holds as well.

    PHOTOHUB_KEEP_DAYS               older pictures are deleted, their copies too
    PHOTOHUB_KEEP_BYTES              the oldest go until the rest fits: freed where there is a mirror, else deleted
    PHOTOHUB_FREE_LOCAL_AFTER_DAYS   mirrored pictures are freed: only the hub's own file goes

Kept pictures are never touched. Before anything is removed the picture folder must prove that its disk is there,
and before a file is freed the mirror must prove that it has the same bytes.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from devices import beats, events
from devices.models import EventType

from . import deleting, store
from .models import Capture, MirrorState, OSSObject
from .stores import MirrorError, MirrorStore, open_mirror

BEAT = "retention"
_BATCH = 200
_BATCHES_AT_MOST = 25  # A run ends in time for the next one; the backlog of a new setting takes several.
_LOOKED_AT = 20


class DiskMissing(Exception):
    """The pictures do not lie where they should, so nothing may be concluded from their absence."""


def retain() -> tuple[int, int]:
    """Do what the settings ask for. Returns how many pictures were deleted and how many were freed."""
    if not (settings.KEEP_DAYS or settings.KEEP_BYTES or settings.FREE_LOCAL_AFTER_DAYS):
        return 0, 0
    deleted = freed = 0
    try:
        if settings.KEEP_DAYS:
            deleted = _delete_old()
        if settings.FREE_LOCAL_AFTER_DAYS:
            freed = _free_old()
        if settings.KEEP_BYTES:
            more_deleted, more_freed = _fit()
            deleted, freed = deleted + more_deleted, freed + more_freed
    except DiskMissing:
        folder = settings.PICTURES_DIR
        sentence = _(
            "The picture folder %(folder)s is missing or empty: nothing is deleted. Is its disk mounted?"
        )
        _say(sentence % {"folder": folder})
    except MirrorError as error:
        _say(
            _("No file is freed, because the mirror does not prove its copies: %(error)s") % {"error": error}
        )
    else:
        _say("")
    return deleted, freed


def check_disk() -> None:
    """Raise DiskMissing unless one of the newest pictures lies where it should.

    A mount point without its disk is an empty folder. The newest are the last that retention takes.
    """
    paths = list(_local().order_by("-received_at", "-id").values_list("path", flat=True)[:_LOOKED_AT])
    here = settings.PICTURES_DIR.is_dir() and any(store.full_path(path).is_file() for path in paths)
    if paths and not here:
        raise DiskMissing


def _local() -> QuerySet[Capture]:
    return Capture.objects.filter(Q(mirror=None) | Q(mirror__local_freed_at=None))


def older_than(before: datetime) -> QuerySet[Capture]:
    """Return the pictures that came before this instant and are not kept, oldest first."""
    return Capture.objects.filter(received_at__lt=before, kept=False).order_by("received_at", "id")


def mirrored_before(before: datetime) -> QuerySet[OSSObject]:
    """Return mirrored pictures with a file here whose copy was made before this instant, oldest copy first."""
    rows = OSSObject.objects.with_local_file().filter(mirrored_at__lt=before)
    return rows.select_related("capture").order_by("mirrored_at")


def _delete_old() -> int:
    before, deleted = timezone.now() - timedelta(days=settings.KEEP_DAYS), 0
    for _turn in range(_BATCHES_AT_MOST):
        check_disk()
        gone = deleting.delete_unkept(list(older_than(before)[:_BATCH]))
        deleted += gone
        if not gone:
            break
    return deleted


def _free_old() -> int:
    mirror, freed = open_mirror(settings), 0
    rows = mirrored_before(timezone.now() - timedelta(days=settings.FREE_LOCAL_AFTER_DAYS))
    after: datetime | None = None
    for _turn in range(_BATCHES_AT_MOST if mirror else 0):
        check_disk()
        # What could not be freed is passed over, else it would be all that the next batch holds.
        batch = list((rows.filter(mirrored_at__gt=after) if after else rows)[:_BATCH])
        freed += sum(_free(row, mirror) for row in batch)
        if not batch:
            break
        after = batch[-1].mirrored_at
    return freed


def _fit() -> tuple[int, int]:
    """Make the pictures on this hub fit into PHOTOHUB_KEEP_BYTES. What is not mirrored yet stays until it is."""
    over = (_local().aggregate(total=Sum("size_bytes"))["total"] or 0) - settings.KEEP_BYTES
    mirror, deleted, freed = open_mirror(settings), 0, 0
    for batch in _oldest_local():
        chosen: list[Capture] = []
        while batch and over > 0:
            capture = batch.pop(0)
            if mirror is None or _free(capture.mirror, mirror):
                chosen.append(capture)
                over -= capture.size_bytes
        if mirror is None:
            deleted += deleting.delete_unkept(chosen)
        else:
            freed += len(chosen)
        if over <= 0:
            break
    return deleted, freed


def _oldest_local() -> Iterator[list[Capture]]:
    """Yield what may go from this hub, oldest first, in batches, each after a look at the disk."""
    rows = _local().filter(kept=False).select_related("mirror").order_by("received_at", "id")
    last: Capture | None = None
    for _turn in range(_BATCHES_AT_MOST):
        check_disk()
        if last:
            later = Q(received_at__gt=last.received_at) | Q(id__gt=last.id)
            rows = rows.filter(later, received_at__gte=last.received_at)
        batch = list(rows[:_BATCH])
        if not batch:
            return
        last = batch[-1]
        yield batch


def _free(row: OSSObject, mirror: MirrorStore) -> bool:
    """Give up the hub's own file, if the mirror proves that it has the same bytes. Raises MirrorError."""
    capture = row.capture
    if capture.kept or row.state != MirrorState.MIRRORED or not proves_copy(mirror, row, capture):
        return False
    with transaction.atomic():
        # Asked afresh: somebody may have kept or deleted the picture meanwhile.
        still = Capture.objects.select_for_update().filter(pk=capture.pk, kept=False).exists()
        rows = OSSObject.objects.filter(pk=row.pk, state=MirrorState.MIRRORED)
        if not still or not rows.update(local_freed_at=timezone.now()):
            return False
    # The row first: a kill between the two leaves a file too many and never one too few.
    store.remove([store.full_path(capture.path)])
    return True


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


def _say(problem: str) -> None:
    """Write the heartbeat, and tell owners when a problem begins."""
    known = beats.read(BEAT)
    changed = beats.beat(BEAT, not problem, problem)
    if problem and changed:
        events.record(EventType.NOTICE, sentence=problem, problem=True)
    elif changed and known is not None:
        events.record(EventType.NOTICE, sentence=_("Old pictures are deleted and freed again."))
