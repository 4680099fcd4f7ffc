"""Making a backup while PhotoHub runs.

    <target>/manifest.jsonl              first line: the head; then one line for each file, its SHA-256 and size
    <target>/database-<time>.sqlite3     or .dump, from pg_dump
    <target>/secret_key
    <target>/node.json                   which machine of a hub of several it is of
    <target>/pictures/<device>/<day>/<id>.<ext>
    <target>/firmware/<sha256>

The database comes first, as it is at one instant; then the files that this snapshot names. Pictures and firmware
images never change, so every picture answered before that instant is in the backup. The manifest is put in place
last: a backup that was broken off is either the one before or none.
"""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from photohub import __version__
from photohub.lib.files import shared

MANIFEST = "manifest.jsonl"
# Rows of pictures name the machine that has their files: what comes back under another id would be another machine's.
NODE = "node.json"
FORM = 1
_NAMED = (
    "SELECT * FROM (SELECT 'pictures/' || c.path, c.sha256, c.size_bytes, o.local_freed_at, c.node"
    " FROM media_pipeline_capture c LEFT JOIN media_pipeline_ossobject o"
    " ON o.capture_id = c.id AND o.state = 'mirrored' ORDER BY c.id) AS pictures"
    " UNION ALL SELECT DISTINCT 'firmware/' || sha256, sha256, size_bytes, NULL, NULL FROM devices_firmware"
)
_NEVER_CHANGE = ("pictures/", "firmware/")


class CannotBackUp(Exception):
    """The backup ends here; the sentence says why and what to do."""


@dataclass
class Report:
    """What a backup holds. `freed` are in the mirror only, `elsewhere` on other machines of the hub; `missing` have no whole
    file here."""

    pictures: int = 0
    new: int = 0
    images: int = 0
    freed: int = 0
    elsewhere: int = 0
    images_elsewhere: int = 0
    missing: list[str] = field(default_factory=list)


class Target(Protocol):
    """Where a backup goes. `add` answers whether the file was new, and raises FileNotFoundError without one."""

    def add(self, source: Path, name: str, size_bytes: int) -> bool: ...
    def finish(self, manifest: Path) -> None: ...


class FolderTarget:
    """A folder, filled again each time by what is new."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._begun: set[str] = set()

    def add(self, source: Path, name: str, size_bytes: int) -> bool:
        target = self.folder / name
        never_changes = name.startswith(_NEVER_CHANGE)
        if not never_changes:
            self._begun.add(name)
        with suppress(FileNotFoundError):
            if never_changes and target.stat().st_size == size_bytes:
                return False
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        part.unlink(missing_ok=True)
        # A link costs nothing and is as good: no program changes a picture in place.
        if not (never_changes and _link(source, part)):
            shutil.copyfile(source, part)
            sync(part)
        part.chmod(0o600)
        os.replace(part, target)
        return True

    def finish(self, manifest: Path) -> None:
        self.add(manifest, MANIFEST, 0)
        sync(self.folder)
        for old in self.folder.glob("database-*"):
            if old.name not in self._begun:
                old.unlink()


class TarTarget:
    """One tar file, whole each time."""

    def __init__(self, path: Path) -> None:
        self.path, self.part = path, path.with_name(f".{path.name}.part")
        self.part.unlink(missing_ok=True)
        descriptor = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w|")

    def add(self, source: Path, name: str, size_bytes: int) -> bool:
        data = source.read_bytes() if name.startswith(_NEVER_CHANGE) else None
        info = self._tar.gettarinfo(str(source), name)
        info.mode, info.uid, info.gid, info.uname, info.gname = 0o600, 0, 0, "", ""
        # A hard link to a file of another name would be stored as a link.
        info.type, info.linkname = tarfile.REGTYPE, ""
        info.size = len(data) if data is not None else source.stat().st_size
        with io.BytesIO(data) if data is not None else source.open("rb") as file:
            self._tar.addfile(info, file)
        return True

    def finish(self, manifest: Path) -> None:
        self.add(manifest, MANIFEST, 0)
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self.part, self.path)


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def sync(path: Path) -> None:
    """Return when this file, or the names in this folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def back_up(
    target_path: Path, workspace: Path, holds: Callable[[int | None], bool] = lambda node: True
) -> Report:
    """Back up into a folder, or into a file whose name ends with .tar. `workspace` holds the snapshot meanwhile.

    `holds` tells of the node that a row names whether it is this machine.
    """
    for folder in (settings.PICTURES_DIR, settings.FIRMWARE_DIR):
        if target_path.resolve().is_relative_to(folder.resolve()):
            raise CannotBackUp(
                f"The target lies in the folder {folder}. Choose another place, best on another disk."
            )
    stamp = f"{timezone.now():%Y%m%d%H%M%S%f}"
    suffix = "sqlite3" if connection.vendor == "sqlite" else "dump"
    snapshot = workspace / f"database-{stamp}.{suffix}"
    with _snapshot(snapshot) as rows:
        target = TarTarget(target_path) if target_path.suffix == ".tar" else FolderTarget(target_path)
        return _fill(target, snapshot, rows, workspace, holds)


