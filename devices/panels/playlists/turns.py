"""What a panel shows in turn: the newest pictures of cameras, and lasting pictures.

A panel that fetches gets the next one each time; to one on MQTT the next is pushed every `poll_interval_s`.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events import troubles
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery, DeliveryState, PictureOrigin
from devices.panels.deliveries.queue import CannotDeliver, Wish
from devices.panels.deliveries.wording import said_for
from devices.panels.rendering.drawing import RenderRefused
from devices.panels.sources import making, outbox
from devices.panels.sources.making import Made
from devices.panels.sources.sources import SourceAway, read_newest, trashed_among
from devices.registry.disclosure import look_up, tell_label
from devices.registry.models import Device, LinkState, Panel, takes_packets
from photohub.lib.pages.sentences import said

from .models import PlaylistItem

log = logging.getLogger(__name__)

ITEMS_AT_MOST = 100
# Stands in a delivery's `cause`, as a rule's name does.
CAUSE = "playlist"


@dataclass(frozen=True)
class Turn:
    """The picture of an item as it is now."""

    item: PlaylistItem
    picture: bytes
    taken_at: datetime | None
    reference: str


@dataclass(frozen=True)
class Entry:
    """One line of a playlist to be stored: an item that is there, a camera, or a picture's bytes."""

    item: PlaylistItem | None = None
    camera: Device | None = None
    picture: bytes | None = None
    label: str = ""
    caption: str = ""


def items_of(device: Device) -> list[PlaylistItem]:
    """Return a panel's playlist in order."""
    return list(device.playlist.select_related("camera"))


def tell_items(device: Device, user) -> list[PlaylistItem]:
    """Return the playlist for showing only: a camera that the person may not see is not named."""
    items = items_of(device)
    cameras = [item.camera_id for item in items if item.camera_id]
    visible = set(Device.objects.visible_to(user).filter(pk__in=cameras).values_list("pk", flat=True))
    look_up(user, (item.label for item in items))
    trashed = trashed_among(item.original_sha256 for item in items)
    for item in items:
        item.trashed = item.original_sha256 in trashed
        item.hidden = item.camera_id is not None and item.camera_id not in visible
        if item.hidden:
            item.camera, item.caption = None, ""
        item.label = tell_label(user, item.label, device)
    return items


def add_camera(device: Device, camera: Device, caption: str = "", user=None) -> PlaylistItem:
    """Put a camera's newest picture at the end. Raises ValidationError."""
    return _append(device, Entry(camera=camera, caption=caption), user)


def add_picture(device: Device, picture: bytes, label: str, caption: str = "", user=None) -> PlaylistItem:
    """Put a lasting picture at the end. Raises ValidationError, or OSError of the disk."""
    return _append(device, Entry(picture=picture, label=label, caption=caption), user)


def remove(device: Device, item_id: UUID, user=None) -> bool:
    """Take an item out; False when it is none of this panel's."""
    left = [item for item in items_of(device) if item.pk != item_id]
    if len(left) == device.playlist.count():
        return False
    replace(device, [Entry(item=item, caption=item.caption, label=item.label) for item in left], user)
    return True


def forget(hashes: set[str]) -> None:
    """Take pictures out of all playlists that somebody deleted for good. Call within the transaction that deletes them."""
    rows = PlaylistItem.objects.filter(original_sha256__in=hashes)
    for device in Device.objects.filter(playlist__in=rows).distinct().order_by("pk"):
        left = [item for item in items_of(device) if item.original_sha256 not in hashes]
        replace(device, [Entry(item=item, caption=item.caption, label=item.label) for item in left])


def move(device: Device, item_id: UUID, to: int, user=None) -> bool:
    """Put an item at this position, counted from 0; False when it is none of this panel's."""
    items = items_of(device)
    moved = next((item for item in items if item.pk == item_id), None)
    if moved is None:
        return False
    items.remove(moved)
    items.insert(max(0, min(to, len(items))), moved)
    replace(device, [Entry(item=item, caption=item.caption, label=item.label) for item in items], user)
    return True


def replace(device: Device, entries: Sequence[Entry], user=None) -> list[PlaylistItem]:
    """Make these the playlist, in this order. Raises ValidationError, or OSError of the disk."""
    if len(entries) > ITEMS_AT_MOST:
        raise ValidationError(_("A playlist has at most %(count)s pictures.") % {"count": ITEMS_AT_MOST})
    rows = [_row(device, entry, position) for position, entry in enumerate(entries)]
    with transaction.atomic():
        # Who changes a playlist holds its panel.
        Panel.objects.select_for_update().get_or_create(device=device)
        device.playlist.exclude(pk__in=[row.pk for row in rows]).delete()
        for row in rows:
            row.save()
        events.record_change(device, user, said("Its playlist was changed."))
        audit.note(Word.CHANGED, Kind.PLAYLIST, device.code, device.name)
    # The numbers in their sentences are those of the old list.
    troubles.over(device, "playlist_item", "playlist_stopped", "playlist_failed")
    return items_of(device)


def _append(device: Device, entry: Entry, user) -> PlaylistItem:
    kept = [Entry(item=item, caption=item.caption, label=item.label) for item in items_of(device)]
    return replace(device, [*kept, entry], user)[-1]


def _row(device: Device, entry: Entry, position: int) -> PlaylistItem:
    row = entry.item or PlaylistItem(device=device)
    row.position, row.caption = position, entry.caption.strip()[:200]
    if entry.item is not None:
        return row
    row.label = entry.label.strip()[:200]
    if entry.camera is not None:
        if entry.camera.pk == device.pk:
            raise ValidationError(_("A panel cannot show its own pictures."))
        row.camera = entry.camera
    elif entry.picture:
        row.original_sha256 = outbox.keep(entry.picture)
    else:
        raise ValidationError(_("Name a camera or send a picture."))
    return row


