"""The hub's nodes as the database knows them, asked at most once a second."""

import threading
import time
from dataclasses import dataclass
from datetime import datetime

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from . import here
from .models import FIRST, Node, NodeState

_ASKED_EVERY_S = 1.0


@dataclass(frozen=True)
class Known:
    """One node. `silent_s` is by the clock of the database."""

    number: int
    name: str
    address: str
    state: str
    seen_at: datetime
    silent_s: float
    free_bytes: int

    @property
    def mark(self) -> int | None:
        """What rows say that are its own."""
        return None if self.number == FIRST else self.number

    @property
    def is_silent(self) -> bool:
        """Tell whether it has not said for long that it serves."""
        return self.silent_s > here.SILENT_AFTER_S


class _Table:
    """All nodes by number, and when they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._nodes: dict[int, Known] = {}
        self._until_s = 0.0

    def read(self) -> dict[int, Known]:
        with self._lock:
            if time.monotonic() >= self._until_s:
                self._nodes = {row.number: row for row in _ask()}
                self._until_s = time.monotonic() + _ASKED_EVERY_S
            return self._nodes


def _ask() -> list[Known]:
    silent_for = ExpressionWrapper(Now() - F("seen_at"), output_field=DurationField())
    names = ("number", "name", "address", "state", "seen_at", "free_bytes", "silent_for")
    rows = Node.objects.annotate(silent_for=silent_for).values(*names)
    return [Known(silent_s=row.pop("silent_for").total_seconds(), **row) for row in rows]


_table = _Table()
forget = _table.forget


def every() -> list[Known]:
    """Return all nodes but those that were declared lost."""
    return [node for node in _table.read().values() if node.state != NodeState.FORGOTTEN]


def leads() -> bool:
    """Tell whether this node does what one of them does for all: the first of those that live."""
    if not here.is_one_of_several():
        return True
    mine = here.number()
    return mine == min([mine, *(node.number for node in every() if not node.is_silent)])


def names(name: str) -> list[str]:
    """Return the names under which the nodes keep this heartbeat."""
    if not here.is_one_of_several():
        return [name]
    return [name, *(here.named(name, node.mark) for node in every() if node.mark is not None)]


def find_number(number: int) -> Known | None:
    """Return the node of this number."""
    return _table.read().get(number)


def find(mark: int | None) -> Known | None:
    """Return the node that this mark names; None where it has not joined yet."""
    return find_number(FIRST if mark is None else mark)
