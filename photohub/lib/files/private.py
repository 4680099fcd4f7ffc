"""What PhotoHub writes is for its own account alone: folders 0700, files 0600.

The pictures, the database with its sessions, and the secrets lie in the data folder. Closed at its top it protects
whatever an older PhotoHub left open inside, so nothing deeper has to be walked.
"""

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

_FOLDERS = {
    "firmware",
    "incoming",
    "lost",
    "outbox",
    "pictures",
    "static",
    "thumbnails",
    "timelapses",
    "uploads",
}
_FILES = re.compile(r"secret_key|node\.json|hub\.lock|photohub(\.sqlite3|-before-).*|celerybeat-schedule.*")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def begin() -> None:
    """Let everything that this process makes from now on be its own account's alone."""
    os.umask(_OTHERS)


def close(folder: Path) -> None:
    """Close the data folder and what lies directly in it, as far as this account may.

    A folder in which other things lie too, such as /srv, is left as it is: only PhotoHub's own entries are closed.
    """
    ours = True
    for entry in list(os.scandir(folder)):
        if entry.name in _FOLDERS or _FILES.fullmatch(entry.name):
            _close(Path(entry.path))
        elif entry.name != "lost+found" and not entry.name.startswith("."):
            ours = False
    if ours:
        _close(folder)


def _close(path: Path) -> None:
    # Another process may have removed it meanwhile, or it belongs to somebody else: `open_entries` tells.
    with suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _OTHERS:
            path.chmod(mode & ~_OTHERS)


def open_entries(folder: Path) -> list[Path]:
    """Return what other accounts of the machine can reach of the data folder."""
    if not _is_open(folder):
        return []
    entries = [Path(entry.path) for entry in os.scandir(folder)]
    return [
        path
        for path in sorted(entries)
        if (path.name in _FOLDERS or _FILES.fullmatch(path.name)) and _is_open(path)
    ]


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & _OTHERS)
    except OSError:
        return False
