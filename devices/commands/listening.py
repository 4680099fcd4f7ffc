"""Who listens for orders: written down for pages, and told at once to whoever asked a device that does not.

The gateway knows by the connections of the broker who is subscribed to what. A device that has just connected is given
a moment to subscribe.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from devices.events import record as events
from devices.events.models import Event, EventType
from devices.mqtt.addressing import Hears
from devices.registry import presence
from devices.registry.models import Device, LinkState
from photohub.lib.database.db import update_in_order
from photohub.lib.database.walking import walk
from photohub.lib.pages.sentences import Said, said

from . import queue as commands
from .models import Command

# Between connecting and subscribing, on a slow line.
SUBSCRIBES_WITHIN = timedelta(seconds=3)


def note_listeners(hears: Hears, holds: Callable[[str], bool] = lambda _code: True) -> int:
    """Write down of each connected device whether it listens for orders. Returns of how many that changed.

    `holds`: whether this gateway is to speak of a device of this code.
    """
    rows = Device.objects.filter(link_state=LinkState.CONNECTED).exclude(command_topic="")
    settled = timezone.now() - SUBSCRIBES_WITHIN
    listening, deaf = [], []
    for device in rows.only("code", "command_topic", "listens", "link_changed_at"):
        if not holds(device.code):
            continue
        if hears(device.code, device.command_topic):
            listening += [device] if device.listens is not True else []
        elif device.listens is not False and _is_settled(device.link_changed_at, settled):
            deaf.append(device)
    return _note(listening, True) + _note(deaf, False)


def is_unsettled() -> bool:
    """Tell whether a device connected so lately that it may be about to subscribe."""
    latest = timezone.now() - 2 * SUBSCRIBES_WITHIN
    rows = Device.objects.filter(link_state=LinkState.CONNECTED, link_changed_at__gt=latest)
    return rows.exclude(command_topic="").exists()


def _is_settled(changed_at: datetime | None, settled: datetime) -> bool:
    return changed_at is None or changed_at <= settled


def _note(found: list[Device], listens: bool) -> int:
    if not found:
        return 0
    with transaction.atomic():
        changed = update_in_order(Device.objects.filter(pk__in=[d.pk for d in found]), listens=listens)
        events.record_all([Event(type=EventType.DEVICE_CHANGED, device=device) for device in found])
    return changed


def fail_unheard(hears: Hears, holds: Callable[[str], bool] = lambda _code: True) -> int:
    """End the commands of devices that can be reached and do not listen, so that nobody waits for them."""
    unheard = [
        pk
        for pk, _at, code, topic in walk(
            _of_reachable(), "created_at", "device__code", "device__command_topic"
        )
        if holds(code) and not hears(code, topic)
    ]
    waiting = Command.objects.queued().filter(pk__in=unheard).select_related("device")
    return sum(commands.fail(command, "not_listening", why) for command, why in _explained(waiting))


def _of_reachable() -> QuerySet[Command]:
    """Keep the queued commands of devices that are connected, or that were never connected by MQTT at all."""
    now = timezone.now()
    settled = Q(device__link_changed_at=None) | Q(device__link_changed_at__lte=now - SUBSCRIBES_WITHIN)
    connected = Q(device__link_state=LinkState.CONNECTED) & settled
    elsewhere = Q(device__link_state=LinkState.UNKNOWN, device__listens=None) & ~Q(device__last_seen_at=None)
    # Who gets orders in answers to uploads need not listen.
    waiting = Command.objects.queued().filter(connected | elsewhere, expires_at__gt=now)
    return waiting.exclude(device__one_wake=True)


def _explained(waiting: Iterable[Command]) -> Iterable[tuple[Command, Said]]:
    for command in waiting:
        if command.device.link_state == LinkState.CONNECTED:
            yield command, presence.not_subscribed(command.device)
        elif command.device.online:
            yield command, said("It does not listen for orders: it is not connected by MQTT.")
