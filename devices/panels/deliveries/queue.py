"""Pictures to devices: asking for one, and how each ends. `preparing` makes the bytes, `pushing` sends them and
`delivery_leases` keeps what is on its way.

queued ──► sending ──► delivered
  │           ├──────► failed      (the device or the hub said why)
  ├───────────┴──────► cancelled
  └──────────────────► failed      (it could not be made, or the device stayed away)

While it is queued it is prepared: fetched when it has an address, rendered, and laid into the outbox.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from devices.access.rights import actor_of
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import clock_watch
from devices.events import record as events
from devices.events.models import EventType
from devices.panels.rendering.drawing import RenderRefused
from devices.panels.rendering.models import RenderProfile
from devices.panels.sources import outbox
from devices.panels.sources.fetching import CannotFetch
from devices.registry.models import Device, Panel
from photohub.lib.clock import CLOCKS_DIFFER
from photohub.lib.database import rows
from photohub.lib.messaging import enqueue, notify
from photohub.lib.pages.sentences import Cannot, Said, columns, said

from .models import Delivery, DeliveryState, DeliveryWay, PictureOrigin
from .wording import said_for

PREPARE_TASK = "devices.tasks.prepare_deliveries"
AS_IT_IS = "none"
OPEN_AT_MOST = 100
WAITS_FOR_DEVICE = timedelta(hours=24)


class CannotDeliver(Cannot):
    """The device cannot be sent this picture."""


@contextmanager
def refusing() -> Generator[None]:
    """Raise CannotDeliver for a picture that cannot be fetched or drawn."""
    try:
        yield
    except RenderRefused as error:
        raise CannotDeliver(error.word, said_for(error.word)) from error
    except CannotFetch as error:
        raise CannotDeliver(error.word, error.said) from error


@dataclass(frozen=True)
class Wish:
    """What is to be shown. `render` names a render profile; empty: the panel's own; `none`: the bytes as they are.

    `label` is what people know the picture by: a capture's id, a file's name, an address. `stamp_at` is written
    on the picture where the profile has room for a time.
    """

    origin: PictureOrigin
    label: str
    picture: bytes | None = None
    render: str = ""
    caption: str = ""
    stamp_at: datetime | None = None
    cause: str = ""


def deliver(device: Device, wish: Wish, user=None) -> Delivery:
    """Queue a picture for a device. Raises CannotDeliver, or OSError when the disk refuses it."""
    way = _way_of(device)
    profile = profile_for(device, wish.render)
    if wish.picture is not None and not wish.picture:
        raise CannotDeliver("empty_body", said("The picture is empty."))
    original = outbox.keep(wish.picture) if wish.picture is not None else ""
    with transaction.atomic():
        _make_room(device, wish, way)
        delivery = Delivery.objects.create(
            device=device,
            way=way,
            origin=wish.origin,
            origin_ref=wish.label[:500],
            original_sha256=original,
            render_name=profile.name if profile else AS_IT_IS,
            render=profile.settings if profile else {},
            caption=wish.caption[:200],
            stamp_at=wish.stamp_at,
            cause=wish.cause[:80],
            asked_by=actor_of(user),
            expires_at=timezone.now() + WAITS_FOR_DEVICE,
        )
        tell_changed([delivery])
        audit.note(Word.SENT, Kind.DELIVERY, device.code, device.name, wish.label)
        transaction.on_commit(lambda: enqueue.send_task(PREPARE_TASK, [delivery.pk]), robust=True)
    return delivery


def check(device: Device, render: str = "") -> None:
    """Raise CannotDeliver when a picture for this device would be refused, before anybody fetches or sends it."""
    _way_of(device)
    profile_for(device, render)


def _way_of(device: Device) -> DeliveryWay:
    if not device.enabled:
        raise CannotDeliver("disabled", said("%(device)s is turned off in its settings.", device=device))
    if device.takes_packets:
        return DeliveryWay.PACKETS
    if device.takes_pictures:
        return DeliveryWay.PULL
    raise CannotDeliver(
        "cannot_deliver",
        said(
            (
                "%(device)s cannot show pictures. In its settings, set its picture topics or make it a "
                "panel that fetches."
            ),
            device=device,
        ),
    )


def profile_for(device: Device, name: str) -> RenderProfile | None:
    """Return the render profile that a name means for this device; None: the bytes as they are."""
    if name == AS_IT_IS:
        return None
    if not name:
        panel = Panel.objects.filter(device=device).select_related("render_profile").first()
        return panel.render_profile if panel else None
    profile = RenderProfile.objects.filter(name=name).first()
    if profile is None:
        raise CannotDeliver(
            "unknown_render", said("There is no render profile named %(name)s.", name=name[:40])
        )
    return profile


def _make_room(device: Device, wish: Wish, way: DeliveryWay) -> None:
    """Let the newest picture win where nobody wants to see those before it: of one rule, and on a sleepy panel."""
    older = Delivery.objects.queued().filter(device=device)
    if way != DeliveryWay.PULL:
        older = older.filter(cause=wish.cause) if wish.cause else older.none()
    for delivery in older.select_related("device").order_by("pk"):
        _finish(delivery, DeliveryState.CANCELLED, "replaced", said("Replaced by a newer picture."))
    if device.deliveries.filter(state__in=Delivery.OPEN).count() >= OPEN_AT_MOST:
        raise CannotDeliver(
            "busy",
            said(
                (
                    "%(count)s pictures are already waiting for %(device)s. Cancel some, or wait until they "
                    "have been delivered."
                ),
                count=OPEN_AT_MOST,
                device=device,
            ),
        )


# --- what preparing says ---


def note_prepared(delivery: Delivery, values: dict) -> bool:
    """Note that the bytes are in the outbox; `values` are the row's columns of them."""
    rows = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.QUEUED, lease=delivery.lease)
    with transaction.atomic():
        done = bool(
            rows.update(prepared_at=timezone.now(), lease=None, lease_until=None, attempts=0, **values)
        )
        if done:
            tell_changed([delivery])
            transaction.on_commit(notify_gateway, robust=True)
    return done


