"""Note what goes wrong with a device where its owner sees it: on its page, in the API and as an event.

`note` and `over` may be called for every message: a process writes the same trouble of a device at most every ten
seconds and looks for the end of one at most every ten seconds, also where messages fail and succeed by turns: such a
trouble goes on. Neither raises when the database is away: what they say is a help to people, and the work goes on
without it. Call them outside of transactions, or what they wrote goes with one that is rolled back.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import Error as DatabaseError
from django.db import IntegrityError, InterfaceError, transaction
from django.db.models import F
from django.utils import timezone

from photohub.lib.database.db import update_in_order
from photohub.lib.pages.sentences import plain

from . import record as events
from .models import Event, EventType, Trouble

if TYPE_CHECKING:
    from devices.registry.models import Device

log = logging.getLogger(__name__)

WRITE_EVERY_S = 10.0
TELL_AGAIN_AFTER = timedelta(hours=1)
KEEP = timedelta(days=7)
_REMEMBERED = 8192
_NEVER_S = float("-inf")


_Key = tuple[int, str]


class _Memory:
    """What this process wrote and looked for lately; bounded, oldest forgotten first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.written: OrderedDict[_Key, tuple[float, int]] = OrderedDict()
        # When its end was looked for since it was last noted, and when for the first time after it had been noted.
        self.clear: OrderedDict[_Key, float] = OrderedDict()
        self.ended: OrderedDict[_Key, float] = OrderedDict()

    def count_up(self, key: _Key, now_s: float) -> int:
        """Return how many troubles are to be written now; 0: another time."""
        with self.lock:
            self.clear.pop(key, None)
            written_s, waiting = self.written.get(key, (_NEVER_S, 0))
            due = now_s - written_s >= WRITE_EVERY_S
            _remember(self.written, key, (now_s, 0) if due else (written_s, waiting + 1))
            return waiting + 1 if due else 0

    def give_back(self, key: _Key, count: int) -> None:
        """Count these in with the next: they could not be written."""
        with self.lock:
            written_s, waiting = self.written.get(key, (_NEVER_S, 0))
            _remember(self.written, key, (written_s, waiting + count))

    def is_clear(self, key: _Key, now_s: float) -> bool:
        """Tell whether its end need not be looked for now; else remember that it is."""
        with self.lock:
            if now_s - self.clear.get(key, _NEVER_S) < WRITE_EVERY_S:
                return True
            if key in self.written:
                if now_s - self.ended.get(key, _NEVER_S) < WRITE_EVERY_S:
                    return True
                _remember(self.ended, key, now_s)
                del self.written[key]
            _remember(self.clear, key, now_s)
            return False


def _remember(known: OrderedDict, key: _Key, value: object) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > _REMEMBERED:
        known.popitem(last=False)


_memory = _Memory()


def forget() -> None:
    """Forget what this process wrote, as a new process has."""
    global _memory
    _memory = _Memory()


def note(device: "Device", word: str, **values: object) -> None:
    """Note one trouble of the device. `word` stands in `trouble_words.SENTENCES`, `values` are its arguments."""
    key = (device.pk, word)
    count = _memory.count_up(key, time.monotonic())
    if not count:
        return
    kept = {name: plain(value) for name, value in values.items()}
    try:
        with transaction.atomic():
            _write(device, word, kept, count)
    except (DatabaseError, InterfaceError) as error:
        _memory.give_back(key, count)
        log.warning("The trouble %s of %s could not be written down: %s", word, device.code, error)


def over(device: "Device", *words: str) -> None:
    """Note that these troubles of the device are over, if they were there."""
    over_for([device], *words)


def over_for(devices: Iterable["Device"], *words: str) -> None:
    """Note that none of these devices has any of these troubles any more, at the cost of one look for all."""
    now_s, known = time.monotonic(), {device.pk: device for device in devices}
    asked = [(key, word) for key in known for word in words if not _memory.is_clear((key, word), now_s)]
    if not asked:
        return
    try:
        rows = Trouble.objects.filter(
            device__in={key for key, _ in asked}, word__in={word for _, word in asked}
        )
        found = dict(rows.filter(over_at=None).values_list("pk", "device"))
        if found:
            _end(found, known)
    except (DatabaseError, InterfaceError) as error:
        log.warning("The end of troubles could not be written down: %s", error)


def _end(found: Mapping[int, int], known: Mapping[int, "Device"]) -> None:
    with transaction.atomic():
        if update_in_order(Trouble.objects.filter(pk__in=found, over_at=None), over_at=timezone.now()):
            told = {key: known[key] for key in found.values()}
            events.record_all([Event(type=EventType.DEVICE_CHANGED, device=row) for row in told.values()])


def prune() -> int:
    """Delete troubles that nobody saw for a week."""
    old = Trouble.objects.filter(last_at__lt=timezone.now() - KEEP).order_by("last_at")
    return Trouble.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:1000])).delete()[0]


def _write(device: "Device", word: str, values: Mapping[str, object], count: int) -> None:
    now = timezone.now()
    rows = Trouble.objects.filter(device=device, word=word)
    known = rows.first()
    if known is None:
        try:
            with transaction.atomic():
                Trouble.objects.create(device=device, word=word, values=values, count=count)
        except IntegrityError:
            # Another process noted it in the same moment, or the device was just removed.
            rows.update(last_at=now, values=values, count=F("count") + count)
            return
        _tell(device, word, values)
        return
    changes: dict = {"last_at": now, "values": values, "over_at": None}
    if known.over_at is not None:
        changes |= {"since": now, "count": count}
    else:
        changes["count"] = F("count") + count
    # A camera that stumbles again and again is told of once an hour, by a clock that may have been set back.
    if abs(now - known.told_at) >= TELL_AGAIN_AFTER:
        changes["told_at"] = now
    rows.update(**changes)
    if "told_at" in changes:
        _tell(device, word, values)
    elif known.over_at is not None:
        events.record(EventType.DEVICE_CHANGED, device=device)


def _tell(device: "Device", word: str, values: Mapping[str, object]) -> None:
    events.record_word(EventType.DEVICE_CHANGED, word, device=device, problem=True, **values)
