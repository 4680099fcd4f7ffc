"""Which parts of an image bring its device forward, and when that is worth a row's change."""

from collections import OrderedDict

NOTE_EVERY_S = 1.0
_REMEMBERED_AT_MOST = 10_000


class Progress:
    """What this process has sent to each device. Time is passed in; used from the loop only."""

    def __init__(self) -> None:
        self._sent: OrderedDict[object, tuple[int, float]] = OrderedDict()

    def take(self, key: object, part: tuple[int, int], size_bytes: int, percent: int, now_s: float) -> bool:
        """Take note that bytes from `part[0]` up to `part[1]` went out; tell whether the row should know now.

        `percent` is what the row knows. A glance at the end of a file that was never begun is no progress; but
        another process may have sent what lies between, so a gap of a quarter is none.
        """
        first, end = part
        reached_bytes, noted_s = self._sent.pop(key, (0, -NOTE_EVERY_S))
        known_bytes = max(reached_bytes, percent * size_bytes // 100)
        forward = first <= known_bytes + size_bytes // 4
        due = forward and (end >= size_bytes or now_s - noted_s >= NOTE_EVERY_S)
        self._sent[key] = (max(reached_bytes, end) if forward else reached_bytes, now_s if due else noted_s)
        while len(self._sent) > _REMEMBERED_AT_MOST:
            self._sent.popitem(last=False)
        return due

    def knows(self, key: object) -> bool:
        """Tell whether anything went out."""
        return key in self._sent
