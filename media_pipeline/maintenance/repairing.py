"""Repairing what `verifying` found, where it can be done without losing anything."""

import hashlib
import os
import secrets
import time

from django.conf import settings
from django.utils import timezone

from media_pipeline.captures.models import Capture, Step
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.mirror.stores import MirrorError, open_mirror
from media_pipeline.picture_files import store, syncing
from photohub.lib.files.moving import move

from . import orphans, verifying
from .verifying import Finding


def repair(finding: Finding) -> bool:
    """Mend one finding; False when it has to be left to a person. A file that a row names is never deleted."""
    try:
        return _REPAIRS.get(finding.kind, lambda finding: False)(finding)
    except (OSError, MirrorError):
        return False


def _fetch(finding: Finding) -> bool:
    """Bring the mirror's copy back, when it has the very bytes that were received."""
    capture = Capture.everything.filter(pk=finding.capture_id).first()
    row = OSSObject.objects.filter(pk=finding.capture_id, state=MirrorState.MIRRORED).first()
    if capture is None or row is None:
        return False
    mirror = open_mirror(settings)
    if mirror is None:
        return False
    with mirror.open(row.key) as copy:
        data = copy.read(capture.size_bytes + 1)
    if hashlib.sha256(data).hexdigest() != capture.sha256:
        return False
    _write(capture, data)
    return True


def _write(capture: Capture, data: bytes) -> None:
    target = store.full_path(capture.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = settings.INCOMING_DIR / f"in-{secrets.token_hex(12)}"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        move(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    syncing.sync_folder(target.parent)


def _copy_again(finding: Finding) -> bool:
    """Ask for a new copy, when the hub still has the bytes: else the row's word is all that is left to look for."""
    capture = Capture.everything.filter(pk=finding.capture_id).first()
    if capture is None or verifying.check_file(capture, deep=True):
        return False
    rows = OSSObject.objects.filter(pk=capture.pk, state=MirrorState.MIRRORED)
    return bool(rows.update(state=MirrorState.PENDING, next_try_at=timezone.now(), local_freed_at=None))


def _ask_for_thumbnail(finding: Finding) -> bool:
    rows = Capture.everything.filter(pk=finding.capture_id, thumbnail_state=Step.DONE)
    return bool(rows.update(thumbnail_state=Step.PENDING, thumbnail_attempts=0))


def _set_aside(finding: Finding) -> bool:
    """Move a file that no row names out of the way; `lost` keeps it for a month."""
    path = store.full_path(finding.path)
    if (
        verifying.id_of(path) is None
        or Capture.everything.filter(path=finding.path, pk=verifying.id_of(path)).exists()
    ):
        return False
    orphans.lost_folder().mkdir(exist_ok=True)
    os.utime(path)
    move(path, orphans.lost_folder() / path.name)
    return True


def _remove_orphan(finding: Finding) -> bool:
    path = settings.INCOMING_DIR / os.path.basename(finding.path)
    if str(path) != finding.path or time.time() - path.lstat().st_mtime < verifying.YOUNG_S:
        return False
    path.unlink()
    return True


_REPAIRS = {
    "missing": _fetch,
    "wrong_size": _fetch,
    "changed": _fetch,
    "no_thumbnail": _ask_for_thumbnail,
    "extra": _set_aside,
    "orphan": _remove_orphan,
    "mirror_missing": _copy_again,
}
