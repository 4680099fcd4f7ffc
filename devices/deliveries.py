"""Pictures to devices: asking for one, and how each ends. `preparing` makes the bytes, `pushing` sends them.

queued ──► sending ──► delivered
  │           ├──────► failed      (the device or the hub said why)
  ├───────────┴──────► cancelled
  └──────────────────► failed      (it could not be made, or the device stayed away)

While it is queued it is prepared: fetched when it has an address, rendered, and laid into the outbox.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from photohub.lib import doorbell, live

from . import events, outbox
from .models import (
    Delivery,
    DeliveryState,
    DeliveryWay,
    Device,
    EventType,
    LinkState,
    Panel,
    PictureOrigin,
    RenderProfile,
)

PREPARE_TASK = "devices.tasks.prepare_deliveries"
AS_IT_IS = "none"
OPEN_AT_MOST = 100
WAITS_FOR_DEVICE = timedelta(hours=24)
# Longer than the pauses between two notes of progress, of which each renews it.
LEASE = timedelta(seconds=20)
STARTS_AT_MOST = 5


class CannotDeliver(Exception):
    """The device cannot be sent this picture. `word` is for programs, the text for people."""

    def __init__(self, word: str, sentence: str) -> None:
        super().__init__(sentence)
        self.word = word
        self.sentence = sentence


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
        raise CannotDeliver("empty_body", _("The picture is empty."))
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
            asked_by=user if getattr(user, "pk", None) else None,
            expires_at=timezone.now() + WAITS_FOR_DEVICE,
        )
        _changed(delivery)
        transaction.on_commit(lambda: doorbell.ring(PREPARE_TASK, [delivery.pk]), robust=True)
    return delivery


def check(device: Device, render: str = "") -> None:
    """Raise CannotDeliver when a picture for this device would be refused, before anybody fetches or sends it."""
    _way_of(device)
    profile_for(device, render)


def _way_of(device: Device) -> DeliveryWay:
    if not device.enabled:
        raise CannotDeliver("disabled", _("%(device)s is switched off in its settings.") % {"device": device})
    if device.picture_topic and device.picture_ack_topic:
        return DeliveryWay.PACKETS
    if Panel.objects.filter(device=device).exists():
        return DeliveryWay.PULL
    raise CannotDeliver(
        "cannot_deliver",
        _(
            "%(device)s takes no pictures. Set its picture topics, or make it a panel that fetches, in its settings."
        )
        % {"device": device},
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
            "unknown_render", _("There is no render profile named %(name)s.") % {"name": name[:40]}
        )
    return profile


def _make_room(device: Device, wish: Wish, way: DeliveryWay) -> None:
    """Let the newest picture win where nobody wants to see those before it: of one rule, and on a sleepy panel."""
    older = Delivery.objects.queued().filter(device=device)
    if way != DeliveryWay.PULL:
        older = older.filter(cause=wish.cause) if wish.cause else older.none()
    for delivery in older.select_related("device"):
        _finish(delivery, DeliveryState.CANCELLED, "replaced", _("Replaced by a newer picture."))
    if device.deliveries.filter(state__in=Delivery.OPEN).count() >= OPEN_AT_MOST:
        raise CannotDeliver(
            "busy",
            _("%(count)s pictures already wait for %(device)s. Cancel some, or wait until they are through.")
            % {"count": OPEN_AT_MOST, "device": device},
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
            _changed(delivery)
            transaction.on_commit(ring_gateway, robust=True)
    return done


def ring_gateway() -> None:
    """Let the gateway look at once what is to be sent, and what was cancelled."""
    live.ring(live.GATEWAY, [{"type": "gateway.deliveries"}])


# --- what pushing says ---


def claim_to_send(limit: int = 50) -> list[Delivery]:
    """Claim the oldest prepared delivery of each device that can be reached and is sent nothing else."""
    now = timezone.now()
    busy = Delivery.objects.filter(state=DeliveryState.SENDING).values("device")
    ready = Delivery.objects.queued().filter(
        way=DeliveryWay.PACKETS, prepared_at__isnull=False, next_try_at__lte=now, expires_at__gt=now
    )
    ready = (
        ready.exclude(device__in=busy).exclude(device__link_state=LinkState.LOST).filter(device__enabled=True)
    )
    first: dict[int, Delivery] = {}
    for delivery in ready.select_related("device", "device__panel").order_by("created_at")[:2000]:
        first.setdefault(delivery.device_id, delivery)
    return list(first.values())[:limit]


def begin(delivery: Delivery) -> bool:
    """Take one claimed delivery as being sent by us; False when another gateway was faster, or it was cancelled."""
    return bool(begin_all([delivery]))


def begin_all(found: list[Delivery]) -> list[Delivery]:
    """Take claimed deliveries as being sent by us, with one commit. Returns those that are ours."""
    try:
        return _begin_all(found)
    except IntegrityError:
        # The database lets one picture at a time to a device; alone, each finds out for itself.
        return [ours for delivery in found for ours in begin_all([delivery])] if len(found) > 1 else []


def _begin_all(found: list[Delivery]) -> list[Delivery]:
    now, lease = timezone.now(), uuid4()
    with transaction.atomic():
        Delivery.objects.filter(pk__in=[d.pk for d in found], state=DeliveryState.QUEUED).update(
            state=DeliveryState.SENDING,
            lease=lease,
            lease_until=now + LEASE,
            attempts=F("attempts") + 1,
            started_at=now,
            progressed_at=now,
            packets_acked=0,
            packets_resent=0,
        )
        taken = set(Delivery.objects.filter(lease=lease).values_list("pk", flat=True))
        ours = [delivery for delivery in found if delivery.pk in taken]
        for delivery in ours:
            _changed(delivery)
    for delivery in ours:
        delivery.lease, delivery.attempts = lease, delivery.attempts + 1
    return ours


@dataclass(frozen=True, slots=True)
class Note:
    """How far a delivery is; `moved` when that is news."""

    delivery: Delivery
    acked: int
    resent: int
    moved: bool


def note_all_progress(notes: list[Note]) -> list[Delivery]:
    """Write down how far many are, with one commit. Returns those that are ours no more."""
    with transaction.atomic():
        return [n.delivery for n in notes if not note_progress(n.delivery, n.acked, n.resent, n.moved)]


def note_progress(delivery: Delivery, acked: int, resent: int, moved: bool) -> bool:
    """Write down how far it is and keep the lease; False when it is ours no more, because it was cancelled."""
    now = timezone.now()
    values: dict = {"packets_acked": acked, "packets_resent": resent, "lease_until": now + LEASE}
    if moved:
        values["progressed_at"] = now
    rows = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.SENDING, lease=delivery.lease)
    return bool(rows.update(**values))


def note_delivered(delivery: Delivery, resent: int = 0) -> bool:
    """The device acknowledged the whole picture: it shows it now."""
    with transaction.atomic():
        done = _finish(
            delivery, DeliveryState.DELIVERED, "", "", packets_acked=F("packets_total"), packets_resent=resent
        )
        if done:
            note_shown(delivery.device, delivery.sha256, delivery.content_type, delivery.origin_ref)
    return done


def hand_out(delivery: Delivery, at: datetime) -> bool:
    """Note that a panel which fetches is given the picture; it stays queued until the panel proves that it has it."""
    rows = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.QUEUED)
    with transaction.atomic():
        done = bool(rows.update(started_at=at, progressed_at=None, attempts=F("attempts") + 1))
        if done:
            _changed(delivery)
    return done


def note_fetched(device: Device, sha256: str) -> None:
    """Note that the panel came for the bytes it was told of."""
    rows = device.deliveries.filter(sha256=sha256, way=DeliveryWay.PULL, state=DeliveryState.QUEUED)
    rows.exclude(started_at=None).update(progressed_at=timezone.now())


def note_all_delivered(ended: list[tuple[Delivery, int]]) -> None:
    """Note several that were acknowledged whole, each with its repeated packets, with one commit."""
    with transaction.atomic():
        for delivery, resent in ended:
            note_delivered(delivery, resent)


def note_shown(device: Device, sha256: str, content_type: str, label: str) -> None:
    """Write down what a panel shows now."""
    Panel.objects.update_or_create(
        device=device,
        defaults={
            "shown_sha256": sha256,
            "shown_content_type": content_type,
            "shown_label": label[:200],
            "shown_at": timezone.now(),
        },
    )


def fail(delivery: Delivery, word: str, sentence: str, **values) -> bool:
    """End an open delivery as failed."""
    return _finish(delivery, DeliveryState.FAILED, word, sentence, **values)


def put_back(delivery: Delivery) -> None:
    """Queue a delivery again that was broken off on our side; the device gets it from the beginning."""
    rows = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.SENDING, lease=delivery.lease)
    with transaction.atomic():
        if rows.update(state=DeliveryState.QUEUED, lease=None, lease_until=None, packets_acked=0):
            _changed(delivery)


def put_back_lost() -> int:
    """Queue again what a gateway that died was sending, and end what was begun too often."""
    late = Delivery.objects.filter(state=DeliveryState.SENDING, lease_until__lte=timezone.now())
    found = list(late.select_related("device")[:500])
    for delivery in found:
        if delivery.attempts >= STARTS_AT_MOST:
            fail(
                delivery,
                "broken_off",
                _("The hub had to break it off %(count)s times.") % {"count": delivery.attempts},
            )
        else:
            put_back(delivery)
    return len(found)


def expire_due() -> int:
    """End what waited too long for its device."""
    due = Delivery.objects.queued().filter(expires_at__lte=timezone.now()).select_related("device")
    return sum(
        fail(delivery, "device_away", _("%(device)s stayed away for a day.") % {"device": delivery.device})
        for delivery in due[:500]
    )


# --- what people say ---


def cancel(delivery: Delivery, sentence: str = "") -> bool:
    """End an open delivery at somebody's wish; False when it had already ended."""
    return _finish(delivery, DeliveryState.CANCELLED, "cancelled", sentence)


