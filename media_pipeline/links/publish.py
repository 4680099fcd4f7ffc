"""Telling the outside a picture's URL: on the device's result topic, by the hub or by the device itself."""

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from devices.events import record as events
from devices.events import troubles
from devices.events.models import Event, EventType
from devices.protocol.light import Result
from devices.registry.models import Device, Publisher
from media_pipeline.captures.finding import link_of
from media_pipeline.captures.models import Capture, Step
from photohub.lib import clock
from photohub.lib.database.db import lock_in_order, one_writer, update_in_order

GIVE_UP_AFTER = timedelta(hours=1)
CLAIM_AT_MOST = 100
# Times as many are looked at for those of one gateway. The others' are claimed within seconds and make room.
_LOOKED_AT = 20
_RETRY_S = 10
_hears: Callable[[str], bool] | None = None
_LINK = re.compile(r"/p/([0-9a-z]{6,24})(?:$|[?#/])")


def ask_broker(hears: Callable[[str], bool] | None) -> None:
    """Let a broker that keeps nothing say whether anybody listens to a topic now; None: nobody can say, as outside."""
    global _hears
    _hears = hears


def is_awaited(device: Device) -> bool:
    """Tell whether the hub is to publish the links of this device's pictures, and somebody may hear them."""
    return is_due_from_hub(device) and (_hears is None or _hears(device.result_topic))


def is_due_from_hub(device: Device) -> bool:
    """Tell whether the hub publishes the links of this device's pictures."""
    return device.result_publisher == Publisher.HUB and bool(device.result_topic)


def claim_to_publish(limit: int = CLAIM_AT_MOST, holds: Callable[[str], bool] | None = None) -> list[Capture]:
    """Claim pictures whose URL the hub should publish now. Two gateways never claim the same one.

    As many as `limit` means that there may be more. `holds`: whether a device of this code is this gateway's, where
    several share them.
    """
    now = timezone.now()
    waiting = Capture.objects.to_publish()
    if holds is None:
        due = clock.first_due(waiting, "publish_next_try_at", _RETRY_S, now, limit)
    else:
        columns = ("pk", "device__code")
        found = clock.first_due(
            waiting, "publish_next_try_at", _RETRY_S, now, _LOOKED_AT * limit, columns=columns
        )
        due = [pk for pk, code in found if holds(code)][:limit]
    if not due:
        return []
    # Whoever moves the time first has it: the moment of the claim marks the rows as this gateway's.
    until = timezone.now() + timedelta(seconds=_RETRY_S)
    with one_writer():
        rows = waiting.filter(clock.is_due("publish_next_try_at", _RETRY_S, now), pk__in=due)
        update_in_order(rows, publish_next_try_at=until)
    mine = Capture.objects.filter(pk__in=due, publish_state=Step.PENDING, publish_next_try_at=until)
    return list(mine.select_related("device"))


def message_of(capture: Capture) -> tuple[str, bytes]:
    """Return topic and payload `{"url":"<base64>"}`. Base64 is an encoding that the clients expect, not protection."""
    url = base64.b64encode(link_of(capture).encode()).decode()
    return capture.device.result_topic, json.dumps({"url": url}, separators=(",", ":")).encode()


def note_published(capture: Capture) -> None:
    """The broker took the hub's message, or the device's own was heard."""
    note_all_published([capture])


def note_all_published(captures: list[Capture]) -> None:
    """Note several at once, with one commit. The first time counts."""
    with one_writer(), transaction.atomic():
        rows = Capture.everything.filter(pk__in=[c.pk for c in captures], published_at=None)
        fresh = set(lock_in_order(rows))
        Capture.everything.filter(pk__in=fresh).update(publish_state=Step.DONE, published_at=timezone.now())
        told = [c for c in captures if c.pk in fresh]
        events.record_all(
            [Event(type=EventType.CAPTURE_CHANGED, device=c.device, subject=c.pk) for c in told]
        )
    troubles.over_for((c.device for c in told), "link_unfit")


def give_up_old() -> int:
    """After an hour without a broker nobody waits for the message any more."""
    rows = Capture.everything.to_publish().filter(received_at__lt=timezone.now() - GIVE_UP_AFTER)
    late = list(rows.order_by("received_at").values_list("pk", flat=True)[:1000])
    pending = Capture.everything.filter(pk__in=late, publish_state=Step.PENDING)
    return update_in_order(pending, publish_state=Step.FAILED)


def give_up(captures: list[Capture]) -> None:
    """Publish these no more: their device's topic is none."""
    Capture.everything.filter(pk__in=[c.pk for c in captures], publish_state=Step.PENDING).update(
        publish_state=Step.FAILED
    )
    for device in {capture.device for capture in captures}:
        troubles.note(device, "link_unfit", topic=device.result_topic)


def hear_result(device: Device, said: Result) -> None:
    """The device published its answer itself: note the time on the capture that its link names."""
    match = _LINK.search(said.url or "")
    if match is None:
        return
    capture = Capture.objects.select_related("device").filter(device=device, code=match[1]).first()
    if capture is not None:
        note_published(capture)