def notify_gateway() -> None:
    """Let the gateway look at once what is to be sent, and what was cancelled."""
    notify.send(notify.GATEWAY, [{"type": "gateway.deliveries"}])


# --- what the device proved ---


def note_delivered(delivery: Delivery, resent: int = 0) -> bool:
    """The device acknowledged the whole picture: it shows it now."""
    return bool(note_all_delivered([(delivery, resent)]))


def hand_out(delivery: Delivery, at: datetime) -> bool:
    """Note that a panel which fetches is given the picture; it stays queued until the panel proves that it has it."""
    rows = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.QUEUED)
    with transaction.atomic():
        done = bool(rows.update(started_at=at, progressed_at=None, attempts=F("attempts") + 1))
        if done:
            tell_changed([delivery])
    return done


def note_fetched(device: Device, sha256: str) -> None:
    """Note that the panel came for the bytes it was told of."""
    rows = device.deliveries.filter(sha256=sha256, way=DeliveryWay.PULL, state=DeliveryState.QUEUED)
    rows.exclude(started_at=None).update(progressed_at=timezone.now())


def note_all_delivered(ended: list[tuple[Delivery, int]]) -> list[Delivery]:
    """Note several that were acknowledged whole, each with its repeated packets, with one commit.

    Returns those that had not ended before in another way.
    """
    resent = {delivery.pk: times for delivery, times in ended}
    with transaction.atomic():
        found = Delivery.objects.filter(pk__in=list(resent), state__in=Delivery.OPEN)
        done = set(found.select_for_update().order_by("pk").values_list("pk", flat=True))
        found = Delivery.objects.filter(pk__in=done)
        _end(found, DeliveryState.DELIVERED, packets_acked=F("packets_total"))
        rows.update(Delivery, ("packets_resent",), ("id",), [(resent[pk], pk) for pk in done])
        delivered = [delivery for delivery, _times in ended if delivery.pk in done]
        _note_all_shown([Panel(device=d.device, **_shown_by(d)) for d in delivered])
        if delivered:
            tell_changed(delivered)
            transaction.on_commit(notify_gateway, robust=True)
    return delivered


def _shown_by(delivery: Delivery) -> dict:
    return _shown(delivery.sha256, delivery.content_type, delivery.origin_ref)


