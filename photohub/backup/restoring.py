"""Bringing a backup back into an empty data folder, proving every file by its SHA-256."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from django.db import connection

from photohub.backup.backing_up import FORM, MANIFEST, server_variables, sync
from photohub.lib.files import one_instance, private

_OF_NO_ACCOUNT = {"hub.lock", "node.json", "secret_key", "static", "celerybeat-schedule"}


class CannotRestore(Exception):
    """Nothing was restored; the sentence says why and what to do."""


@dataclass
class Restored:
    """What came back; `damaged` files are missing in the backup or have other bytes, and were left out."""

    made_at: str
    version: str
    pictures: int = 0
    damaged: list[str] = field(default_factory=list)


def restore(source: Path, data: Path, *, files_only: bool = False) -> Restored:
    """Restore a backup folder or tar into this data folder. Raises CannotRestore; no database was changed then.

    `files_only`: of one machine whose hub, and its database, live on.
    """
    data.mkdir(parents=True, exist_ok=True)
    private.close(data)
    if not one_instance.claim(data):
        raise CannotRestore(f"A PhotoHub is running on {data}. Stop it first.")
    if taken := _taken(data):
        raise CannotRestore(f"The folder {data} is not empty: it has {taken}. Restore into an empty one.")
    with (
        tempfile.TemporaryDirectory(prefix="restoring-", dir=data) as folder,
        _opened(source, Path(folder)) as backup,
    ):
        return _restore(backup, data, files_only)


def _taken(data: Path) -> str:
    """Return a file of the data folder that a restore would mix with, if any."""
    for folder, _folders, files in os.walk(data):
        for name in files:
            relative = Path(folder, name).relative_to(data)
            if relative.parts[0] not in _OF_NO_ACCOUNT:
                return str(relative)
    return ""


@contextmanager
def _opened(source: Path, workspace: Path) -> Generator[Path]:
    """Yield the backup as a folder."""
    if source.is_dir():
        yield source
        return
    try:
        with tarfile.open(source) as tar:
            # The filter refuses names that lead out of the folder, and anything but plain files.
            tar.extractall(workspace, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise CannotRestore(f"{source} is no backup that can be read: {error}") from error
    yield workspace


def _restore(backup: Path, data: Path, files_only: bool) -> Restored:
    try:
        with (backup / MANIFEST).open() as lines:
            head = json.loads(next(lines))
            files = [json.loads(next(lines)), json.loads(next(lines))]
            if head["form"] != FORM:
                raise CannotRestore("The backup was made by a newer PhotoHub. Restore it with that version.")
            for file in files:
                if not _is_whole(backup, file):
                    raise CannotRestore(f"{file['path']} in the backup is damaged. Use another backup.")
            restored = Restored(head["made_at"], head["version"])
            for line in lines:
                _restore_file(backup, data, json.loads(line), restored)
    except (FileNotFoundError, StopIteration, ValueError, KeyError) as error:
        raise CannotRestore(
            f"{backup} holds no finished backup: its {MANIFEST} is missing or damaged."
        ) from error
    _copy(backup / "secret_key", data / "secret_key")
    if files_only:
        return restored
    # The database last: only with it a start sees a hub in this folder.
    _restore_database(backup / head["database"], data)
    return restored


def _is_whole(backup: Path, file: dict) -> bool:
    parts = PurePosixPath(file["path"]).parts
    if not parts or ".." in parts or parts[0] == "/":
        return False
    path = backup / file["path"]
    if not path.is_file() or path.stat().st_size != file["size_bytes"]:
        return False
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == file["sha256"]


def _restore_file(backup: Path, data: Path, file: dict, restored: Restored) -> None:
    if not _is_whole(backup, file):
        restored.damaged.append(file["path"])
        return
    _copy(backup / file["path"], data / file["path"])
    restored.pictures += file["path"].startswith("pictures/")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o600)
    sync(target)


def _restore_database(dump: Path, data: Path) -> None:
    if dump.suffix == ".sqlite3":
        _copy(dump, data / "photohub.sqlite3")
        return
    program = shutil.which("pg_restore")
    if connection.vendor != "postgresql" or program is None:
        raise CannotRestore(
            "The backup is of PostgreSQL: set DATABASE_URL to an empty database and install pg_restore."
        )
    if "devices_device" in connection.introspection.table_names():
        raise CannotRestore(
            "The database of DATABASE_URL is not empty. Name an empty one. With --files only the folder of one "
            "machine is brought back, of a hub that lives on."
        )
    command = [
        program,
        "--no-owner",
        "--exit-on-error",
        f"--dbname={connection.settings_dict['NAME']}",
        str(dump),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=server_variables())
    if done.returncode:
        raise CannotRestore(f"pg_restore failed: {done.stderr.strip()[-300:]}")
