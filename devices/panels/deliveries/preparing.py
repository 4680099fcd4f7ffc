"""Making the bytes that a device gets: the picture is fetched when it has an address, rendered, and kept.

May run twice and at once: the claim is a conditional update, and the same picture under the same profile gives
the same bytes.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID, uuid4

from django.db.models import F, Q
from django.utils import timezone

from devices.events import troubles
from devices.panels.sources import fetching, making, outbox
from devices.protocol.pictures.packets import MAX_BYTES, PictureRefused, count_packets
from photohub.lib.clock import is_due
from photohub.lib.pages.sentences import columns, said

from . import queue as deliveries
from .models import Delivery, DeliveryState, DeliveryWay, PictureOrigin
from .queue import CannotDeliver, refusing
from .wording import said_for

log = logging.getLogger(__name__)

_LEASE = timedelta(seconds=60)
_TRIES = 3
_PAUSE = timedelta(seconds=5)
_AWAY_PAUSE = timedelta(seconds=15)


def due(limit: int = 200) -> list[UUID]:
    """Return the deliveries whose bytes are still to be made."""
    return list(_due_rows().order_by("created_at").values_list("pk", flat=True)[:limit])


def _due_rows():
    now = timezone.now()
    rows = Delivery.objects.queued().filter(prepared_at=None)
    rows = rows.filter(is_due("next_try_at", _AWAY_PAUSE.total_seconds(), now))
    return rows.filter(Q(lease_until=None) | is_due("lease_until", _LEASE.total_seconds(), now))


def prepare_all(delivery_ids: Iterable[str | UUID]) -> int:
    """Make the bytes of these deliveries, those that are ours to do. Returns how many are ready now."""
    return sum(prepare_one(delivery_id) for delivery_id in delivery_ids)


def prepare_one(delivery_id: str | UUID) -> bool:
    """Make the bytes of one delivery; False when it is not ours to do, or they cannot be made."""
    delivery = _claim(delivery_id)
    if delivery is None:
        return False
    try:
        values = _make(delivery)
    except CannotDeliver as unfit:
        deliveries.fail(delivery, unfit.word, unfit.said)
        return False
    except outbox.BlobAway:
        _wait_for_machine(delivery)
        return False
    except OSError as error:
        _try_later(delivery, error)
        return False
    troubles.over(delivery.device, "delivery_disk")
    return deliveries.note_prepared(delivery, values | {"reason_word": ""} | columns("reason", ""))


def _claim(delivery_id: str | UUID) -> Delivery | None:
    lease = uuid4()
    # Attempts are counted before the work, so that a picture which kills its worker is noticed.
    taken = (
        _due_rows()
        .filter(pk=delivery_id)
        .update(lease=lease, lease_until=timezone.now() + _LEASE, attempts=F("attempts") + 1)
    )
    if not taken:
        return None
    delivery = Delivery.objects.select_related("device").filter(lease=lease).first()
    if delivery is not None and delivery.attempts > _TRIES:
        if delivery.reason_word == "disk":
            deliveries.fail(delivery, "disk", said("The hub could not store the picture. Check its disk."))
            return None
        deliveries.fail(delivery, "not_made", said("The picture could not be prepared; see the log."))
        return None
    return delivery


def _make(delivery: Delivery) -> dict:
    """Return the row's columns of the bytes that will be sent, which lie in the outbox then."""
    picture = _original_of(delivery)
    made = _render(delivery, picture)
    packets = 0
    if delivery.way == DeliveryWay.PACKETS:
        try:
            packets = count_packets(made.size_bytes)
        except PictureRefused as error:
            sentence = said(
                "The picture has %(size)s bytes; packets carry at most %(limit)s. Choose a smaller profile.",
                size=made.size_bytes,
                limit=MAX_BYTES,
            )
            raise CannotDeliver("too_large", sentence) from error
    return {
        "sha256": made.sha256,
        "size_bytes": made.size_bytes,
        "content_type": made.content_type,
        "file_name": f"image.{made.extension}",
        "width": made.width,
        "height": made.height,
        "packets_total": packets,
        "original_sha256": delivery.original_sha256,
    }


def _original_of(delivery: Delivery) -> bytes:
    if delivery.original_sha256:
        try:
            return outbox.read(delivery.original_sha256)
        except outbox.BlobAway:
            raise
        except outbox.BlobMissing as error:
            raise CannotDeliver("gone", said("The picture is missing from the outbox.")) from error
    if delivery.origin != PictureOrigin.URL:
        raise CannotDeliver("gone", said("The picture is missing from the outbox."))
    with refusing():
        picture = fetching.fetch_picture(delivery.origin_ref)
    delivery.original_sha256 = outbox.keep(picture)
    Delivery.objects.filter(pk=delivery.pk).update(original_sha256=delivery.original_sha256)
    return picture


def _render(delivery: Delivery, picture: bytes) -> making.Made:
    with refusing():
        return making.make(picture, delivery.render, delivery.caption, delivery.stamp_at)


def _wait_for_machine(delivery: Delivery) -> None:
    """Try again when the machine may be back, until the delivery's time is over: nothing went wrong with the picture."""
    rows = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.QUEUED, lease=delivery.lease)
    facts = {"reason_word": "away"} | columns("reason", said_for("away"))
    again_at = timezone.now() + _AWAY_PAUSE
    rows.update(lease=None, lease_until=None, next_try_at=again_at, attempts=F("attempts") - 1, **facts)


def _try_later(delivery: Delivery, error: OSError) -> None:
    log.warning("The picture of delivery %s could not be kept (%s); it is tried again.", delivery.pk, error)
    rows = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.QUEUED, lease=delivery.lease)
    why = said(
        "The hub could not store the picture (%(why)s); it will be tried again.", why=error.strerror or error
    )
    facts = {"reason_word": "disk"} | columns("reason", why)
    rows.update(lease=None, lease_until=None, next_try_at=timezone.now() + _PAUSE, **facts)
    troubles.note(delivery.device, "delivery_disk", detail=error.strerror or error)