def _shown(sha256: str, content_type: str, label: str) -> dict:
    return {
        "shown_sha256": sha256,
        "shown_content_type": content_type,
        "shown_label": label[:200],
        "shown_at": timezone.now(),
    }


def note_shown(device: Device, sha256: str, content_type: str, label: str) -> None:
    """Write down what a panel shows now."""
    _note_all_shown([Panel(device=device, **_shown(sha256, content_type, label))])


def _note_all_shown(panels: list[Panel]) -> None:
    # A device that was shown two pictures has the later one, which comes last.
    newest = {panel.device_id: panel for panel in panels}
    Panel.objects.bulk_create(
        [newest[key] for key in sorted(newest)],
        update_conflicts=True,
        unique_fields=["device"],
        update_fields=list(_shown("", "", "")),
    )


def fail(delivery: Delivery, word: str, sentence: str | Said, **values) -> bool:
    """End an open delivery as failed."""
    return _finish(delivery, DeliveryState.FAILED, word, sentence, **values)


def expire_due() -> int:
    """End what waited too long for its device. While the clock is not believed, nothing has waited too long."""
    due = Delivery.objects.queued().filter(expires_at__lte=timezone.now()).order_by("expires_at")
    found = list(due.select_related("device")[:500])
    if not found or clock_watch.doubt() is not None:
        return 0
    return sum(
        fail(delivery, "device_away", said("%(device)s did not connect for a day.", device=delivery.device))
        for delivery in found
    )


def bound_waiting() -> int:
    """Give what was asked for under a clock that was ahead its day from now on. Returns how many."""
    longest = timezone.now() + WAITS_FOR_DEVICE
    return Delivery.objects.queued().filter(expires_at__gt=longest + CLOCKS_DIFFER).update(expires_at=longest)


# --- what people say ---


def cancel(delivery: Delivery, sentence: str | Said = "") -> bool:
    """End an open delivery at somebody's wish; False when it had already ended."""
    with transaction.atomic():
        done = _finish(delivery, DeliveryState.CANCELLED, "cancelled", sentence)
        if done:
            device = delivery.device
            audit.note(Word.CANCELLED, Kind.DELIVERY, device.code, device.name, delivery.origin_ref)
    return done


def again(delivery: Delivery, user=None) -> Delivery:
    """Queue the same picture once more. Raises CannotDeliver when its bytes are gone."""
    try:
        picture = outbox.read(delivery.original_sha256) if delivery.original_sha256 else None
    except outbox.BlobMissing as error:
        raise CannotDeliver("gone", said("The picture was not stored; choose it again.")) from error
    wish = Wish(
        origin=PictureOrigin(delivery.origin),
        label=delivery.origin_ref,
        picture=picture,
        render=delivery.render_name,
        caption=delivery.caption,
        stamp_at=delivery.stamp_at,
    )
    return deliver(delivery.device, wish, user)


def _finish(delivery: Delivery, state: DeliveryState, word: str, sentence: str | Said, **values) -> bool:
    with transaction.atomic():
        rows = Delivery.objects.filter(pk=delivery.pk, state__in=Delivery.OPEN)
        done = bool(_end(rows, state, word, sentence, **values))
        if done:
            failed = state == DeliveryState.FAILED
            tell_changed(
                [delivery], said("A picture did not arrive: %(why)s", why=sentence) if failed else ""
            )
            transaction.on_commit(notify_gateway, robust=True)
    return done


def _end(
    rows: QuerySet[Delivery], state: DeliveryState, word: str = "", sentence: str | Said = "", **values
) -> int:
    return rows.update(
        state=state,
        reason_word=word,
        **columns("reason", sentence),
        finished_at=timezone.now(),
        lease=None,
        lease_until=None,
        **values,
    )


def tell_changed(changed: list[Delivery], sentence: str | Said = "") -> None:
    """Write one event for each of these and tell the live pages."""
    events.record_all(
        [
            events.new_event(
                EventType.DELIVERY_CHANGED,
                sentence,
                device=delivery.device,
                subject=delivery.pk,
                actor=delivery.asked_by,
                problem=bool(sentence),
            )
            for delivery in changed
        ]
    )


def find(delivery_id: UUID) -> Delivery | None:
    """Return a delivery as it stands now."""
    return Delivery.objects.select_related("device").filter(pk=delivery_id).first()
