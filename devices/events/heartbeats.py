"""Heartbeats of PhotoHub's own processes.

Where one process is the whole hub, it need not write down every few seconds that it lives: it remembers. Other processes
know by the lock of the data folder that it runs.
"""

import threading
import time
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from photohub.lib.files import one_instance
from photohub.lib.pages.sentences import SENTENCE_CHARS, Said, columns, in_english

from .models import ServiceBeat

# The gateway's connection to the message broker.
BROKER = "broker"
WORKER = "worker"

_WRITTEN_EVERY_S = 600.0
# Written that seldom, a heartbeat is believed a little longer, while the hub that wrote it runs.
_KEPT_FOR = timedelta(seconds=1.5 * _WRITTEN_EVERY_S)


@dataclass
class _Kept:
    """What a part of this process said last, and when that was written down, by the clock that does not jump."""

    said: tuple[bool, str]
    noted_s: float
    written_s: float


_lock = threading.Lock()
_kept: dict[str, _Kept] | None = None


def keep_in_memory(is_kept: bool = True) -> None:
    """Remember the heartbeats of this process from now on, which is the whole hub, and write what changes."""
    global _kept
    with _lock:
        _kept = {} if is_kept else None


def beat(name: str, ok: bool, sentence: str | Said = "") -> bool:
    """Note again and again that a part is alive. Returns whether its state changed."""
    said, now_s = (ok, in_english(sentence)), time.monotonic()
    with _lock:
        known = _kept.get(name) if _kept is not None else None
        if known is not None and known.said == said and now_s - known.written_s < _WRITTEN_EVERY_S:
            known.noted_s = now_s
            return False
    changed = note(name, ok, sentence)
    with _lock:
        if _kept is not None:
            _kept[name] = _Kept(said, now_s, now_s)
    return changed


def note(name: str, ok: bool, sentence: str | Said = "") -> bool:
    """Note that a part is alive and how it fares. Returns whether its state changed."""
    now = timezone.now()
    values = {"ok": ok} | columns("sentence", sentence)
    row, made = ServiceBeat.objects.get_or_create(name=name, defaults=values)
    if made:
        return True
    rows = ServiceBeat.objects.filter(pk=name)
    # Of several that find it out at once, one tells people.
    if row.ok != ok and rows.exclude(ok=ok).update(at=now, changed_at=now, **values):
        return True
    rows.update(at=now, **values)
    return False


def note_if_news(name: str, ok: bool, sentence: str | Said = "", known: ServiceBeat | None = None) -> bool:
    """Like `note`, but writes at most every 5 s while nothing changes. For parts that work many times a second.

    Who has read the part's row just now hands it in as `known`.
    """
    row = known or ServiceBeat.objects.filter(pk=name).first()
    recent = row is not None and _age(row) < timedelta(seconds=5)
    if recent and row.ok == ok and row.sentence == in_english(sentence)[:SENTENCE_CHARS]:
        return False
    return note(name, ok, sentence)


def lease(name: str, holder: str, for_s: float) -> bool:
    """Hold a task that one process may do at a time, or take it from one that was silent for `for_s`."""
    now = timezone.now()
    _row, made = ServiceBeat.objects.get_or_create(name=name, defaults={"sentence": holder})
    if made:
        return True
    held = (now - timedelta(seconds=for_s), now + timedelta(seconds=for_s))
    free = Q(sentence=holder) | ~Q(at__range=held)
    return ServiceBeat.objects.filter(free, name=name).update(at=now, sentence=holder) == 1


def release(name: str, holder: str) -> None:
    """Let another process take the task at once."""
    ServiceBeat.objects.filter(name=name, sentence=holder).delete()


def read(name: str, stale_after_s: float = 60) -> ServiceBeat | None:
    """Return the part's last heartbeat, marked as not ok when it is older than `stale_after_s`."""
    row = ServiceBeat.objects.filter(pk=name).first()
    if row is not None and is_stale(row, stale_after_s):
        row.ok = False
    return row


def is_stale(row: ServiceBeat, after_s: float) -> bool:
    """Tell whether the part was silent for so long. A heartbeat from the future was written by a clock that jumped since.

    What this process remembers better than the row is put right in `row`.
    """
    if _kept is not None and (known := _kept.get(row.name)) is not None:
        age = timedelta(seconds=time.monotonic() - known.noted_s)
        row.at = timezone.now() - age
        return age > timedelta(seconds=after_s)
    age = _age(row)
    if age <= timedelta(seconds=after_s):
        return False
    is_remembered = _kept is None and row.name in (BROKER, WORKER) and age <= _KEPT_FOR
    return not (is_remembered and one_instance.is_claimed(settings.PHOTOHUB_DATA))


def _age(row: ServiceBeat) -> timedelta:
    return abs(timezone.now() - row.at)