# --- whose turn it is ---


def turns_from(panel: Panel) -> list[PlaylistItem]:
    """Return a panel's items, the one whose turn it is first."""
    items = items_of(panel.device)
    start = panel.playlist_index % len(items) if items else 0
    return items[start:] + items[:start]


def take_turn(item: PlaylistItem) -> Turn | None:
    """Return an item's picture as it is now; None when its camera has none, it is in the trash, or its file is missing."""
    if item.camera is not None:
        try:
            found = read_newest(item.camera)
        except SourceAway:
            # It has its turn again when the machine that has the file is back.
            return None
        return Turn(item, found.picture, found.taken_at, found.reference) if found else None
    if trashed_among([item.original_sha256]):
        return None
    try:
        return Turn(item, outbox.read(item.original_sha256), None, item.label)
    except outbox.BlobMissing:
        return None


def make_next(panel: Panel) -> tuple[int, Made, PlaylistItem] | None:
    """Return the next picture that can be shown, in the panel's form: how many were passed over, and what it is."""
    profile = panel.render_profile.settings if panel.render_profile else {}
    for passed, item in enumerate(turns_from(panel)):
        turn = take_turn(item)
        if turn is None:
            continue
        try:
            made = making.make_once(turn.picture, profile, item.caption, turn.taken_at)
        except RenderRefused as error:
            log.warning("An item of the playlist of %s cannot be shown: %s", panel.device.code, error.word)
            # It ends when the list is changed, or a day after the item was last refused: the items between say nothing of it.
            troubles.note(panel.device, "playlist_item", number=_number_of(item), reason=said_for(error.word))
            continue
        return passed, made, item
    return None


def _number_of(item: PlaylistItem) -> int:
    """Return which of the playlist's items it is, from 1 on: its name is not for everybody who sees the panel."""
    return items_of(item.device).index(item) + 1


def advance(panel: Panel, by: int = 1) -> None:
    """Give the turn to the next item."""
    count = panel.device.playlist.count()
    panel.playlist_index = (panel.playlist_index + by) % count if count else 0
    Panel.objects.filter(pk=panel.pk).update(playlist_index=panel.playlist_index)


# --- panels on MQTT ---


def push_due() -> int:
    """Queue the next picture for every panel on MQTT whose time has come. Returns how many were queued."""
    now = timezone.now()
    panels = panels_in_turn().distinct().select_related("device", "render_profile")
    return sum(_try_to_push(panel, now) for panel in panels if _is_due(panel, now))


def panels_in_turn() -> QuerySet[Panel]:
    """Return the panels on MQTT that are shown their playlists, one for each item."""
    panels = Panel.objects.filter(
        takes_packets("device__"), device__enabled=True, device__playlist__isnull=False
    )
    return panels.exclude(device__link_state=LinkState.LOST)


def _is_due(panel: Panel, now: datetime) -> bool:
    """Tell whether its time has come, by a clock that may have been set back since the last time."""
    last = panel.last_poll_at
    return last is None or abs(now - last) >= timedelta(seconds=panel.poll_interval_s)


def _try_to_push(panel: Panel, now: datetime) -> bool:
    try:
        return _push(panel, now)
    except (DatabaseError, InterfaceError):
        raise
    except Exception as error:
        # The other panels have their turn, and this one again at its next time.
        log.exception("The playlist of %s could not go on.", panel.device.code)
        troubles.note(panel.device, "playlist_failed", detail=type(error).__name__)
        return False


def _push(panel: Panel, now: datetime) -> bool:
    # The row decides: of two sweepers one moves the time on.
    mine = Panel.objects.filter(pk=panel.pk, last_poll_at=panel.last_poll_at).update(last_poll_at=now)
    if not mine or panel.device.deliveries.filter(state__in=Delivery.OPEN).exists():
        return False
    for passed, item in enumerate(turns_from(panel)):
        turn = take_turn(item)
        if turn is None:
            continue
        advance(panel, passed + 1)
        return False if _shows(panel, turn) else _deliver(panel.device, turn)
    return False


def _shows(panel: Panel, turn: Turn) -> bool:
    """Tell whether the last thing that this panel was sent is this very picture."""
    last = Delivery.objects.filter(device=panel.device, state=DeliveryState.DELIVERED).first()
    sha256 = hashlib.sha256(turn.picture).hexdigest()
    return bool(last and last.original_sha256 == sha256 and last.caption == turn.item.caption)


def _deliver(device: Device, turn: Turn) -> bool:
    origin = PictureOrigin.CAPTURE if turn.item.camera_id else PictureOrigin.UPLOAD
    wish = Wish(
        origin,
        turn.reference,
        picture=turn.picture,
        caption=turn.item.caption,
        stamp_at=turn.taken_at,
        cause=CAUSE,
    )
    try:
        deliveries.deliver(device, wish)
    except (CannotDeliver, OSError) as refusal:
        log.warning("The playlist of %s could not go on: %s", device.code, refusal)
        why = (
            refusal.said
            if isinstance(refusal, CannotDeliver)
            else said("The picture could not be written to disk.")
        )
        troubles.note(device, "playlist_stopped", number=_number_of(turn.item), reason=why)
        return False
    troubles.over(device, "playlist_stopped", "playlist_failed")
    return True
