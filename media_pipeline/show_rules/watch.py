"""Which cameras have a rule, remembered, so that a stored picture of any other costs no look into the database."""

import threading
import time
from collections.abc import Iterable

from .models import ShowRule

_FRESH_S = 5.0


class Watch:
    """The cameras of all enabled rules, at most 5 s old. A rule made meanwhile is found by the sweeper."""

    def __init__(self) -> None:
        self._cameras: frozenset[int] = frozenset()
        self._read_at = -_FRESH_S
        self._reading = threading.Lock()

    def among(self, device_ids: Iterable[int]) -> list[int]:
        """Return those of these devices that have a rule."""
        if time.monotonic() - self._read_at >= _FRESH_S and self._reading.acquire(blocking=False):
            try:
                self._cameras = frozenset(
                    ShowRule.objects.filter(enabled=True).values_list("camera", flat=True)
                )
                self._read_at = time.monotonic()
            finally:
                self._reading.release()
        return [pk for pk in set(device_ids) if pk in self._cameras]

    def forget(self) -> None:
        """Look again at the next picture, because a rule was changed in this process."""
        self._read_at = -_FRESH_S


watch = Watch()
