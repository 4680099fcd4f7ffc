"""Deleting pictures for good: rows, files, thumbnails and mirror copies.

The rows go first, in one commit with a Removal row each: so no page ever shows a picture without a file, and
what lies elsewhere is not forgotten when the process dies or the mirror is away. The Removal row is the
queue; it goes last.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import repeat
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.deletion import CASCADE, get_candidate_relations_to_delete
from django.utils import timezone

from devices.access.rights import Action, can
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import Event, EventType
from devices.registry.models import Device
from media_pipeline.captures.models import Capture
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.mirror.stores import MirrorError, MirrorStore, open_mirror
from media_pipeline.nodes import here, queues
from media_pipeline.picture_files import store
from photohub.lib import clock, failpoints
from photohub.lib.database.db import lock_in_order, one_writer
from photohub.lib.database.pacing import Pace
from photohub.lib.pages.sentences import Said, columns, said

from .counting import mark_changed
from .models import Removal

# The columns of a picture that matter for its end.
_NEEDED = ("name", "path", "sha256", "received_at", "trashed_at", "device", "node")
_FIRST_PAUSE_S = 2
_LONGEST_PAUSE_S = 3600
# So many times as many as are wanted, so that some of each kind are among them.
_LOOKED_AT = 2
_COPIES_AT_ONCE = 16
# Nobody has to do anything about these.
FORMER_MIRROR = said("A copy remains in the previous mirror. It is deleted when that mirror is set up again.")
# Small enough that an upload waits for one of these transactions no longer than for another upload's.
pace = Pace(at_most=100)
_listeners: list[Callable[[set[str]], None]] = []
_removers = ThreadPoolExecutor(_COPIES_AT_ONCE, thread_name_prefix="photohub-remover")


@dataclass(frozen=True)
class Deleted:
    """How many pictures are gone, and how many stayed because they are kept or not the person's to delete."""

    gone: int
    kept: int
    refused: int


def on_delete(listener: Callable[[set[str]], None]) -> None:
    """Let an upper room forget pictures that people deleted: `listener(hashes)` runs in the same transaction."""
    if listener not in _listeners:
        _listeners.append(listener)


def delete_captures(user, captures: Iterable[Capture]) -> Deleted:
    """Delete pictures for good. Kept ones stay, and so do those whose device the person does not own."""
    chosen = list(captures)
    allowed = [c for c in chosen if can(user, Action.MANAGE, c.device)]
    with transaction.atomic():
        rows, removals = _delete_rows(allowed)
        _forget(rows)
        _tell(user, rows)
        transaction.on_commit(lambda: _ring(removals), robust=True)
    return Deleted(len(rows), len(allowed) - len(rows), len(chosen) - len(allowed))


def delete_unkept(captures: Iterable[Capture]) -> int:
    """Delete pictures that the retention no longer keeps, with their files. Returns how many; kept ones stay.

    At most `pace.size` of them, by work that has time: it rests afterwards.
    """
    with pace.step():
        return _delete_unkept(captures)


def _delete_unkept(captures: Iterable[Capture]) -> int:
    with one_writer(), transaction.atomic():
        rows, removals = _delete_rows(captures)
        _forget([c for c in rows if c.trashed_at])
        # Without a sentence: on a busy device's page it would bury all that somebody did.
        devices = {c.device_id: c.device for c in rows}.values()
        events.record_all([Event(type=EventType.DEVICE_CHANGED, device=device) for device in devices])
    # Here and not by a task: the disk must become free as quickly as the rows go. A mirror takes its time, or is away.
    _free_disk(removals)
    _ring([removal for removal in removals if removal.mirror_key or not here.holds(removal.node)])
    return len(rows)


def _delete_rows(captures: Iterable[Capture]) -> tuple[list[Capture], list[Removal]]:
    """Delete rows, with a Removal each; within a transaction. Returns what they were, and what is to be removed.

    Kept ones stay, as do those that came from the trash and are in it no more.
    """
    # Asked afresh and locked: somebody may have kept one since the page was made, or taken it back from the trash.
    was_trashed = {c.pk: bool(c.trashed_at) for c in captures}
    chosen = Capture.everything.filter(pk__in=was_trashed, kept=False)
    found = chosen.select_for_update(of=("self",)).only(*_NEEDED).prefetch_related("device").order_by("pk")
    rows = [c for c in found if c.trashed_at or not was_trashed[c.pk]]
    removals = _queue(rows)
    _drop(rows)
    failpoints.hit("removal.queued")
    return rows, removals


