"""What this process counts and times, for whoever draws it (`photohub.metrics`).

    TIMES = Times("photohub_ingest_duration_seconds", "What it is.", "source", Source.values)
    TIMES.observe("http", [0.012, 0.013])

To count costs a lock and an addition; what came together is counted together. Nothing is read, written or sent here. An
upper room that gathers what several processes counted is told by `on_change` that there is something new.
"""

import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

# What is counted under a word that nobody foresaw: so the words are as few as they were declared.
OTHER = "other"
# From a cached answer to a camera's patience; the last one is without a bound.
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

Row = list[float]

_lock = threading.Lock()
_counted: "list[Measure]" = []
_present: "list[Present]" = []
_tell: Callable[[], object] | None = None


def on_change(tell: Callable[[], object] | None) -> None:
    """Have an upper room told, from any thread, that something was counted. It must return at once."""
    global _tell
    _tell = tell


def counted() -> "list[Measure]":
    """Return what is counted by the modules that this process has loaded."""
    return list(_counted)


def present() -> "list[Present]":
    """Return the figures of the present of the modules that this process has loaded."""
    return list(_present)


def changed() -> None:
    """Say that something was counted, or that a figure of the present is not what it was."""
    if _tell is not None:
        _tell()


@dataclass(frozen=True, eq=False)
class Measure:
    """Numbers that only grow, one row of them for each word of one label."""

    name: str
    help: str
    label: str
    words: Sequence[str]
    _rows: dict[str, Row] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        os.register_at_fork(after_in_child=self._rows.clear)
        _counted.append(self)

    @property
    def parts(self) -> tuple[str, ...]:
        """What the numbers of a row are, in order."""
        raise NotImplementedError

    def _row(self, word: str) -> Row:
        """Return a word's row; call with the lock held."""
        word = word if word in self.words else OTHER
        return self._rows.get(word) or self._rows.setdefault(word, [0.0] * len(self.parts))

    def read(self) -> dict[str, Row]:
        """Return what this process counted."""
        with _lock:
            return {word: list(row) for word, row in self._rows.items()}


@dataclass(frozen=True, eq=False)
class Count(Measure):
    """How often something happened."""

    @property
    def parts(self) -> tuple[str, ...]:
        return ("count",)

    def add(self, word: str, count: int = 1) -> None:
        """Count something that happened."""
        with _lock:
            self._row(word)[0] += count
        changed()


@dataclass(frozen=True, eq=False)
class Times(Measure):
    """How long something took, by classes of duration."""

    bounds_s: tuple[float, ...] = BOUNDS_S

    @property
    def parts(self) -> tuple[str, ...]:
        return (*map(str, self.bounds_s), "+Inf", "sum")

    def observe(self, word: str, taken_s: Iterable[float]) -> None:
        """Count durations that came together. One that a jump of the clock made negative counts as none."""
        with _lock:
            row = self._row(word)
            for each_s in taken_s:
                each_s = max(0.0, each_s)
                row[bisect_left(self.bounds_s, each_s)] += 1
                row[-1] += each_s
        changed()


class Present:
    """A figure of the present, which this process can tell at any time and from any thread; the hub's is their sum."""

    def __init__(self, name: str, help_: str) -> None:
        self.name, self.help = name, help_
        _present.append(self)
        self._value = 0.0
        self._ask: Callable[[], float] = lambda: self._value

    def add(self, count: int) -> None:
        """Count so many more, or less."""
        with _lock:
            self._value += count
        changed()

    def ask_by(self, ask: Callable[[], float]) -> None:
        """Name what tells the figure, where nobody counts."""
        self._ask = ask

    def changed(self) -> None:
        """Say that the figure is another one."""
        changed()

    def read(self) -> float:
        """Return the figure of this process."""
        return self._ask()
