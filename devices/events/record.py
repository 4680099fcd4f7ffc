"""Writing down what happened, and notifying the live pages after the commit."""

import time
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone, translation

from devices.access.rights import actor_of
from photohub.lib.database import rows, sequence
from photohub.lib.database.db import one_writer
from photohub.lib.log.logs import mask
from photohub.lib.messaging import notify
from photohub.lib.pages.sentences import SENTENCE_CHARS, Said, in_english, kept, plain

from .models import Event, EventType
from .wording import sentence_of


def record(type: EventType, sentence: str | Said = "", **facts: Any) -> None:
    """Write one event in the present transaction and announce it after the commit; `facts` as for `new_event`."""
    record_all([new_event(type, sentence, **facts)])


def record_change(device, actor, sentence: str | Said) -> None:
    """Write that this person changed something of the device; no person: the hub or the device itself."""
    record(EventType.DEVICE_CHANGED, sentence, device=device, actor=actor)


def new_event(
    type: EventType,
    sentence: str | Said = "",
    *,
    device=None,
    subject=None,
    actor=None,
    problem: bool = False,
) -> Event:
    """Return an event that is not written yet. Of what is `said`, pages make the sentence in their reader's language."""
    row = Event(type=type, device=device, subject=subject, actor=actor_of(actor), problem=problem)
    row.sentence, row.values = in_english(sentence)[:SENTENCE_CHARS], kept(sentence)
    return row


def record_word(type: EventType, word: str, *, device=None, problem: bool = False, **values: object) -> None:
    """Like `record`, of a word of `trouble_words`: pages make the sentence in their reader's language."""
    values = {name: plain(value) for name, value in values.items()}
    # The sentence is for programs that read the table.
    with translation.override("en"):
        sentence = sentence_of(word, values)
    row = Event(type=type, device=device, sentence=sentence[:300], problem=problem)
    row.word, row.values = word, values
    record_all([row])


def record_all(events: list[Event]) -> None:
    """Write several events with one insert and announce them after the commit."""
    if not events:
        return
    for event in events:
        # Devices say what they like, and everybody who may look reads it.
        event.sentence = mask(event.sentence) if event.sentence else ""
    # A block inside another costs as much as the insert.
    with nullcontext() if connection.in_atomic_block else transaction.atomic():
        rows.insert_numbered(events, sequence.announcement(Event))
        transaction.on_commit(lambda: announce(events), robust=True)


def announce(events: list[Event]) -> None:
    """Notify the live pages for events that are committed."""
    notify.send(notify.PAGES, [message_of(row) for row in events])


def message_of(row: Event) -> dict:
    """Return the channel-layer message for one event; the consumer filters it by `group`, `device_id`."""
    return {
        "type": "live.event",
        "device_id": row.device_id,
        "event": as_json(row),
    }


_SUBJECT_KEY = {
    EventType.CAPTURE_CREATED: "capture",
    EventType.CAPTURE_MIRRORED: "capture",
    EventType.CAPTURE_CHANGED: "capture",
    EventType.COMMAND_CHANGED: "command",
    EventType.DELIVERY_CHANGED: "delivery",
    EventType.UPDATE_CHANGED: "update",
}


def as_json(row: Event) -> dict:
    """Return the event as pages and programs see it: `{"seq", "type", "device"?, "capture"? …}`, small ids only."""
    event: dict = {"seq": row.seq, "type": str(row.type)}
    if row.subject and row.type in _SUBJECT_KEY:
        event[_SUBJECT_KEY[row.type]] = str(row.subject)
    if row.device is not None:
        event["device"] = row.device.code
    return event


KEEP_DAYS = 30
TOLD_KEEP_DAYS = 365
# Few enough that an upload waits no longer for it than for another upload.
_PRUNED_TOGETHER = 500


def prune(for_s: float = 0.0) -> int:
    """Delete events that no live page can still miss; those with a sentence stay for a year. Returns how many went.

    In batches, one transaction each, for so many seconds: one batch of each kind at least.
    """
    until_s, gone = time.monotonic() + for_s, 0
    while batch := _prune_batch():
        gone += batch
        if time.monotonic() >= until_s:
            break
    return gone


def _prune_batch() -> int:
    now, gone = timezone.now(), 0
    silent = Event.objects.silent().filter(at__lt=now - timedelta(days=KEEP_DAYS))
    told = Event.objects.told().filter(at__lt=now - timedelta(days=TOLD_KEEP_DAYS))
    for rows_ in (silent, told):
        keys = list(rows_.order_by("at").values_list("seq", flat=True)[:_PRUNED_TOGETHER])
        if keys:
            with one_writer():
                gone += Event.objects.filter(seq__in=keys).delete()[0]
    return gone


def newest() -> int:
    """Return the number up to which everything has been committed: an event with a smaller one never comes later."""
    return sequence.floor(Event)


def since(user, seq: int, limit: int = 500) -> tuple[list[dict], int]:
    """Return the events after `seq` that the person may see, oldest first, and the number to go on from.

    That is at most `newest()`, also when `seq` is larger: of what comes after it, something may still be missing.
    """
    upto = newest()
    chosen = Event.objects.visible_to(user).filter(seq__gt=seq, seq__lte=upto)
    rows = list(chosen.select_related("device").order_by("seq")[:limit])
    return [as_json(row) for row in rows], rows[-1].seq if len(rows) == limit else upto
