"""One PhotoHub per data folder: two would fight over one SQLite file."""

import fcntl
import os
from pathlib import Path

_held: list[int] = []


def claim(folder: Path) -> bool:
    """Hold the folder's lock until this process ends; False when another process holds it."""
    descriptor = os.open(folder / "hub.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True


def is_claimed(folder: Path) -> bool:
    """Tell whether a process holds the folder's lock, this one included."""
    try:
        descriptor = os.open(folder / "hub.lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
