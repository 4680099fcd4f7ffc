"""Images in memory, by what their file looked like when its bytes were proved."""

import os
from collections import OrderedDict
from threading import Lock

# What changes when a file does: (modified, changed, size, inode). Nobody can set the second one back.
Look = tuple[int, int, int, int]


def look_of(stat: os.stat_result) -> Look:
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


class ImageCache:
    """At most so many bytes in all; what was not asked for longest goes first. Safe between threads."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._held: OrderedDict[str, tuple[Look, bytes]] = OrderedDict()
        self._lock = Lock()

    def get(self, sha256: str, look: Look) -> bytes | None:
        """Return the proved bytes, if the file still looks as it did then."""
        with self._lock:
            found = self._held.get(sha256)
            if found is None or found[0] != look:
                return None
            self._held.move_to_end(sha256)
            return found[1]

    def put(self, sha256: str, look: Look, data: bytes) -> None:
        """Keep proved bytes; an image larger than the whole cache is not kept."""
        with self._lock:
            self._drop(sha256)
            if len(data) > self._limit_bytes:
                return
            self._held[sha256] = (look, data)
            self._held_bytes += len(data)
            while self._held_bytes > self._limit_bytes:
                self._drop(next(iter(self._held)))

    def forget(self, sha256: str) -> None:
        with self._lock:
            self._drop(sha256)

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    def _drop(self, sha256: str) -> None:
        old = self._held.pop(sha256, None)
        if old is not None:
            self._held_bytes -= len(old[1])
