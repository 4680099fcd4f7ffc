"""What a panel that fetches should show now, and what its requests prove.

A panel is handed a picture, and proves with its next request that it has it:

    it names the picture's hash in If-None-Match            it shows it
    it sends no If-None-Match and comes when it was told    it shows it: one that failed comes back at once
    anything else                                           it is handed the same picture again

So a delivery that was handed out stays queued (`started_at` is set) until the panel itself proved more.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery, DeliveryWay
from devices.panels.playlists import turns as playlists
from devices.panels.sources import outbox
from devices.registry.models import Device, Panel
from photohub.lib.pages.sentences import said

from . import cards as panel_cards

# A picture is being made: come back for it soon.
SOON_S = 15
HANDED_AT_MOST = 20


@dataclass(frozen=True)
class Shown:
    """What a panel should show. `unchanged`: it said that it shows this already. `wait_s`: when to come again."""

    sha256: str
    size_bytes: int
    content_type: str
    extension: str
    unchanged: bool
    wait_s: int
    delivery: Delivery | None = None
    # Set when it is the playlist's: how many items were passed over, because they have no picture now.
    passed: int | None = None


def panel_of(device: Device) -> Panel | None:
    """Return what a device has as a panel, with its render profile; None when it is none."""
    return Panel.objects.select_related("device", "render_profile").filter(device=device).first()


def came_back(panel: Panel, seen: frozenset[str] | None, now: datetime) -> bool:
    """Tell whether this request proves the picture handed last. `seen`: the hashes it names; None: it names none."""
    if seen is not None:
        return panel.handed_sha256 in seen
    # By a clock that may have been set back since.
    return panel.handed_at is not None and abs(now - panel.handed_at) >= timedelta(
        seconds=panel.poll_interval_s / 2
    )


def settle(panel: Panel, proved: bool) -> None:
    """Book what was handed out last, if the panel's request proved it."""
    if not panel.handed_sha256 or not proved:
        return
    delivery = handed_delivery(panel)
    if delivery is not None:
        if not deliveries.note_delivered(delivery):
            deliveries.note_shown(panel.device, delivery.sha256, delivery.content_type, delivery.origin_ref)
    else:
        if panel.handed_sha256 != panel.shown_sha256:
            item = next(iter(playlists.turns_from(panel)), None)
            label = str(item.camera or item.label) if item else ""
            deliveries.note_shown(panel.device, panel.handed_sha256, "", label)
        playlists.advance(panel)
    Panel.objects.filter(pk=panel.pk).update(handed_sha256="", handed_at=None)
    panel.refresh_from_db()


def handed_delivery(panel: Panel) -> Delivery | None:
    """Return the delivery that was handed out last; None when that was a picture of the playlist."""
    rows = panel.device.deliveries.filter(way=DeliveryWay.PULL, sha256=panel.handed_sha256)
    return rows.filter(started_at=panel.handed_at).select_related("device").first()


def poll(panel: Panel, seen: frozenset[str] | None) -> Shown:
    """Answer a panel's request: book what it proves, choose what it should show, and note that it was handed."""
    settle(panel, came_back(panel, seen, timezone.now()))
    shown = choose(panel, seen or frozenset())
    hand_out(panel, shown)
    # It was sent what it already shows.
    if shown.delivery is not None and shown.unchanged:
        settle(panel, True)
    return shown


def choose(panel: Panel, seen: frozenset[str]) -> Shown:
    """Return what the panel should show: what was sent to it, else its playlist's, else what it shows, else a card."""
    delivery, wait_s = _next_delivery(panel), panel.poll_interval_s
    if delivery is not None and delivery.prepared_at is not None:
        return Shown(
            delivery.sha256,
            delivery.size_bytes,
            delivery.content_type,
            delivery.file_name.rpartition(".")[2],
            delivery.sha256 in seen,
            wait_s,
            delivery,
        )
    if delivery is not None:
        wait_s = min(wait_s, SOON_S)
    following = playlists.make_next(panel)
    if following is not None:
        passed, made, _item = following
        return _of_made(made, wait_s, seen, passed)
    return _what_it_shows(panel, wait_s, seen)


def _next_delivery(panel: Panel) -> Delivery | None:
    rows = Delivery.objects.queued().filter(device=panel.device, way=DeliveryWay.PULL)
    waiting = list(
        rows.filter(expires_at__gt=timezone.now()).select_related("device").order_by("created_at")[:20]
    )
    for delivery in waiting:
        if delivery.prepared_at and delivery.attempts >= HANDED_AT_MOST:
            sentence = said(
                "The panel fetched it %(count)s times but never confirmed it.", count=delivery.attempts
            )
            deliveries.fail(delivery, "not_confirmed", sentence)
    waiting = [d for d in waiting if not d.prepared_at or d.attempts < HANDED_AT_MOST]
    prepared = [d for d in waiting if d.prepared_at]
    return next(iter(prepared or waiting), None)


def _of_made(made: panel_cards.Made, wait_s: int, seen: frozenset[str], passed: int | None = None) -> Shown:
    known = made.sha256 in seen
    return Shown(
        made.sha256, made.size_bytes, made.content_type, made.extension, known, wait_s, passed=passed
    )


def _what_it_shows(panel: Panel, wait_s: int, seen: frozenset[str]) -> Shown:
    sha256 = panel.shown_sha256
    if sha256:
        try:
            data = outbox.read(sha256)
        except outbox.BlobAway:
            # It goes on showing it; one that lost it is told to come again.
            kind = panel.shown_content_type or "application/octet-stream"
            return Shown(sha256, 0, kind, "bin", sha256 in seen, wait_s)
        except outbox.BlobMissing:
            pass
        else:
            kind = kind_of(data)
            return Shown(
                sha256, len(data), panel.shown_content_type or kind[0], kind[1], sha256 in seen, wait_s
            )
    profile = panel.render_profile.settings if panel.render_profile else {}
    return _of_made(panel_cards.nothing_yet(panel.device, profile), wait_s, seen)


def hand_out(panel: Panel, shown: Shown) -> None:
    """Note what the panel is being handed, so that its next request can prove it."""
    now = timezone.now()
    values: dict = {"last_poll_at": now}
    if shown.delivery is not None and deliveries.hand_out(shown.delivery, now):
        values |= {"handed_sha256": shown.sha256, "handed_at": now}
    elif shown.passed is not None:
        playlists.advance(panel, shown.passed)
        values |= {"handed_sha256": shown.sha256, "handed_at": now}
    Panel.objects.filter(pk=panel.pk).update(**values)
    for name, value in values.items():
        setattr(panel, name, value)


def kind_of(data: bytes) -> tuple[str, str]:
    """Return the content type and the file ending of rendered bytes."""
    for begin, kind in (
        (b"BM", ("image/bmp", "bmp")),
        (b"\x89PNG", ("image/png", "png")),
        (b"\xff\xd8\xff", ("image/jpeg", "jpg")),
    ):
        if data.startswith(begin):
            return kind
    return "application/octet-stream", "bin"
