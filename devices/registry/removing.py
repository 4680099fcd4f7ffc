"""Removing a device for good, with everything that hangs on it."""

from collections.abc import Callable

from django.db import transaction

from devices.events import record as events
from devices.events.models import EventType
from photohub.lib.database.db import lock_in_order
from photohub.lib.messaging import notify
from photohub.lib.pages.sentences import said

from . import broker_accounts
from .models import Device

_listeners: list[Callable] = []


def on_remove(listener: Callable) -> None:
    """Let an upper room clean up: `listener(device)` runs in the same transaction, before the rows go."""
    if listener not in _listeners:
        _listeners.append(listener)


def remove_device(device: Device, user=None) -> None:
    """Delete the device with its keys, commands, events and pictures. Its connections end."""
    with transaction.atomic():
        # What hangs on it is locked in the order of docs/architecture.md; the deletion itself takes any.
        for held in (device.rollout_targets, device.commands):
            lock_in_order(held.all())
        for listener in _listeners:
            listener(device)
        lock_in_order(device.deliveries.all())
        broker_accounts.unwant(device)
        words = {"name": device.name, "code": device.code}
        device.delete()
        events.record(
            EventType.NOTICE,
            actor=user,
            sentence=said("The device %(name)s (%(code)s) was removed.", **words),
        )
        notify.send_after_commit(notify.GATEWAY, {"type": "gateway.devices"})
