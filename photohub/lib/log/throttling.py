"""Say what happens again and again once in a while, with how often it happened meanwhile."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

_REMEMBERED = 1000


class Seldom:
    """A bound for the log: of each kind one line in `every_s`. Any thread may ask."""

    def __init__(self, every_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._lock = threading.Lock()
        self._said: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def count(self, kind: Hashable) -> int:
        """Count one more of this kind. Returns how many there were since the last line when one is due, else 0."""
        now_s = self._clock()
        with self._lock:
            said_s, waiting = self._said.get(kind, (float("-inf"), 0))
            due = now_s - said_s >= self._every_s
            self._said[kind] = (now_s, 0) if due else (said_s, waiting + 1)
            self._said.move_to_end(kind)
            while len(self._said) > _REMEMBERED:
                self._said.popitem(last=False)
        return waiting + 1 if due else 0
