"""Events that say the same, one after the other: lists tell them once, and how often it was."""

from collections.abc import Iterable
from datetime import timedelta

from .models import Event

# What happens again after a longer pause is told again.
PAUSE_AT_MOST = timedelta(hours=1)


def fold(events: Iterable[Event]) -> list[Event]:
    """Return of each run of like events the newest, which knows how many they were; `events` come newest first."""
    runs: list[Event] = []
    oldest: Event | None = None
    for event in events:
        if oldest is not None and _is_like(oldest, event):
            runs[-1].times += 1
        else:
            runs.append(event)
        oldest = event
    return runs


def _is_like(newer: Event, older: Event) -> bool:
    said = [(e.type, e.actor_id, e.problem, e.word, e.values, e.sentence) for e in (newer, older)]
    return said[0] == said[1] and newer.at - older.at <= PAUSE_AT_MOST
