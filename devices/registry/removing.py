"""Removing a device for good, with everything that hangs on it.

From the first commit on nobody sees it: its row gives up its code and topics, its keys are gone, and every query of
devices, or of what people may see, leaves it out. What hangs on it follows in batches, so small that no upload waits for
them: what a device of moderate size left, before the answer; a million pictures, by the worker, which goes on after a
restart. The device's row goes last.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

from devices.access.models import DeviceRemoval
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import EventType
from photohub.lib import clock
from photohub.lib.database.db import lock_in_order, one_writer
from photohub.lib.database.pacing import Pace
from photohub.lib.messaging import enqueue, notify
from photohub.lib.pages.sentences import said

from . import broker_accounts
from .models import Device, LinkState

TASK = "devices.tasks.remove_devices"
# Small enough that an upload waits for one of these transactions no longer than for another upload's.
BATCH = 100
_pace = Pace(BATCH)
# So long somebody waits for what goes at once.
_AT_ONCE_S = 0.3
# A worker does other things between two of these.
_RUN_S = 20.0
_LEASE_S = 60
# What may be many of one device; all else goes before the answer.
_MANY = ("Capture", "Event", "Command", "Delivery", "ScheduledRun", "TelemetrySample", "TelemetryHour")

# Clears so many of what hangs on a device in an upper room, and returns how many of its pictures went.
Clear = Callable[[Device, int], int]
Count = Callable[[Device], int]
_listeners: list[tuple[Clear, Count]] = []


def on_remove(clear: Clear, count: Count) -> None:
    """Let an upper room clean up: `clear(device, limit)` is called until it returns 0; each call is one short transaction.

    `count(device)` returns how many there are, for those who want to know how far it is.
    """
    if (clear, count) not in _listeners:
        _listeners.append((clear, count))


def remove_device(device: Device, user=None, within_s: float = _AT_ONCE_S) -> bool:
    """Remove the device with its keys, commands, events and pictures. Its connections end at once.

    Returns whether everything is gone; else the worker goes on, and `under_way` tells how far it is.
    """
    _mark(device, user)
    for _gone in _clear_small(device):
        pass
    gone = _clear(device, time.monotonic() + within_s, rests=False)
    if not gone:
        transaction.on_commit(lambda: enqueue.send_task(TASK, [device.pk]), robust=True)
    return gone


def _mark(device: Device, user) -> None:
    """Let nobody see it or come in by it, and give its names free."""
    words = {"name": device.name, "code": device.code}
    with transaction.atomic():
        broker_accounts.unwant(device)
        now_free: dict = dict.fromkeys(_NAMES, "")
        Device.everything.filter(pk=device.pk).update(
            code=f"~{device.pk}",
            enabled=False,
            issued_name_upload=False,
            link_state=LinkState.UNKNOWN,
            removed_at=timezone.now(),
            **now_free,
        )
        DeviceRemoval.objects.get_or_create(device=device, defaults=words)
        device.groups.clear()
        device.keys.all().delete()
        device.broker_accounts.all().delete()
        events.record(
            EventType.NOTICE,
            actor=user,
            sentence=said("The device %(name)s (%(code)s) was removed.", **words),
        )
        audit.note(Word.DELETED, Kind.DEVICE, device.code, device.name)
        notify.send_after_commit(notify.GATEWAY, {"type": "gateway.devices"})


# What no two devices may have, and what lets somebody in or the hub out.
_NAMES = (
    "command_topic",
    "result_topic",
    "frame_topic",
    "picture_topic",
    "picture_ack_topic",
    "pull_url",
    "allowed_network",
    "product_key",
    "device_name",
)


def _hanging() -> Iterator[tuple[type[models.Model], str]]:
    """Yield each table whose rows go with a device, and the column that names it."""
    for relation in Device._meta.related_objects:
        if relation.on_delete is models.CASCADE and relation.related_model is not DeviceRemoval:
            yield relation.related_model, relation.field.name


def _clear_small(device: Device) -> Iterator[int]:
    """Delete what there is little of, and what is still to be done for the device."""
    for model, field in _hanging():
        rows = model._base_manager.filter(**{field: device.pk})
        if model.__name__ not in _MANY:
            yield from _delete_all(rows)
        elif still_open := getattr(model, "OPEN", ()):
            yield from _delete_all(rows.filter(state__in=still_open))


def _clear(device: Device, until_s: float, rests: bool = True) -> bool:
    """Delete a batch after the other until then. Returns whether the device is gone with all of it."""
    batches = _batches(device)
    while time.monotonic() < until_s:
        with _pace.step(rests):
            gone = next(batches, None)
        if gone is None:
            return _finish(device)
    return False


def _batches(device: Device) -> Iterator[int]:
    """Delete everything, and yield after each batch. Pictures go first: their files take the space."""
    for clear, _count in _listeners:
        while gone := clear(device, min(BATCH, _pace.size)):
            DeviceRemoval.objects.filter(pk=device.pk).update(pictures_gone=F("pictures_gone") + gone)
            yield gone
    for model, field in _hanging():
        yield from _delete_all(model._base_manager.filter(**{field: device.pk}))


def _delete_all(rows: models.QuerySet) -> Iterator[int]:
    # In no order: asked for in that of their keys, PostgreSQL may walk all rows of all devices.
    while keys := list(rows.order_by().values_list("pk", flat=True)[: 5 * min(BATCH, _pace.size)]):
        with one_writer(), transaction.atomic():
            chosen = rows.model._base_manager.filter(pk__in=keys)
            lock_in_order(chosen)
            chosen.delete()
        yield len(keys)


def _finish(device: Device) -> bool:
    """Delete the device itself, unless a picture came in the last moment, which the next look finds."""
    with one_writer(), transaction.atomic():
        # From here on no row can be hung on it.
        row = Device.everything.select_for_update().filter(pk=device.pk).first()
        if row is None:
            return True
        if any(count(row) for _clear_, count in _listeners):
            return False
        row.delete()
    return True


# --- by the worker ---


def under_way() -> list[DeviceRemoval]:
    """Return the removals that go on, the oldest first."""
    return list(DeviceRemoval.objects.order_by("asked_at"))


def due() -> list[int]:
    """Return the devices that are to be cleared and that no worker is at."""
    held = clock.is_held("lease_until", _LEASE_S, timezone.now())
    return list(DeviceRemoval.objects.exclude(held).order_by("asked_at").values_list("pk", flat=True))


def go_on(keys: Iterable[int | str]) -> int:
    """Clear these devices for a while. Returns how many are gone; the sweep begins again where this ended."""
    until_s, gone = time.monotonic() + _RUN_S, 0
    for key in keys:
        device = Device.everything.filter(pk=key).first()
        if device is None or time.monotonic() > until_s or not _take(device):
            continue
        gone += _clear_in_turn(device, until_s)
    return gone


def _take(device: Device) -> bool:
    """Take the lease, so that two workers do not clear the same device."""
    now = timezone.now()
    free = DeviceRemoval.objects.filter(pk=device.pk).exclude(clock.is_held("lease_until", _LEASE_S, now))
    return bool(free.update(lease_until=now + timedelta(seconds=_LEASE_S)))


def _clear_in_turn(device: Device, until_s: float) -> bool:
    mine = DeviceRemoval.objects.filter(pk=device.pk)
    if mine.filter(pictures_total=None).exists():
        left = sum(count(device) for _clear_, count in _listeners)
        mine.update(pictures_total=F("pictures_gone") + left)
    try:
        for _gone in _clear_small(device):
            pass
        return _clear(device, until_s)
    finally:
        mine.update(lease_until=None)
