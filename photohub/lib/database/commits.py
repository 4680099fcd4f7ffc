"""Whether anything was committed since a loop last looked at the rows, so that it need not look for nothing.

SQLite tells it for the price of reading a number, also of what other processes commit. PostgreSQL has no such number: there
every loop looks at its own pace.
"""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import connection

from photohub.lib.clock import wait_at_most

P = ParamSpec("P")
R = TypeVar("R")

# What nobody announced, and no commit came with, as when an hour is over, is found that late.
LOOK_AT_LEAST_EVERY_S = 60.0

_lock = threading.Lock()
_watching: tuple[int, str, sqlite3.Connection] | None = None


def count_commits() -> int | None:
    """Return a number that is another one after each commit, whoever made it; None where the database has none.

    Of a commit under way it is the old one. Costs some 10 µs, and waits for nobody: it may be asked in the event loop.
    """
    if connection.vendor != "sqlite":
        return None
    try:
        with _lock:
            return (
                _watcher(str(connection.settings_dict["NAME"])).execute("PRAGMA data_version").fetchone()[0]
            )
    except sqlite3.Error:
        return None


def _watcher(name: str) -> sqlite3.Connection:
    """Return a connection that writes nothing and stays open: only to others' commits SQLite gives a new number."""
    global _watching
    if _watching is None or _watching[:2] != (os.getpid(), name):
        # Without the file there is nothing to watch, and none is made. A parent's connection is left to the parent.
        made = sqlite3.connect(
            f"file:{name}?mode=rw", uri=True, timeout=0, check_same_thread=False, isolation_level=None
        )
        _watching = (os.getpid(), name, made)
    return _watching[2]


class Looks:
    """When a loop has to look: after a commit, at its own pace while `waits` finds what time alone makes due, and
    once a minute all the same."""

    def __init__(self, waits: Callable[[], bool] | None = None) -> None:
        self._waits = waits
        self._seen: int | None = None
        self._looked_s = float("-inf")
        self._waiting = True

    def is_due(self) -> bool:
        """Tell whether the rows may show something new. Asks no row."""
        if self._waiting or time.monotonic() - self._looked_s >= LOOK_AT_LEAST_EVERY_S:
            return True
        count = count_commits()
        return count is None or count != self._seen

    def look(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do the work, and note what it has seen. After one that fails the next look is due."""
        self._waiting = True
        # Before the work: what is committed meanwhile may not have been seen.
        seen, looked_s = count_commits(), time.monotonic()
        result = work(*args, **kwargs)
        waiting = self._waits() if self._waits is not None and seen is not None else False
        self._seen, self._looked_s, self._waiting = seen, looked_s, waiting
        return result

    async def wait(self, wake: asyncio.Event, every_s: float) -> None:
        """Wait until somebody wakes the loop, or its pace and the rows say that it is to look again."""
        while True:
            await wait_at_most(wake, every_s)
            if wake.is_set() or self.is_due():
                return
