"""Where the interpreter keeps what it compiled, when it may not lay it beside the sources.

Without bytecode every start compiles some 1,400 modules, which takes several times as long as all the rest of it. That is so
where PYTHONDONTWRITEBYTECODE is set or the program belongs to another user, and nobody compiled it before. manage.py loads this
file by its path before Django, so it imports nothing but the standard library.
"""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_FLAGS, _MTIME, _SIZE = slice(4, 8), slice(8, 12), slice(12, 16)


def keep(root: Path) -> None:
    """Keep bytecode in this user's cache from now on, if there would be none else."""
    if sys.pycache_prefix is not None or is_there(probes(root)):
        return
    if not sys.dont_write_bytecode and all(os.access(source.parent, os.W_OK) for source in probes(root)):
        # Python keeps it beside the sources.
        return
    folder = cache_folder() / "photohub" / "bytecode"
    # Code is run from there: nobody else may write it.
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(folder, os.W_OK) and folder.stat().st_uid == os.geteuid():
            sys.pycache_prefix, sys.dont_write_bytecode = str(folder), False


def probes(root: Path) -> list[Path]:
    """Return a source of ours and one of a library: what is so with them is taken to be so with all."""
    found = importlib.util.find_spec("django")
    library = [Path(found.origin)] if found is not None and found.origin else []
    return [root / "photohub" / "settings.py", *library]


def is_there(sources: Iterable[Path]) -> bool:
    """Tell whether these have bytecode of just this state of theirs."""
    for source in sources:
        try:
            head, status = (
                Path(importlib.util.cache_from_source(str(source))).read_bytes()[:16],
                source.stat(),
            )
        except OSError:
            return False
        if any(head[_FLAGS]):
            # Known by a hash, as distributions make it.
            continue
        stamp = int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF
        if stamp != tuple(int.from_bytes(head[part], "little") for part in (_MTIME, _SIZE)):
            return False
    return True


def cache_folder() -> Path:
    """Return where this user's programs keep what they can make again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
