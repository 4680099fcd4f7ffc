"""Not waiting for a service that is away: after a failure one caller tries now and then, until one succeeds.

Two threads that each wait 20 s for an answer that does not come would hold up everything else they do.
"""

import threading
import time
from collections.abc import Callable

_FIRST_PAUSE_S = 1.0


class Breaker:
    """`enter` tells whether to try; whoever was let in says with `leave` how it went."""

    def __init__(self, longest_pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest_pause_s = longest_pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._probing = False
        self._closed_until_s = 0.0

    def enter(self) -> bool:
        """Tell whether this caller may try now."""
        with self._lock:
            if not self._failures:
                return True
            if self._probing or self._clock() < self._closed_until_s:
                return False
            self._probing = True
            return True

    @property
    def failing(self) -> bool:
        """Tell whether the last try failed."""
        return self._failures > 0

    def leave(self, ok: bool | None) -> None:
        """Say that the service answered, that it did not, or (None) that this try tells nothing."""
        with self._lock:
            self._probing = False
            if ok:
                self._failures = 0
            elif ok is False:
                self._failures += 1
                pause_s = min(self._longest_pause_s, _FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10))
                self._closed_until_s = self._clock() + pause_s
