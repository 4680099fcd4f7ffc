"""Which pictures of the outbox are in use, asked of all rows that name one."""

from django.db.models import Q
from django.utils import timezone

from devices.panels.deliveries.models import Delivery
from devices.panels.playlists.models import PlaylistItem
from devices.panels.sources.outbox import KEEP
from devices.registry.models import Panel


def hashes_in_use(hashes: list[str]) -> set[str]:
    """Return those of these hashes that a delivery, panel or playlist needs."""
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
