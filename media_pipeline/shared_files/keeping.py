"""Keeping the object store's copies of shared files: those that are missing are put, those that nobody needs go."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from media_pipeline.mirror.stores import MirrorError
from media_pipeline.nodes import here
from photohub.lib.database.db import one_writer
from photohub.lib.files.shared import Kind

from . import sharing
from .models import SharedFile

log = logging.getLogger(__name__)

_AT_ONCE = 100
_TOGETHER = 500
_BEGIN_WITHIN_S = 10.0
_DROP_WITHIN_S = 60.0
# Bytes are offered before the row that names them is written.
_YOUNG = timedelta(hours=1)

InUse = Mapping[Kind, Callable[[list[str]], set[str]]]


def waiting(mark: int | None) -> QuerySet[SharedFile]:
    """Return the files that only this node has, by their partial index."""
    return SharedFile.objects.filter(here.of(mark), stored_at=None)


def store_waiting() -> int:
    """Copy what this machine offered while the object store was away. Returns how many copies were made."""
    if not here.is_one_of_several():
        return 0
    until_s, done = time.monotonic() + _BEGIN_WITHIN_S, 0
    for key in waiting(here.mark()).order_by("-used_at").values_list("pk", flat=True)[:_AT_ONCE]:
        path = sharing.find_here(*sharing.read_key(key))
        # One without a file is still on its way, or was given up: then the row goes with its last use.
        if path.is_file():
            done += sharing.put(key, path)
        if time.monotonic() > until_s:
            break
    return done


def drop_unused(in_use: InUse) -> int:
    """Delete the copies that no row needs any more; `in_use` keeps of each kind those hashes that somebody needs."""
    if not here.is_one_of_several():
        return 0
    until_s, dropped = time.monotonic() + _DROP_WITHIN_S, 0
    for some in _batches_of_old():
        for row in _unneeded(some, in_use):
            try:
                dropped += _drop(row)
            except MirrorError as error:
                log.warning("Copies that nobody needs could not be deleted; next time again: %s", error)
                return dropped
            if time.monotonic() > until_s:
                return dropped
    return dropped


def _batches_of_old() -> Iterator[list[SharedFile]]:
    rows = SharedFile.objects.filter(used_at__lt=Now() - _YOUNG).order_by("pk")
    last = ""
    while some := list(rows.filter(pk__gt=last)[:_TOGETHER]):
        yield some
        last = some[-1].pk


def _unneeded(rows: list[SharedFile], in_use: InUse) -> list[SharedFile]:
    named = {row.pk: sharing.read_key(row.key) for row in rows}
    needed = {
        (kind, sha256)
        for kind, find in in_use.items()
        for sha256 in find([sha256 for its, sha256 in named.values() if its == kind])
    }
    return [row for row in rows if named[row.pk] not in needed]


def _drop(row: SharedFile) -> int:
    """Delete the copy and then the row, unless somebody offers the bytes meanwhile: then they are put again."""
    same = SharedFile.objects.filter(pk=row.pk, used_at__lt=Now() - _YOUNG)
    with one_writer():
        if not same.update(stored_at=None):
            return 0
    with sharing.asking_store() as mirror:
        mirror.delete(row.key)
    with one_writer():
        gone, _by_table = same.delete()
        if not gone:
            SharedFile.objects.filter(pk=row.pk).update(stored_at=None)
    return gone
