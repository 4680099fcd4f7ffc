"""Heartbeats of PhotoHub's own processes."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from photohub.lib.pages.sentences import SENTENCE_CHARS, Said, columns, in_english

from .models import ServiceBeat

# The gateway's connection to the message broker.
BROKER = "broker"


def note(name: str, ok: bool, sentence: str | Said = "") -> bool:
    """Note that a part is alive and how it fares. Returns whether its state changed."""
    now = timezone.now()
    values = {"ok": ok} | columns("sentence", sentence)
    row, made = ServiceBeat.objects.get_or_create(name=name, defaults=values)
    if made:
        return True
    changed = row.ok != ok
    ServiceBeat.objects.filter(pk=name).update(at=now, **values, **({"changed_at": now} if changed else {}))
    return changed


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
    """Tell whether the part was silent for so long. A heartbeat from the future was written by a clock that jumped since."""
    return _age(row) > timedelta(seconds=after_s)


def _age(row: ServiceBeat) -> timedelta:
    return abs(timezone.now() - row.at)
