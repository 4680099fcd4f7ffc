"""Large work in small steps that leave the database to others: how many rows go together, and a rest after each step."""

import time
from collections.abc import Generator
from contextlib import contextmanager

_LONG_S = 0.08
_SHORT_S = 0.04
_AT_LEAST = 25
_LONGEST_REST_S = 0.5


class Pace:
    """The steps of one kind of work in this process.

    A step that takes long, because the disk is slow or others are busy, makes the next one smaller. Each is followed by a
    rest as long as itself, in which whoever waits for the database gets it: a lock that is free for no moment is taken
    by whoever let it go.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self.size = at_most

    @contextmanager
    def step(self, rests: bool = True) -> Generator[None]:
        """Do one step inside. `rests` is False where a person waits for the end."""
        begun_s = time.monotonic()
        yield
        took_s = time.monotonic() - begun_s
        if took_s > _LONG_S:
            self.size = max(min(_AT_LEAST, self._at_most), self.size // 2)
        elif took_s < _SHORT_S:
            self.size = min(self._at_most, self.size * 2)
        if rests:
            time.sleep(min(took_s, _LONGEST_REST_S))
