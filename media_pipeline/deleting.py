"""Deleting pictures for good: rows, files, thumbnails and mirror copies.

The rows go first, in one commit with a Removal row each: so no page ever shows a picture without a file, and
what lies elsewhere is not forgotten when the process dies or the mirror is away. The Removal row is the
queue; it goes last.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from devices import events, removing
from devices.access import Action, can
from devices.models import Device, Event, EventType
from photohub.lib import doorbell, failpoints

from . import store
from .models import Capture, MirrorState, OSSObject, Removal
from .stores import MirrorError, open_mirror

_BATCH = 1000
_FIRST_PAUSE_S = 2
_LONGEST_PAUSE_S = 3600


@dataclass(frozen=True)
class Deleted:
    """How many pictures are gone, and how many stayed because they are kept or not the person's to delete."""

    gone: int
    kept: int
    refused: int


def delete_captures(user, captures: Iterable[Capture]) -> Deleted:
    """Delete pictures for good. Kept ones stay, and so do those whose device the person does not own."""
    chosen = list(captures)
    allowed = [c for c in chosen if can(user, Action.MANAGE, c.device)]
    with transaction.atomic():
        rows = _delete_rows(allowed)
        _tell(user, rows)
    return Deleted(len(rows), len(allowed) - len(rows), len(chosen) - len(allowed))


def delete_unkept(captures: Iterable[Capture]) -> int:
    """Delete pictures that the retention no longer keeps. Returns how many; those kept meanwhile stay."""
    with transaction.atomic():
        rows = _delete_rows(captures)
        # Without a sentence: on a busy device's page it would bury all that somebody did.
        devices = {c.device_id: c.device for c in rows}.values()
        events.record_all([Event(type=EventType.DEVICE_CHANGED, device=device) for device in devices])
    return len(rows)


def _delete_rows(captures: Iterable[Capture]) -> list[Capture]:
    """Delete the rows that are not kept, with a Removal each; within a transaction. Returns what they were."""
    # Asked afresh and locked: somebody may have kept one since the page was made.
    chosen = Capture.objects.filter(pk__in=[c.pk for c in captures], kept=False)
    rows = list(chosen.select_for_update(of=("self",)).select_related("device").order_by("pk"))
    removals = _queue(rows)
    Capture.objects.filter(pk__in=[c.pk for c in rows]).delete()
    failpoints.hit("removal.queued")
    transaction.on_commit(lambda: _ring(removals), robust=True)
    return rows


def delete_device(user, device: Device) -> None:
    """Delete a device with all its pictures, kept ones too. Rights are asked before."""
    removing.remove_device(device, user)


def queue_pictures_of(device: Device) -> None:
    """Note what a device that is being removed leaves on the disk and in the mirror; its rows go with it."""
    # Captures before their copies, as everywhere.
    rows = Capture.objects.filter(device=device).order_by("pk").select_for_update().only("path")
    last: UUID | None = None
    while batch := list((rows.filter(pk__gt=last) if last else rows)[:_BATCH]):
        _queue(batch)
        last = batch[-1].pk


def _queue(rows: list[Capture]) -> list[Removal]:
    # Locked as well: a worker that wants to begin copying waits for this commit, then finds nothing to copy.
    copies = OSSObject.objects.filter(pk__in=[c.pk for c in rows]).order_by("pk").select_for_update()
    mirrors = {copy.pk: copy for copy in copies}
    return Removal.objects.bulk_create([_removal_of(c, mirrors.get(c.pk)) for c in rows])


def _removal_of(capture: Capture, mirror: OSSObject | None) -> Removal:
    # A copy that was tried may have arrived although nobody heard so, and one under way still can arrive.
    touched = mirror is not None and (mirror.attempts > 0 or mirror.state == MirrorState.MIRRORED)
    under_way = mirror is not None and mirror.state == MirrorState.UPLOADING and mirror.lease_until
    return Removal(
        capture_id=capture.pk,
        path=capture.path,
        mirror_key=mirror.key if mirror and touched else "",
        next_try_at=mirror.lease_until if mirror and under_way else timezone.now(),
    )


def _tell(user, rows: list[Capture]) -> None:
    by_device: dict[int, list[Capture]] = {}
    for capture in rows:
        by_device.setdefault(capture.device_id, []).append(capture)
    for captures in by_device.values():
        sentence = ngettext(
            "%(count)s picture was deleted.", "%(count)s pictures were deleted.", len(captures)
        )
        events.record(
            EventType.DEVICE_CHANGED,
            device=captures[0].device,
            actor=user if getattr(user, "pk", None) else None,
            sentence=sentence % {"count": len(captures)},
        )


def _ring(removals: list[Removal]) -> None:
    if removals:
        doorbell.ring("media_pipeline.tasks.remove_files", [r.pk for r in removals])


def due(limit: int = 200) -> list[UUID]:
    """Return deleted pictures whose files or copies are still to be removed now."""
    rows = Removal.objects.filter(next_try_at__lte=timezone.now()).order_by("next_try_at")
    return list(rows.values_list("pk", flat=True)[:limit])


def remove_all(removal_ids: Iterable[str | UUID]) -> int:
    """Remove files and copies of deleted pictures. Returns how many are gone entirely. Safe to run twice."""
    return sum(
        _remove(row)
        for row in Removal.objects.filter(pk__in=list(removal_ids), next_try_at__lte=timezone.now())
    )


def _remove(row: Removal) -> bool:
    try:
        failpoints.hit("removal.begun")
        store.remove([store.full_path(row.path), store.thumbnail_path(row.capture_id)])
        failpoints.hit("removal.files_gone")
        _remove_copy(row.mirror_key)
        failpoints.hit("removal.copy_gone")
    except (OSError, MirrorError) as error:
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(row.attempts, 12))
        Removal.objects.filter(pk=row.pk).update(
            attempts=row.attempts + 1,
            next_try_at=timezone.now() + timedelta(seconds=pause_s),
            error=str(error)[:300],
        )
        return False
    row.delete()
    return True


def _remove_copy(key: str) -> None:
    if not key:
        return
    mirror = open_mirror(settings)
    if mirror is None:
        raise MirrorError(
            _("A copy is in the former mirror; it is deleted when that mirror is set up again."), "no_mirror"
        )
    mirror.delete(key)
