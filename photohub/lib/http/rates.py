"""Token buckets: so many at once, so many a second."""

import math
from collections import OrderedDict


class Buckets:
    """One token bucket per key. Time is passed in; the least recently used keys are forgotten beyond `keys_at_most`."""

    def __init__(self, per_second: float, burst: float, keys_at_most: int = 10_000) -> None:
        self.per_second = per_second
        self.burst = burst
        self._keys_at_most = keys_at_most
        self._state: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def take(self, key: object, now_s: float) -> int:
        """Take one token. Returns 0 when there was one, else after how many whole seconds to come again."""
        tokens, seen_s = self._state.pop(key, (self.burst, now_s))
        tokens = min(self.burst, tokens + (now_s - seen_s) * self.per_second)
        if tokens >= 1:
            self._state[key] = (tokens - 1, now_s)
            wait_s = 0
        else:
            self._state[key] = (tokens, now_s)
            wait_s = max(1, math.ceil((1 - tokens) / self.per_second))
        while len(self._state) > self._keys_at_most:
            self._state.popitem(last=False)
        return wait_s

    def wait_s(self, key: object, now_s: float) -> int:
        """Return what `take` would, without taking."""
        tokens, seen_s = self._state.get(key, (self.burst, now_s))
        tokens = min(self.burst, tokens + (now_s - seen_s) * self.per_second)
        return 0 if tokens >= 1 else max(1, math.ceil((1 - tokens) / self.per_second))