def _drop(rows: list[Capture]) -> None:
    """Delete these rows and what hangs on them; the ORM would read all of them first."""
    keys = [c.pk for c in rows]
    relations: Iterable[Any] = get_candidate_relations_to_delete(cast(Any, Capture._meta))
    for relation in relations:
        assert relation.on_delete is CASCADE, f"{relation.field} is not to go with its picture."
        relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": keys}).delete()
    chosen = Capture.everything.filter(pk__in=keys)
    chosen._raw_delete(chosen.db)
    mark_changed(rows)


def _forget(rows: list[Capture]) -> None:
    if hashes := {c.sha256 for c in rows}:
        for listener in _listeners:
            listener(hashes)


def clear_pictures_of(device: Device, limit: int) -> int:
    """Delete so many pictures of a device that is being removed, the newest first. Returns how many.

    Nobody sees them any more, so the files go before the rows: a kill between the two is made good by the next call,
    and only what lies in the mirror, or cannot be removed now, needs a Removal.
    """
    newest_first = Capture.objects.filter(device=device).order_by("-received_at", "-id")
    # Those in the trash have no index in an order of the device's.
    parts = (newest_first, Capture.everything.filter(device=device).order_by())
    columns = ("pk", "path", "node")
    chosen = next((found for rows in parts if (found := list(rows.values_list(*columns)[:limit]))), [])
    stuck = {pk for pk, path, node in chosen if not here.holds(node) or _remove_files(pk, path)}
    with one_writer(), transaction.atomic():
        found = Capture.everything.filter(pk__in=[pk for pk, _path, _node in chosen])
        rows = list(found.select_for_update(of=("self",)).only(*_NEEDED).order_by("pk"))
        removals = _queue(rows, lambda removal: bool(removal.mirror_key) or removal.pk in stuck)
        _drop(rows)
        transaction.on_commit(lambda: _ring(removals), robust=True)
    return len(rows)


def count_pictures_of(device: Device) -> int:
    """Count the pictures of a device, those in the trash too."""
    return Capture.everything.filter(device=device).count()


def _queue(rows: list[Capture], needed: Callable[[Removal], bool] = lambda removal: True) -> list[Removal]:
    # Locked as well: a worker that wants to begin copying waits for this commit, then finds nothing to copy.
    copies = OSSObject.objects.filter(pk__in=[c.pk for c in rows]).order_by("pk").select_for_update()
    mirrors = {copy.pk: copy for copy in copies.only("key", "state", "attempts", "lease_until")}
    removals = [_removal_of(c, mirrors.get(c.pk)) for c in rows]
    return Removal.objects.bulk_create([r for r in removals if needed(r)])


def _removal_of(capture: Capture, mirror: OSSObject | None) -> Removal:
    # A copy that was tried may have arrived although nobody heard so, and one under way still can arrive.
    touched = mirror is not None and (mirror.attempts > 0 or mirror.state == MirrorState.MIRRORED)
    under_way = mirror is not None and mirror.state == MirrorState.UPLOADING and mirror.lease_until
    return Removal(
        capture_id=capture.pk,
        node=capture.node,
        path=capture.path,
        mirror_key=mirror.key if mirror and touched else "",
        next_try_at=mirror.lease_until if mirror and under_way else timezone.now(),
    )


def _tell(user, rows: list[Capture]) -> None:
    by_device: dict[int, list[Capture]] = {}
    for capture in rows:
        by_device.setdefault(capture.device_id, []).append(capture)
    for captures in by_device.values():
        sentence = said("Pictures deleted: %(count)s.", count=len(captures))
        events.record_change(captures[0].device, user, sentence)
    sentence = said("Pictures deleted: %(count)s.", count=len(rows))
    audit.note_all(Word.DELETED, Kind.PICTURE, [(c.pk, c.name) for c in rows], sentence)


def _ring(removals: list[Removal]) -> None:
    queues.send_home("media_pipeline.tasks.remove_files", [(r.pk, r.node) for r in removals])


