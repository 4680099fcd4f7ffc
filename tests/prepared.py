"""A hub's data folder as `manage.py prepare` leaves it, and the tests' own database: made once for all processes of a run.

To migrate takes seconds. With several processes the run begins it at once, beside the collecting; else whoever asks first.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@cache
def begin() -> tuple[Path, subprocess.Popen]:
    """Let a process of its own make both, and return their folder."""
    made = Path(tempfile.mkdtemp(prefix="photohub-prepared-"))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    env = kept | {"PHOTOHUB_NO_BOOTSTRAP": "1", "PHOTOHUB_DATA": str(made / "data")}
    command = [sys.executable, "-m", "tests.making_prepared", str(made / "migrated.sqlite3")]
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    atexit.register(_remove, made, process)
    return made, process


def _remove(made: Path, process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    shutil.rmtree(made, ignore_errors=True)


def is_begun() -> bool:
    return begin.cache_info().currsize > 0


@cache
def folder() -> Path:
    """Wait until both are made, and return their folder. Raises RuntimeError with what went wrong."""
    made, process = begin()
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(f"Nothing could be prepared:\n{said}")
    return made


def data() -> Path:
    """Return the data folder of a hub that has not been started yet."""
    return folder() / "data"


def database() -> Path:
    """Return the database of the tests: migrated, and nothing more."""
    return folder() / "migrated.sqlite3"
