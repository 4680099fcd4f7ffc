"""Checking that what the rows say is what lies on the disk and in the mirror.

Rows are walked in the order of their keys and files folder by folder, a batch at a time, so that a million
pictures need no more memory than a thousand. Nothing is changed here; `media_pipeline.maintenance.repairing` does that.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Max

from devices.firmware import images
from media_pipeline.captures.models import Capture, Step
from media_pipeline.mirror.models import MirrorState
from media_pipeline.mirror.stores import MirrorError, MirrorStore, open_mirror
from media_pipeline.nodes import here
from media_pipeline.picture_files import store

from .models import Removal

_BATCH = 500
# A file stands in its place a moment before its row is committed, and an upload may be on its way.
YOUNG_S = 3600

ADVICE = {
    "folder_missing": "Mount the disk of the picture folder, then verify again.",
    "missing": "Run verify --repair to fetch it from the mirror, or restore a backup.",
    "unreadable": "Check the disk and the file's owner.",
    "wrong_size": "Run verify --repair to fetch it from the mirror, or restore a backup.",
    "changed": "Run verify --repair to fetch it from the mirror, or restore a backup.",
    "no_thumbnail": "It is made again when somebody looks; verify --repair asks for it now.",
    "extra": "No picture names this file. verify --repair sets it aside in the folder lost.",
    "orphan": "An upload that nobody finished; verify --repair removes it.",
    "mirror_missing": "verify --repair copies it again.",
    "mirror_size": "The mirror holds other bytes under this key. Compare the two; nothing is overwritten.",
    "firmware_missing": "Restore a backup, or delete this firmware and upload it again.",
    "firmware_changed": "It is not served. Restore a backup, or delete this firmware and upload it again.",
    "firmware_extra": "No firmware names this file; delete it when nobody misses it.",
    "mirror_away": "Test the mirror on the status page, then verify again.",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `path` is relative to the picture folder, a mirror key, firmware/…, or a full path."""

    kind: str
    path: str
    device: str = ""
    capture_id: UUID | None = None

    @property
    def advice(self) -> str:
        return ADVICE[self.kind]


@dataclass(frozen=True)
class Scope:
    """How thoroughly to look. `deep` hashes every file; `mirror` asks the mirror for every copy."""

    deep: bool = False
    mirror: bool = False


def verify(scope: Scope, progress: Callable[[str, int], None] = lambda what, done: None) -> Iterator[Finding]:
    """Yield what is wrong, first of the rows, then of the files. `progress` hears what was looked at so far."""
    if not settings.PICTURES_DIR.is_dir():
        yield Finding("folder_missing", str(settings.PICTURES_DIR))
        return
    yield from _verify_rows(scope, progress)
    yield from _verify_files(progress)
    yield from _verify_incoming()
    for kind, name in images.find_damage(scope.deep):
        yield Finding(kind, f"firmware/{name}")


def _verify_rows(scope: Scope, progress: Callable[[str, int], None]) -> Iterator[Finding]:
    mirror = open_mirror(settings) if scope.mirror else None
    done = 0
    for batch in walk_captures():
        for capture in batch:
            yield from _verify_row(capture, scope, mirror)
        done += len(batch)
        progress("pictures", done)


def walk_captures() -> Iterator[list[Capture]]:
    """Yield all pictures whose files should be here now, in batches, by their key. Younger ones are not waited for."""
    newest = Capture.everything.aggregate(newest=Max("pk"))["newest"]
    rows = Capture.everything.filter(here.own()).select_related("device", "mirror").order_by("pk")
    last: UUID | None = None
    while newest and (
        batch := list((rows.filter(pk__gt=last) if last else rows).filter(pk__lte=newest)[:_BATCH])
    ):
        yield batch
        last = batch[-1].pk


def _verify_row(capture: Capture, scope: Scope, mirror: MirrorStore | None) -> Iterator[Finding]:
    row: Any = getattr(capture, "mirror", None)
    copy = row if row is not None and row.state == MirrorState.MIRRORED else None
    freed = copy is not None and copy.local_freed_at is not None
    kind = check_file(capture, scope.deep)
    # Somebody may have deleted the picture, or retention freed it, since its row was read.
    if kind and not (freed and kind == "missing") and _still_owed(capture):
        yield Finding(kind, capture.path, capture.device.code, capture.pk)
    if capture.thumbnail_state == Step.DONE and not store.thumbnail_path(capture.pk).is_file():
        yield Finding("no_thumbnail", capture.path, capture.device.code, capture.pk)
    if mirror and copy and (kind := _check_copy(mirror, copy.key, capture.size_bytes)):
        yield Finding(kind, copy.key, capture.device.code, capture.pk)


def _still_owed(capture: Capture) -> bool:
    rows = Capture.everything.filter(pk=capture.pk)
    return (
        rows.exists()
        and not rows.filter(mirror__state=MirrorState.MIRRORED, mirror__local_freed_at__isnull=False).exists()
    )


def check_file(capture: Capture, deep: bool) -> str:
    """Return what is wrong with a picture's file on this hub: a key of ADVICE, or nothing."""
    path = store.full_path(capture.path)
    try:
        if path.stat().st_size != capture.size_bytes:
            return "wrong_size"
        return "changed" if deep and sha256_of(path) != capture.sha256 else ""
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_copy(mirror: MirrorStore, key: str, size_bytes: int) -> str:
    try:
        head = mirror.head(key)
    except MirrorError:
        return "mirror_away"
    if head is None:
        return "mirror_missing"
    return "" if head.size_bytes == size_bytes else "mirror_size"


def _verify_files(progress: Callable[[str, int], None]) -> Iterator[Finding]:
    before, done = time.time() - YOUNG_S, 0
    files = _files_below(settings.PICTURES_DIR)
    while batch := list(islice(files, _BATCH)):
        yield from _extra(batch, before)
        done += len(batch)
        progress("files", done)


def _files_below(folder: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(Path(entry.path))
            else:
                yield Path(entry.path)


def _extra(files: list[Path], before: float) -> Iterator[Finding]:
    paths = {str(file.relative_to(settings.PICTURES_DIR)): file for file in files}
    ids = [id_ for file in files if (id_ := id_of(file))]
    named = set(Capture.everything.filter(pk__in=ids).values_list("path", flat=True))
    # A Removal's file is on its way out already.
    named |= set(Removal.objects.filter(pk__in=ids).values_list("path", flat=True))
    for path in sorted(paths.keys() - named):
        with suppress(FileNotFoundError):
            if paths[path].lstat().st_mtime < before:
                yield Finding("extra", path, path.partition("/")[0])


def id_of(file: Path) -> UUID | None:
    """Return the capture's id that a file's name says, or None for a file of somebody else."""
    try:
        return UUID(file.stem)
    except ValueError:
        return None


def _verify_incoming() -> Iterator[Finding]:
    before = time.time() - YOUNG_S
    for file in _files_below(settings.INCOMING_DIR):
        with suppress(FileNotFoundError):
            if file.lstat().st_mtime < before:
                yield Finding("orphan", str(file))
