"""Deliveries on their way in packets: which is next, whose they are, and how far they have come.

A delivery that is being sent carries a lease of the gateway that sends it. Each note of progress renews it; one that
runs out means that the gateway died, and the picture is queued again. The next gateway to hold the hub's connection
need not wait for that: the broker has ended the connection over which the picture went.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from devices.mqtt.addressing import Hears
from devices.registry.models import LinkState
from photohub.lib.clock import first_due, is_due
from photohub.lib.database import rows
from photohub.lib.database.db import inline_all, update_in_order
from photohub.lib.database.walking import walk
from photohub.lib.pages.sentences import said

from .models import Delivery, DeliveryState, DeliveryWay
from .queue import fail, tell_changed

# Longer than the pauses between two notes of progress, of which each renews it.
LEASE = timedelta(seconds=20)
LONGEST_PAUSE = timedelta(seconds=5)
STARTS_AT_MOST = 5
_LOST_AT_ONCE = 500


def any_waits() -> bool:
    """Tell whether time alone may make one due: a pause between two tries, or a lease, ends."""
    return Delivery.objects.filter(state__in=inline_all(Delivery.OPEN)).exists()


def claim_to_send(
    limit: int = 50, hears: Hears | None = None, running: Container[int] = ()
) -> list[Delivery]:
    """Find the oldest prepared delivery of each device that listens and is sent nothing else.

    `running` are devices that somebody is about to send to.
    """
    now = timezone.now()
    busy = Delivery.objects.sending().values("device")
    ready = Delivery.objects.queued().filter(
        is_due("next_try_at", LONGEST_PAUSE.total_seconds(), now),
        way=DeliveryWay.PACKETS,
        prepared_at__isnull=False,
    )
    ready = (
        ready.exclude(device__in=busy).exclude(device__link_state=LinkState.LOST).filter(device__enabled=True)
    )
    first: dict[int, UUID] = {}
    # Asked for its end in the statement, the database would look up all by their end, and sort them.
    columns = ("expires_at", "device", "device__code", "device__picture_topic")
    for key, _at, end, device, code, topic in walk(ready, "created_at", *columns):
        if end <= now or device in first or device in running or not (hears is None or hears(code, topic)):
            continue
        first[device] = key
        if len(first) >= limit:
            break
    found = Delivery.objects.filter(pk__in=first.values()).select_related("device", "device__panel")
    return list(found.order_by("created_at", "pk"))


def begin_all(found: list[Delivery], gateway: str = "") -> list[Delivery]:
    """Take claimed deliveries as being sent by us, with one commit. Returns those that are ours.

    `gateway`: the word of a gateway that is one of several, 16 hexadecimal digits. Its leases begin with it.
    """
    try:
        return _begin_all(found, gateway)
    except IntegrityError:
        # The database lets one picture at a time to a device; alone, each finds out for itself.
        return (
            [ours for delivery in found for ours in begin_all([delivery], gateway)] if len(found) > 1 else []
        )


def _begin_all(found: list[Delivery], gateway: str) -> list[Delivery]:
    now, lease = timezone.now(), UUID(hex=gateway + uuid4().hex[len(gateway) :])
    with transaction.atomic():
        update_in_order(
            Delivery.objects.filter(pk__in=[d.pk for d in found], state=DeliveryState.QUEUED),
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
        tell_changed(ours)
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
    """Write down how far many are, and keep their leases, with one commit. Returns those that are ours no more."""
    found = {note.delivery.pk: note for note in notes}
    now = timezone.now()
    with transaction.atomic():
        sending = Delivery.objects.filter(pk__in=list(found), state=DeliveryState.SENDING)
        leases = sending.select_for_update().order_by("pk").values_list("pk", "lease")
        ours = [pk for pk, lease in leases if lease == found[pk].delivery.lease]
        values = [(found[pk].acked, found[pk].resent, now + LEASE, pk) for pk in ours]
        rows.update(Delivery, ("packets_acked", "packets_resent", "lease_until"), ("id",), values)
        Delivery.objects.filter(pk__in=[pk for pk in ours if found[pk].moved]).update(progressed_at=now)
    return [note.delivery for pk, note in found.items() if pk not in ours]


def put_back(delivery: Delivery) -> None:
    """Queue a delivery again that was broken off on our side; the device gets it from the beginning."""
    own = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.SENDING, lease=delivery.lease)
    with transaction.atomic():
        if own.update(state=DeliveryState.QUEUED, lease=None, lease_until=None, packets_acked=0):
            tell_changed([delivery])


def put_back_lost() -> int:
    """Queue again what a gateway that died was sending, and end what was begun too often."""
    sending = Delivery.objects.sending()
    late = first_due(sending, "lease_until", LEASE.total_seconds(), timezone.now(), _LOST_AT_ONCE)
    return _put_back_all(Delivery.objects.filter(pk__in=late))


def put_back_former(living: Iterable[str] = ()) -> int:
    """Queue again what the hub's connection before this one was sending, when nothing is sent over this one yet.

    Where several gateways send, `living` are the words of those that live: what has another's lease was broken off.
    """
    words = tuple(living)
    if not words:
        return _put_back_all(Delivery.objects.sending())
    leases = Delivery.objects.sending().values_list("pk", "lease")
    lost = [pk for pk, lease in leases if lease is None or not lease.hex.startswith(words)]
    return _put_back_all(Delivery.objects.sending().filter(pk__in=lost[:_LOST_AT_ONCE]))


def _put_back_all(sending: QuerySet[Delivery]) -> int:
    found = list(sending.select_related("device").order_by("pk")[:_LOST_AT_ONCE])
    for delivery in found:
        if delivery.attempts >= STARTS_AT_MOST:
            fail(
                delivery,
                "broken_off",
                said("The hub had to abort it %(count)s times.", count=delivery.attempts),
            )
        else:
            put_back(delivery)
    return len(found)
