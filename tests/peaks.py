"""How many were at the same place at the same time."""

import threading


class Peak:
    """`with peak:` around the place; `most` tells afterwards."""

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._changed = threading.Condition()

    def __enter__(self) -> "Peak":
        with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self._changed.notify_all()
        return self

    def __exit__(self, *_error: object) -> None:
        with self._changed:
            self._now -= 1

    def meet(self, count: int) -> None:
        """Stay until so many are here, so that it would be seen if more came; the last ones may be fewer."""
        with self._changed:
            self._changed.wait_for(lambda: self.most >= count, 5)