def again(delivery: Delivery, user=None) -> Delivery:
    """Queue the same picture once more. Raises CannotDeliver when its bytes are gone."""
    try:
        picture = outbox.read(delivery.original_sha256) if delivery.original_sha256 else None
    except outbox.BlobMissing as error:
        raise CannotDeliver("gone", _("The picture was not kept; choose it again.")) from error
    wish = Wish(
        origin=PictureOrigin(delivery.origin),
        label=delivery.origin_ref,
        picture=picture,
        render=delivery.render_name,
        caption=delivery.caption,
        stamp_at=delivery.stamp_at,
    )
    return deliver(delivery.device, wish, user)


def _finish(delivery: Delivery, state: DeliveryState, word: str, sentence: str, **values) -> bool:
    with transaction.atomic():
        rows = Delivery.objects.filter(pk=delivery.pk, state__in=Delivery.OPEN)
        done = bool(
            rows.update(
                state=state,
                reason_word=word,
                reason=sentence[:300],
                finished_at=timezone.now(),
                lease=None,
                lease_until=None,
                **values,
            )
        )
        if done:
            failed = state == DeliveryState.FAILED
            _changed(delivery, _("A picture did not arrive: %(why)s") % {"why": sentence} if failed else "")
            transaction.on_commit(ring_gateway, robust=True)
    return done


def _changed(delivery: Delivery, sentence: str = "") -> None:
    events.record(
        EventType.DELIVERY_CHANGED,
        device=delivery.device,
        subject=delivery.pk,
        actor=delivery.asked_by,
        sentence=sentence,
        problem=bool(sentence),
    )


def find(delivery_id: UUID) -> Delivery | None:
    """Return a delivery as it stands now."""
    return Delivery.objects.select_related("device").filter(pk=delivery_id).first()
