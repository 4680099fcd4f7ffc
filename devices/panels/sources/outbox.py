"""Pictures on their way to devices: kept under the hash of their bytes until nobody needs them any more."""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings

from photohub.lib.files import blobs
from photohub.lib.files.blobs import BlobMissing

# An ended delivery can be looked at and sent again for this long.
KEEP = timedelta(days=7)
# Bytes are put before the row that names them is written.
_YOUNG_S = 3600

__all__ = ["KEEP", "BlobMissing", "drop_unused", "keep", "read", "still_has"]


def keep(picture: bytes) -> str:
    """Keep these bytes durably and return their SHA-256. Raises OSError."""
    return blobs.put(settings.OUTBOX_DIR, picture)


def read(sha256: str) -> bytes:
    """Return the bytes with this hash. Raises BlobMissing."""
    return blobs.read(settings.OUTBOX_DIR, sha256)


def still_has(sha256: str) -> bool:
    """Tell whether these bytes are there, and keep them from being taken for forgotten ones."""
    return blobs.touch(settings.OUTBOX_DIR, sha256)


def drop_unused(in_use: Callable[[list[str]], set[str]]) -> int:
    """Delete what nobody needs any more: `in_use` keeps those hashes that somebody needs. Returns how many files went."""
    old = list(blobs.older_than(settings.OUTBOX_DIR, _YOUNG_S))
    dropped = 0
    for start in range(0, len(old), 500):
        some = old[start : start + 500]
        needed = in_use(some)
        for sha256 in some:
            if sha256 not in needed:
                blobs.remove(settings.OUTBOX_DIR, sha256)
                dropped += 1
    return dropped
