"""Picture files: received into `incoming`, then moved to their lasting place in a way that survives a power cut."""

import errno
import hashlib
import mmap
import os
import secrets
import shutil
import threading
import time
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from uuid import UUID

from django.conf import settings

from photohub.lib import failpoints

from . import syncing
from .refusals import Refused

IN_MEMORY_BYTES = 512 * 1024
ALL_IN_MEMORY_BYTES = 48 * 2**20
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FREE_CHECK_S = 1.0
_DURABLE_AT_MOST = 10_000


class _Held:
    """How many bytes of bodies lie in memory, of all that arrive and wait in this process."""

    def __init__(self) -> None:
        self.bytes = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> int:
        """Count more, or less; return how many there are now."""
        with self._lock:
            self.bytes += count
            return self.bytes


held = _Held()


class Spool:
    """A body while it arrives: hashed as it comes, in memory while small, in `incoming` beyond that.

    While many arrive at once, the small ones go to `incoming` too, so that all together have a bound.
    """

    def __init__(self) -> None:
        self.size_bytes = 0
        self._sha256 = hashlib.sha256()
        # One buffer, since a body may come byte by byte, and each piece of its own takes fifty.
        self._buffer: bytearray | bytes = bytearray()
        self._path: Path | None = None
        self._file: int | None = None
        self.spilled = False
        self._handed_out = False

    def write(self, chunk: bytes) -> None:
        """Take one more piece. Raises OSError when the disk refuses it."""
        self.size_bytes += len(chunk)
        self._sha256.update(chunk)
        if self.spilled:
            _write_all(self._opened(), chunk)
            return
        if isinstance(self._buffer, bytes):
            self._buffer = bytearray(self._buffer)
        self._buffer += chunk
        self._bound(len(chunk))

    def take(self, whole: bytearray) -> None:
        """Take the whole body at once, and the buffer that it is in with it. Raises OSError when the disk refuses it."""
        if self.size_bytes:
            raise RuntimeError("The body has begun already.")
        self.size_bytes = len(whole)
        self._sha256.update(whole)
        self._buffer = whole
        self._bound(len(whole))

    def _bound(self, added_bytes: int) -> None:
        """Keep what lies in memory within its bounds, now that so many bytes came."""
        if held.add(added_bytes) > ALL_IN_MEMORY_BYTES or self.size_bytes > IN_MEMORY_BYTES:
            self._into_file()
            self.spilled = True
            self._empty()

    def __del__(self) -> None:
        self._empty()
        if self._file is not None:
            os.close(self._file)

    def _empty(self) -> None:
        held.add(-len(self._buffer))
        self._buffer = b""

    @cached_property
    def sha256(self) -> str:
        """The hash of the whole body, in hex. Ask only when the body is whole."""
        return self._sha256.hexdigest()

    def md5(self) -> bytes:
        """Return the MD5 of the whole body."""
        return hashlib.md5(self.view(), usedforsecurity=False).digest()

    def view(self) -> bytes | mmap.mmap:
        """Return the whole body to read; a mapping of the file when it is large."""
        if self.spilled:
            return mmap.mmap(self._opened(), 0, access=mmap.ACCESS_READ)
        if isinstance(self._buffer, bytearray):
            self._buffer = bytes(self._buffer)
        return self._buffer

    def to_file(self) -> tuple[int, Path]:
        """Put the body into a file of `incoming`, not yet synced; returns its descriptor and path.

        Asked again, as when a sync failed or the moved file was taken back, it writes a new file: after one failed
        sync the system calls the old one's pages clean, and the next sync would succeed without them.
        """
        if not self.spilled or self._handed_out:
            self._into_file()
        self._handed_out = True
        failpoints.hit("ingest.written")
        if self._path is None:
            raise RuntimeError("The body's file was moved already.")
        return self._opened(), self._path

    def _opened(self) -> int:
        if self._file is None:
            raise RuntimeError("The body is in no file.")
        return self._file

    def _into_file(self) -> None:
        body = self.view()
        path, file = _new_file()
        try:
            _write_all(file, body)
        except OSError:
            # The file before stays the body: half a new one would be read as the whole at the next try.
            os.close(file)
            remove([path])
            raise
        self._let_go()
        self._path, self._file = path, file

    def _let_go(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._path is not None:
            remove([self._path])
            self._path = None

    def note_moved(self) -> None:
        """The file stands at its lasting place: it is no longer ours to delete."""
        self._path = None

    def discard(self) -> None:
        """Forget the body; its temporary file goes, unless it was moved to its lasting place."""
        self._empty()
        self._let_go()


def _new_file() -> tuple[Path, int]:
    path = settings.INCOMING_DIR / f"in-{secrets.token_hex(12)}"
    return path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _write_all(file: int, data: bytes | mmap.mmap) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def picture_path(capture_id: UUID, device_code: str, day: datetime, extension: str) -> str:
    """Return where a picture lies, relative to PICTURES_DIR: `<device>/<YYYY-MM-DD>/<id>.<ext>`."""
    return f"{device_code}/{day:%Y-%m-%d}/{capture_id}.{extension}"


def full_path(relative: str) -> Path:
    return settings.PICTURES_DIR / relative


def thumbnail_path(capture_id: UUID) -> Path:
    return settings.THUMBNAILS_DIR / capture_id.hex[-2:] / f"{capture_id}.webp"


def place(spools: dict[str, Spool]) -> None:
    """Move bodies to their lasting places, durably, with one wait for the disk where the file system allows it.

    `spools` maps the relative path to the body. Raises Refused("disk_full"), or "busy"; then nothing was left behind.
    """
    placed: list[Path] = []
    try:
        targets = {full_path(relative): spool for relative, spool in spools.items()}
        for folder in dict.fromkeys(target.parent for target in targets):
            _make_folder(folder)
        if targets:
            _write_and_move(targets, placed)
    except OSError as error:
        remove(placed)
        raise refusal_of(error) from error


def _write_and_move(targets: dict[Path, Spool], placed: list[Path]) -> None:
    with syncing.watch(next(iter(targets)).parent) as watching:
        moves = [(*spool.to_file(), target) for target, spool in targets.items()]
        spilled = [move[0] for move, spool in zip(moves, targets.values(), strict=True) if spool.spilled]
        syncing.move_all(moves, placed.append, watching, spilled)
    for spool in targets.values():
        spool.note_moved()


def refusal_of(error: OSError) -> Exception:
    """Return the refusal for a full disk, else a refusal that asks the device to come again."""
    if error.errno in _FULL:
        return Refused("disk_full", "The hub's disk is full; free some space and send again.", 60)
    return Refused("busy", "The hub could not write the picture; send it again.", 5)


def remove(paths: list[Path]) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            path.unlink()


# Folders whose own names are known to be on the disk. One that merely stands there may be new: made by another
# thread that is about to sync it, or by one that was killed or refused before it had.
_durable: set[Path] = set()


def _make_folder(folder: Path) -> None:
    if folder in _durable and folder.is_dir():
        return
    if not settings.PICTURES_DIR.is_dir():
        raise OSError(errno.ENOENT, "the picture folder is missing")
    for part in (folder.parent, folder):
        part.mkdir(exist_ok=True)
        syncing.sync_folder(part.parent)
    if len(_durable) > _DURABLE_AT_MOST:
        _durable.clear()
    _durable.add(folder)


_free: tuple[float, int] = (-_FREE_CHECK_S, 0)


def free_bytes() -> int:
    """Return the free space where a picture has to go through or lie; asked at most once a second."""
    global _free
    now = time.monotonic()
    if now - _free[0] >= _FREE_CHECK_S:
        # Each may be on a disk of its own.
        folders = (settings.PICTURES_DIR, settings.INCOMING_DIR, settings.PHOTOHUB_DATA)
        disks = {folder.stat().st_dev: folder for folder in folders if folder.is_dir()}
        _free = (now, min(shutil.disk_usage(folder).free for folder in disks.values()))
    return _free[1]


def make_folders() -> None:
    """Make the folders of a new data folder. Called at start, never later: a missing one then means a lost disk."""
    folders = (
        settings.PICTURES_DIR,
        settings.INCOMING_DIR,
        settings.THUMBNAILS_DIR,
        settings.TIME_LAPSES_DIR,
        settings.FIRMWARE_DIR,
    )
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)


def drop_stale_incoming(older_than_s: float = 3600) -> int:
    """Delete temporary files that nobody finished."""
    dropped = 0
    for path in settings.INCOMING_DIR.glob("in-*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > older_than_s:
                path.unlink()
                dropped += 1
    return dropped
