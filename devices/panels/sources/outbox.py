"""Pictures on their way to devices: kept under the hash of their bytes until nobody needs them any more.

Of several machines each has those that were made or wanted on it; the others' come from the object store.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from photohub.lib.files import blobs, shared
from photohub.lib.files.blobs import BlobMissing

log = logging.getLogger(__name__)

# An ended delivery can be looked at and sent again for this long.
KEEP = timedelta(days=7)
# Bytes are put before the row that names them is written.
_YOUNG_S = 3600
# What others can have without this machine is fetched again when it is wanted after so long.
_CACHED_S = 24 * 3600
_AT_MOST_BYTES = 64 * 2**20
_TOGETHER = 500

__all__ = ["KEEP", "BlobAway", "BlobMissing", "drop_unused", "keep", "path_of", "read", "still_has"]


class BlobAway(BlobMissing):
    """The bytes are on another machine or in the object store, which do not answer now."""


def path_of(sha256: str) -> Path:
    """Return where these bytes lie on this machine."""
    return blobs.path_of(settings.OUTBOX_DIR, sha256)


def keep(picture: bytes) -> str:
    """Keep these bytes durably and return their SHA-256. Raises OSError."""
    sha256 = blobs.put(settings.OUTBOX_DIR, picture)
    # Without a copy in the object store others ask this machine.
    shared.offer("panel", sha256, path_of(sha256))
    return sha256


def read(sha256: str) -> bytes:
    """Return the bytes with this hash, from elsewhere if they are not here. Raises BlobMissing, or BlobAway."""
    try:
        return blobs.read(settings.OUTBOX_DIR, sha256)
    except BlobMissing as missing:
        return _fetch(sha256, missing)


def _fetch(sha256: str, missing: BlobMissing) -> bytes:
    try:
        data = shared.fetch("panel", sha256, _AT_MOST_BYTES)
    except shared.NotShared:
        raise missing from None
    except shared.SharedAway as error:
        raise BlobAway(sha256) from error
    try:
        # A damaged file is no reason to keep it.
        blobs.remove(settings.OUTBOX_DIR, sha256)
        blobs.put(settings.OUTBOX_DIR, data)
    except OSError as error:
        log.warning("A picture that was fetched could not be kept: %s", error)
    return data


def still_has(sha256: str) -> bool:
    """Tell whether these bytes are there, and keep them from being taken for forgotten ones."""
    is_here = blobs.touch(settings.OUTBOX_DIR, sha256)
    return shared.touch("panel", sha256) or is_here


def drop_unused(in_use: Callable[[list[str]], set[str]]) -> int:
    """Delete what nobody needs any more: `in_use` keeps those hashes that somebody needs. Returns how many files went."""
    dropped = 0
    for some in _older_than(_YOUNG_S):
        needed = in_use(some)
        dropped += _remove(set(some) - needed)
        shared.adopt("panel", needed)
    if shared.is_on():
        for some in _older_than(_CACHED_S):
            dropped += _remove(shared.adopt("panel", some))
    return dropped


def _older_than(age_s: float) -> Iterator[list[str]]:
    # Listed before anything goes.
    old = list(blobs.older_than(settings.OUTBOX_DIR, age_s))
    return (old[start : start + _TOGETHER] for start in range(0, len(old), _TOGETHER))


def _remove(hashes: Iterable[str]) -> int:
    return sum(1 for sha256 in hashes if blobs.remove(settings.OUTBOX_DIR, sha256) is None)