def due(limit: int = 600) -> list[UUID]:
    """Return deleted pictures whose files or copies are still to be removed now, untried ones and others half each.

    So a mirror that is gone for good never keeps the disk full of what was deleted since.
    """
    now = timezone.now()
    # Of so many, since there is no index of the tries. What is tried and fails goes behind all the others.
    rows = Removal.objects.filter(here.own())
    first = clock.first_due(rows, "next_try_at", _LONGEST_PAUSE_S, now, _LOOKED_AT * limit)
    tried = set(Removal.objects.filter(pk__in=first, attempts__gt=0).values_list("pk", flat=True))
    again = [key for key in first if key in tried][: limit // 2]
    return [*[key for key in first if key not in tried][: limit - len(again)], *again]


def _due_rows():
    return Removal.objects.filter(here.own(), clock.is_due("next_try_at", _LONGEST_PAUSE_S, timezone.now()))


def _free_disk(removals: list[Removal]) -> None:
    """Remove the files of pictures whose rows have just gone. What has a copy as well is left to `remove_all`."""
    # A copy under way still reads its file.
    now = timezone.now()
    own = [row for row in removals if here.holds(row.node)]
    due_now = [row for row in own if clock.has_come(row.next_try_at, _LONGEST_PAUSE_S, now)]
    failed = {row.pk: error for row in due_now if (error := _remove_files(row.pk, row.path))}
    _note([row for row in due_now if row.pk in failed or not row.mirror_key], failed)


def remove_all(removal_ids: Iterable[str | UUID]) -> int:
    """Remove files and copies of deleted pictures. Returns how many are gone entirely. Safe to run twice."""
    rows = list(_due_rows().filter(pk__in=list(removal_ids)).order_by("pk"))
    failpoints.hit("removal.begun")
    failed: dict[UUID, Exception] = {
        row.pk: error for row in rows if (error := _remove_files(row.pk, row.path))
    }
    failpoints.hit("removal.files_gone")
    failed |= _remove_copies([row for row in rows if row.mirror_key and row.pk not in failed])
    failpoints.hit("removal.copy_gone")
    return _note(rows, failed)


def _note(rows: list[Removal], failed: Mapping[UUID, Exception]) -> int:
    """Delete the rows of what is gone, and put the others off. Returns how many are gone."""
    gone = [row.pk for row in rows if row.pk not in failed]
    with one_writer(), transaction.atomic():
        # Another worker may be at the same ones.
        lock_in_order(Removal.objects.filter(pk__in=[row.pk for row in rows]))
        Removal.objects.filter(pk__in=gone).delete()
        for row in rows:
            if row.pk in failed:
                _put_off(row, failed[row.pk])
    return len(gone)


def _remove_files(key: UUID, path: str) -> OSError | None:
    try:
        store.remove([store.full_path(path), store.thumbnail_path(key)])
    except OSError as error:
        return error
    return None


def _remove_copies(rows: list[Removal]) -> dict[UUID, Exception]:
    """Delete the copies, several at once. Returns what went wrong; a mirror that is away is asked for few of them."""
    if not rows:
        return {}
    try:
        mirror = open_mirror(settings)
    except MirrorError as error:
        return dict.fromkeys((row.pk for row in rows), error)
    if mirror is None:
        return dict.fromkeys((row.pk for row in rows), MirrorError(FORMER_MIRROR, "no_mirror"))
    failed: dict[UUID, Exception] = {}
    for start in range(0, len(rows), _COPIES_AT_ONCE):
        group = rows[start : start + _COPIES_AT_ONCE]
        errors = list(_removers.map(_remove_copy, repeat(mirror), group))
        failed |= {row.pk: error for row, error in zip(group, errors, strict=True) if error}
        if (last := errors[-1]) is not None and all(errors):
            # Each of the others would wait as long for the same answer.
            return failed | dict.fromkeys((row.pk for row in rows[start + len(group) :]), last)
    return failed


def _remove_copy(mirror: MirrorStore, row: Removal) -> Exception | None:
    try:
        mirror.delete(row.mirror_key)
    except (OSError, MirrorError) as error:
        return error
    return None


def _put_off(row: Removal, error: Exception) -> None:
    pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(row.attempts, 12))
    Removal.objects.filter(pk=row.pk).update(
        attempts=row.attempts + 1,
        next_try_at=timezone.now() + timedelta(seconds=pause_s),
        **columns("error", _why(error)),
    )


def _why(error: Exception) -> str | Said:
    if isinstance(error, MirrorError):
        return error.said
    return said("A file could not be removed (%(why)s).", why=getattr(error, "strerror", None) or error)
