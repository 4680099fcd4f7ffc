"""What a lower limit would take: counted before anybody confirms it. Looks at so many pictures, and says when there are more."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from media_pipeline.captures.models import Capture
from media_pipeline.keep_rules import rules
from photohub.lib.pages.sizes import size_in_words

from .cameras import total_bytes

LOOKED_AT = 10_000


@dataclass(frozen=True)
class Going:
    """Pictures that would go; there are `more` of them than were looked at."""

    count: int = 0
    size_bytes: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    more: bool = False

    @property
    def size_said(self) -> str:
        return size_in_words(self.size_bytes)


def older_than(days: int, cameras: list[int] | None = None) -> Going:
    """Return what would be deleted if pictures were kept for so many days, of all cameras or of these; 0: nothing."""
    if not days:
        return Going()
    rows = Capture.objects.filter(kept=False, received_at__lt=timezone.now() - timedelta(days=days))
    if cameras is None:
        # Those of other limits go by these.
        rows = rows.exclude(device__in=rules.days_by_camera())
    else:
        rows = rows.filter(device__in=cameras)
    found = list(rows.order_by("received_at", "id").values_list("received_at", "size_bytes")[: LOOKED_AT + 1])
    newest = rows.order_by("-received_at", "-id").values_list("received_at", flat=True).first()
    return _told(found[:LOOKED_AT], newest, len(found) > LOOKED_AT)


def beyond(limit_bytes: int, days: int = 0) -> Going:
    """Return the oldest that would go if so many bytes were kept, beside those that are too old; 0: no limit."""
    too_old = older_than(days)
    over = total_bytes() - too_old.size_bytes - limit_bytes if limit_bytes and not too_old.more else 0
    found: list[tuple[datetime, int]] = []
    rows = Capture.objects.filter(kept=False).order_by("received_at", "id")
    if too_old.newest:
        rows = rows.filter(received_at__gt=too_old.newest)
    for at, size_bytes in rows.values_list("received_at", "size_bytes")[: LOOKED_AT if over > 0 else 0]:
        if over <= 0:
            break
        found.append((at, size_bytes))
        over -= size_bytes
    return _told(found, found[-1][0] if found else None, over > 0 and len(found) == LOOKED_AT)


def _told(found: Iterable[tuple[datetime, int]], newest: datetime | None, more: bool) -> Going:
    rows = list(found)
    oldest = rows[0][0] if rows else None
    return Going(len(rows), sum(size for _at, size in rows), oldest, newest, more)
