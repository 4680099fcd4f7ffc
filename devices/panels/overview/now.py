"""What stands on panels now, and when each of them comes for the next picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from devices.panels.deliveries.models import Delivery
from devices.panels.fetching.settings import fetches
from devices.panels.playlists.models import PlaylistItem
from devices.registry.disclosure import look_up, tell_label
from devices.registry.models import Device, Panel
from photohub.lib.ids import read_id

# A panel that is a little late has a slow clock, or a slow network.
_PATIENCE = timedelta(minutes=1)


@dataclass(frozen=True)
class PanelNow:
    """One panel as pages show it. `next_at`: when its next picture is due; None where nothing is planned."""

    device: Device
    panel: Panel
    fetches: bool
    next_at: datetime | None
    is_late: bool
    shown_from: str
    is_of_history: bool
    in_turn: int
    has_open: bool


def with_facts(devices: QuerySet) -> QuerySet:
    """Fetch along what `tell` looks at."""
    items = PlaylistItem.objects.filter(device=OuterRef("pk")).order_by().values("device")
    open_ones = Delivery.objects.filter(device=OuterRef("pk"), state__in=Delivery.OPEN)
    return devices.select_related("panel", "panel__render_profile").annotate(
        in_turn=Coalesce(Subquery(items.annotate(n=Count("pk")).values("n"), IntegerField()), 0),
        has_open=Exists(open_ones),
    )


def tell(devices: Sequence[Device], user) -> list[PanelNow]:
    """Dress panels that came with their facts, each as far as the person may know."""
    panels = [(device, getattr(device, "panel", None) or Panel(device=device)) for device in devices]
    look_up(user, (panel.shown_label for _device, panel in panels))
    return [_tell(device, panel, user) for device, panel in panels]


def _tell(device: Any, panel: Panel, user) -> PanelNow:
    label = tell_label(user, panel.shown_label, device)
    next_at = _next_at(device, panel)
    by_itself = fetches(device)
    return PanelNow(
        device=device,
        panel=panel,
        fetches=by_itself,
        next_at=next_at,
        is_late=bool(by_itself and next_at and timezone.now() - next_at > _patience(panel)),
        shown_from="" if read_id(label) else label,
        is_of_history=bool(read_id(label)),
        in_turn=device.in_turn,
        has_open=device.has_open,
    )


def _next_at(device: Any, panel: Panel) -> datetime | None:
    """Return when it fetches again, or when the next picture of its playlist is sent to it."""
    if panel.last_poll_at is None or not (fetches(device) or device.in_turn):
        return None
    return panel.last_poll_at + timedelta(seconds=panel.poll_interval_s)


def _patience(panel: Panel) -> timedelta:
    return max(_PATIENCE, timedelta(seconds=panel.poll_interval_s / 2))
