"""Memory for heavy work: so much at once in a process, whoever does it. The others wait in line, for a while.

A large picture takes 160 MB while it is decoded, and a password 100 MB while it is checked. Five of these at once would end a
small machine; one after the other they only take longer.
"""

import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

from django.conf import settings
from django.utils.translation import gettext as _

WAIT_S = 10.0
WAITING_AT_MOST = 32


class Crowded(OSError):
    """There was no memory within the time; it is worth another try. As with every OSError, the work is not at fault."""

    def __init__(self) -> None:
        super().__init__("too much heavy work at once")

    @property
    def sentence(self) -> str:
        return _("The hub is very busy right now. Try again in a moment.")


class TooLarge(ValueError):
    """This work would take more memory than there may ever be."""


class Room:
    """So many bytes. Whoever came first is served first, so that large work is not overtaken for ever."""

    def __init__(self, size_bytes: int, waiting_at_most: int = WAITING_AT_MOST) -> None:
        self.size_bytes = size_bytes
        self._free_bytes = size_bytes
        self._waiting_at_most = waiting_at_most
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def take(self, wanted_bytes: int, within_s: float = WAIT_S) -> Generator[None]:
        """Hold so many bytes. Raises TooLarge at once, and Crowded when it takes too long or too many wait."""
        if wanted_bytes > self.size_bytes:
            raise TooLarge(f"This takes {wanted_bytes >> 20} MB, and there are {self.size_bytes >> 20} MB.")
        self._enter(wanted_bytes, within_s)
        try:
            yield
        finally:
            with self._changed:
                self._free_bytes += wanted_bytes
                self._changed.notify_all()

    def _enter(self, wanted_bytes: int, within_s: float) -> None:
        ticket, until_s = object(), time.monotonic() + within_s
        with self._changed:
            if len(self._line) >= self._waiting_at_most:
                raise Crowded
            self._line.append(ticket)
            try:
                while self._line[0] is not ticket or self._free_bytes < wanted_bytes:
                    left_s = until_s - time.monotonic()
                    if left_s <= 0:
                        raise Crowded
                    self._changed.wait(left_s)
                self._free_bytes -= wanted_bytes
            finally:
                self._line.remove(ticket)
                self._changed.notify_all()


room = Room(settings.WORK_MEMORY_BYTES)
