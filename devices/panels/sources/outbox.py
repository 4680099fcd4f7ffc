"""Pictures on their way to devices: kept under the hash of their bytes until nobody needs them any more."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from devices.panels.deliveries.models import Delivery, Panel, PlaylistItem
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


def drop_unused() -> int:
    """Delete what no delivery, panel or playlist needs any more. Returns how many files went."""
    old = list(blobs.older_than(settings.OUTBOX_DIR, _YOUNG_S))
    dropped = 0
    for start in range(0, len(old), 500):
        some = old[start : start + 500]
        needed = _needed(some)
        for sha256 in some:
            if sha256 not in needed:
                blobs.remove(settings.OUTBOX_DIR, sha256)
                dropped += 1
    return dropped


def _needed(hashes: list[str]) -> set[str]:
    lately = Q(finished_at=None) | Q(finished_at__gt=timezone.now() - KEEP)
    deliveries = Delivery.objects.filter(lately)
    return (
        set(deliveries.filter(sha256__in=hashes).values_list("sha256", flat=True))
        | set(deliveries.filter(original_sha256__in=hashes).values_list("original_sha256", flat=True))
        | set(Panel.objects.filter(shown_sha256__in=hashes).values_list("shown_sha256", flat=True))
        | set(Panel.objects.filter(handed_sha256__in=hashes).values_list("handed_sha256", flat=True))
        | set(
            PlaylistItem.objects.filter(original_sha256__in=hashes).values_list("original_sha256", flat=True)
        )
    )
