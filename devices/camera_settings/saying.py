"""What the gateway tells cameras that are there: their settings, once in each connection, and to start again."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from devices.events import record as events
from devices.events.models import EventType
from devices.mqtt.addressing import Hears
from devices.mqtt.client import Link
from devices.protocol import topics
from devices.protocol.camera_settings import Wish, encode_restart, encode_wish
from devices.protocol.topics import Channel
from devices.registry.models import LinkState
from photohub.lib.database.db import in_thread
from photohub.lib.database.walking import walk
from photohub.lib.pages.sentences import said

from . import queue
from .models import CameraSettings, CameraSettingsQuerySet, RestartState, WishState

SAID_AT_MOST = 5
AT_ONCE = 50
# Between connecting and subscribing, on a slow line.
_SUBSCRIBES_WITHIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Say:
    """One message to one camera. `version` is 0 for a restart, which was claimed and is not noted again."""

    topic: str
    payload: bytes
    key: int
    version: int
    link_at: datetime | None


def claim(hears: Hears) -> list[Say]:
    """Return what is to be said now, to cameras that listen. Each wish is noted with `note_said` when the broker took it."""
    return [*_wishes(hears), *_restarts(hears)]


def _connected(rows: CameraSettingsQuerySet) -> CameraSettingsQuerySet:
    return rows.filter(device__enabled=True, device__link_state=LinkState.CONNECTED)


def _unsaid() -> CameraSettingsQuerySet:
    rows = _connected(CameraSettings.objects.wished())
    return rows.filter(Q(said_on=None) | ~Q(said_on=F("device__link_changed_at")))


def _listening(rows: CameraSettingsQuerySet, order: str, hears: Hears, column: str = "") -> Iterator[int]:
    for key, _at, code, topic in walk(rows, order, "device__code", column or "device__code"):
        if hears(code, topic if column else topics.build(code, Channel.SETTINGS)):
            yield key


def _wishes(hears: Hears) -> list[Say]:
    found = list(islice(_listening(_unsaid(), "wished_at", hears), AT_ONCE))
    rows = CameraSettings.objects.filter(pk__in=found).select_related("device") if found else ()
    return [_say(row) for row in rows if not _gives_up(row)]


def _say(row: CameraSettings) -> Say:
    payload = encode_wish(Wish(row.version, row.desired))
    topic = topics.build(row.device.code, Channel.SETTINGS)
    return Say(topic, payload, row.pk, row.version, row.device.link_changed_at)


def _gives_up(row: CameraSettings) -> bool:
    """End a wish that was told in several connections without a word from the camera."""
    if row.said_times < SAID_AT_MOST:
        return False
    with transaction.atomic():
        same = CameraSettings.objects.filter(pk=row.pk, version=row.version, wish_state=row.wish_state)
        if same.update(wish_state=WishState.UNANSWERED):
            sentence = said(
                "The camera was told its settings %(count)s times and never answered.", count=row.said_times
            )
            event = events.new_event(EventType.DEVICE_CHANGED, sentence, device=row.device, problem=True)
            events.record_all([event])
    return True


async def send(link: Link, sayings: list[Say]) -> None:
    """Publish these, and note what the broker took."""
    if not sayings:
        return
    publishing = (link.publish(say.topic, say.payload) for say in sayings)
    failed = await asyncio.gather(*publishing, return_exceptions=True)
    told = [say for say, error in zip(sayings, failed, strict=True) if say.version and not error]
    await in_thread(note_said, told)
    if error := next(filter(None, failed), None):
        raise error


def note_said(told: list[Say]) -> None:
    """The broker took these. A wish that changed meanwhile is said anew."""
    with transaction.atomic():
        for say in sorted(told, key=lambda say: say.key):
            same = CameraSettings.objects.filter(pk=say.key, version=say.version).wished()
            same.update(wish_state=WishState.SENT, said_on=say.link_at, said_times=F("said_times") + 1)


def _restarts(hears: Hears) -> list[Say]:
    queue.expire_restarts()
    rows = _connected(CameraSettings.objects.restarting()).filter(restart_state=RestartState.WAITING)
    rows = rows.exclude(device__command_topic="")
    found = list(islice(_listening(rows, "restart_until", hears, "device__command_topic"), AT_ONCE))
    said_to = CameraSettings.objects.filter(pk__in=found).select_related("device") if found else ()
    return [
        Say(row.device.command_topic, encode_restart(row.restart_name), row.pk, 0, None)
        for row in said_to
        if queue.claim_restart(row)
    ]


def something_waits() -> bool:
    """Tell whether time alone may make something due: a camera that is about to subscribe, a restart that may expire."""
    lately = timezone.now() - _SUBSCRIBES_WITHIN
    settling = _unsaid().filter(device__link_changed_at__gt=lately)
    return CameraSettings.objects.restarting().exists() or settling.exists()