def _snapshot(snapshot: Path):
    return _sqlite_snapshot(snapshot) if connection.vendor == "sqlite" else _postgres_snapshot(snapshot)


class _sqlite_snapshot:
    """Copy the database with SQLite's own backup, and read the rows from the copy."""

    def __init__(self, snapshot: Path) -> None:
        self.snapshot = snapshot

    def __enter__(self) -> Iterator[tuple]:
        with closing(sqlite3.connect(str(connection.settings_dict["NAME"]), timeout=30)) as live:
            live.execute("VACUUM INTO ?", (str(self.snapshot),))
        self.snapshot.chmod(0o600)
        self._database = sqlite3.connect(self.snapshot)
        return self._database.execute(_NAMED)

    def __exit__(self, *error) -> None:
        self._database.close()


class _postgres_snapshot:
    """Dump the database with pg_dump and read the rows, both in one transaction's view."""

    def __init__(self, snapshot: Path) -> None:
        self.snapshot = snapshot

    def __enter__(self) -> Iterator[tuple]:
        program = shutil.which("pg_dump")
        if program is None:
            raise CannotBackUp(
                "pg_dump is not installed. Install PostgreSQL's client programs, then try again."
            )
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT pg_export_snapshot()")
            name = cursor.fetchone()[0]
        command = [program, "--format=custom", f"--snapshot={name}", f"--file={self.snapshot}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=server_variables())
        if done.returncode:
            self._transaction.__exit__(None, None, None)
            raise CannotBackUp(f"pg_dump failed: {done.stderr.strip()[-300:]}")
        self.snapshot.chmod(0o600)
        self._cursor = connection.chunked_cursor()
        self._cursor.execute(_NAMED)
        return iter(self._cursor)

    def __exit__(self, *error) -> None:
        self._cursor.close()
        self._transaction.__exit__(*error)


def server_variables() -> dict[str, str]:
    """Return what tells PostgreSQL's programs the server; as arguments everybody could read the password."""
    facts = connection.settings_dict
    given = {f"PG{name}": str(facts[name]) for name in ("HOST", "PORT", "USER", "PASSWORD")}
    given |= {
        "PGDATABASE": facts["NAME"],
        "PGSSLMODE": facts["OPTIONS"].get("sslmode", ""),
        "PATH": os.defpath,
    }
    return {name: value for name, value in given.items() if value}


def _note_missing(report: Report, path: str, freed_at: object) -> None:
    if freed_at:
        report.freed += 1
    elif path.startswith("firmware/") and shared.is_on():
        report.images_elsewhere += 1
    else:
        report.missing.append(path)


def _fill(
    target: Target,
    snapshot: Path,
    rows: Iterator[tuple],
    workspace: Path,
    holds: Callable[[int | None], bool],
) -> Report:
    report, secret, manifest = Report(), workspace / "secret_key", workspace / MANIFEST
    secret.touch(0o600)
    secret.write_text(settings.SECRET_KEY)
    with manifest.open("w") as lines:
        head = {
            "form": FORM,
            "version": __version__,
            "made_at": timezone.now().isoformat(),
            "database": snapshot.name,
        }
        lines.write(json.dumps(head) + "\n")
        for file in (snapshot, secret):
            target.add(file, file.name, 0)
            lines.write(_line(file.name, _sha256(file), file.stat().st_size))
        if (node_file := settings.PHOTOHUB_DATA / NODE).is_file():
            target.add(node_file, NODE, 0)
            lines.write(_line(NODE, _sha256(node_file), node_file.stat().st_size))
        for path, sha256, size_bytes, freed_at, node in rows:
            is_picture = path.startswith("pictures/")
            if is_picture and not holds(node):
                report.elsewhere += 1
                continue
            try:
                report.new += target.add(_source_of(path), path, size_bytes) and is_picture
            except FileNotFoundError:
                _note_missing(report, path, freed_at)
                continue
            report.pictures += is_picture
            report.images += not is_picture
            lines.write(_line(path, sha256, size_bytes))
    target.finish(manifest)
    return report


def _source_of(name: str) -> Path:
    folder, _, rest = name.partition("/")
    return {"pictures": settings.PICTURES_DIR, "firmware": settings.FIRMWARE_DIR}[folder] / rest


def _line(name: str, sha256: str, size_bytes: int) -> str:
    return json.dumps({"path": name, "sha256": sha256, "size_bytes": size_bytes}) + "\n"


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
