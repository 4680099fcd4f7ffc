"""`manage.py test`: the programs that the suite needs, then pytest with arguments that fit this suite.

manage.py loads this file by its path before there is any environment, so it imports the standard library alone.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import NoReturn

QUICK = "quick"
LONG = "long"
CONTAINERS = "containers"
# The inner loop: what starts no hub, stack, browser or compiler (tests/starting.py), and does not go through everything.
NOT_SLOW = "not slow and not thorough"
# One of the processes mostly waits, for a hub or a browser, or a disk.
WORKERS = 3
# In the quick part nobody asks whether bytes reach a disk.
IN_MEMORY = Path("/dev/shm")
IN_MEMORY_AT_LEAST = 1 << 30


def arguments_of(words: list[str]) -> list[str]:
    """Return pytest's arguments for those of the command, of which the first may be `quick`, `long` or `containers`."""
    if words[:1] == [LONG]:
        # Its repetitions take hours.
        return arguments_of(["--timeout=0", *words[1:]])
    if words[:1] == [CONTAINERS]:
        return arguments_of([LONG, "-n", "0", "tests/containers", *words[1:]])
    if words[:1] == [QUICK]:
        return arguments_of(["-m", NOT_SLOW, *words[1:]])
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-n", "--processes", type=int, default=WORKERS)
    options, rest = parser.parse_known_args(words)
    # pytest-xdist may be in the environment from an earlier version, and its threads must not be there at a fork.
    return ["-p", "no:xdist", f"--processes={options.processes}", *rest]


def has_room(folder: Path) -> bool:
    """Tell whether tests may put their files there."""
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= IN_MEMORY_AT_LEAST


def run(bootstrap: ModuleType, programs: ModuleType, root: Path, words: list[str]) -> NoReturn:
    """Become pytest."""
    os.chdir(root)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "photohub.settings", "PHOTOHUB_ENV": "test"}
    if words[:1] in ([LONG], [CONTAINERS]):
        os.environ["PHOTOHUB_FAULTS"] = LONG
    if words[:1] == [QUICK] and has_room(IN_MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))
    # Each of the processes would compile every test anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    programs.check(bootstrap, root, words, sys.stderr)
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments_of(words)])
