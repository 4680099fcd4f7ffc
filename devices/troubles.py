"""Note what goes wrong with a device where its owner sees it: on its page, in the API and as an event.

`note` and `over` may be called for every message: a process writes the same trouble of a device at most every ten
seconds and looks for the end of one at most every ten seconds. Neither raises when the database is away: what they say
is a help to people, and the work goes on without it.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta

from django.db import Error as DatabaseError
from django.db import IntegrityError, InterfaceError, transaction
from django.db.models import F
from django.utils import timezone

from photohub.lib.logs import mask

from . import events
from .models import Device, EventType, Trouble

log = logging.getLogger(__name__)

WRITE_EVERY_S = 10.0
TELL_AGAIN_AFTER = timedelta(hours=1)
KEEP = timedelta(days=7)
VALUE_LIMIT = 200
_REMEMBERED = 8192


class _Memory:
    """What this process wrote lately; bounded, oldest forgotten first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.written: OrderedDict[tuple[int, str], tuple[float, int]] = OrderedDict()
        self.clear: OrderedDict[tuple[int, str], float] = OrderedDict()

    def count_up(self, key: tuple[int, str], now_s: float) -> int:
        """Return how many troubles are to be written now; 0: another time."""
        with self.lock:
            self.clear.pop(key, None)
            written_s, waiting = self.written.get(key, (float("-inf"), 0))
            due = now_s - written_s >= WRITE_EVERY_S
            self.written[key] = (now_s, 0) if due else (written_s, waiting + 1)
            self.written.move_to_end(key)
            while len(self.written) > _REMEMBERED:
                self.written.popitem(last=False)
            return waiting + 1 if due else 0

    def is_clear(self, key: tuple[int, str], now_s: float) -> bool:
        """Tell whether it was looked for lately and not noted since; else remember that it is looked for now."""
        with self.lock:
            if now_s - self.clear.get(key, float("-inf")) < WRITE_EVERY_S:
                return True
            self.written.pop(key, None)
            self.clear[key] = now_s
            self.clear.move_to_end(key)
            while len(self.clear) > _REMEMBERED:
                self.clear.popitem(last=False)
            return False


_memory = _Memory()


def forget() -> None:
    """Forget what this process wrote, as a new process has."""
    global _memory
    _memory = _Memory()


def note(device: Device, word: str, **values: object) -> None:
    """Note one trouble of the device. `word` stands in `trouble_words.SENTENCES`, `values` are its arguments."""
    count = _memory.count_up((device.pk, word), time.monotonic())
    if not count:
        return
    clean = {name: _clean(value) for name, value in values.items()}
    try:
        with transaction.atomic():
            _write(device, word, clean, count)
    except (DatabaseError, InterfaceError) as error:
        log.warning("The trouble %s of %s could not be written down: %s", word, device.code, error)


def over(device: Device, *words: str) -> None:
    """Note that these troubles of the device are over, if they were there."""
    now_s = time.monotonic()
    asked = [word for word in words if not _memory.is_clear((device.pk, word), now_s)]
    if not asked:
        return
    try:
        rows = list(
            Trouble.objects.filter(device=device, word__in=asked, over_at=None).values_list("pk", flat=True)
        )
        if rows and Trouble.objects.filter(pk__in=rows, over_at=None).update(over_at=timezone.now()):
            events.record(EventType.DEVICE_CHANGED, device=device)
    except (DatabaseError, InterfaceError) as error:
        log.warning("The end of a trouble of %s could not be written down: %s", device.code, error)


def prune() -> int:
    """Delete troubles that nobody saw for a week."""
    return Trouble.objects.filter(last_at__lt=timezone.now() - KEEP).delete()[0]


def _clean(value: object) -> object:
    if value is None or isinstance(value, int | float):
        return value
    return mask("".join(c if c.isprintable() else " " for c in str(value)))[:VALUE_LIMIT]


def _write(device: Device, word: str, values: Mapping[str, object], count: int) -> None:
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


def _tell(device: Device, word: str, values: Mapping[str, object]) -> None:
    events.record_word(EventType.DEVICE_CHANGED, word, device=device, problem=True, **values)
