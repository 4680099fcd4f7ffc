"""Mirror into a folder: a second disk, a NAS, or a folder that another program synchronises."""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from photohub.lib.files.blobs import sync_folder
from photohub.lib.pages.sentences import said

from .probe import run_probe
from .stores import (
    MirrorError,
    ProbeStep,
    PutResult,
    clean_key,
    hash_source,
    key_taken,
    open_source,
)

FULL = {errno.ENOSPC, errno.EDQUOT}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class FolderStore:
    """Copy files into a folder that must already exist."""

    name = "file"

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def put(self, path: str | Path, key: str, content_type: str) -> PutResult:
        """Copy the file durably under the key; the same bytes again are a success, other bytes an error.

        The ETag is the SHA-256 of the bytes. The type is not kept: a folder has no place for it.
        """
        target = self._target(key)
        with open_source(path) as source, self._translated():
            digest = hashlib.sha256()
            size_bytes = hash_source(source, digest)
            if not target.exists():
                self._copy(source, target)
            with target.open("rb") as copy:
                stored = hashlib.sha256()
                hash_source(copy, stored)
        if stored.digest() != digest.digest():
            raise key_taken(key)
        return PutResult(digest.hexdigest(), None, size_bytes)

    def open(self, key: str) -> IO[bytes]:
        """Open the copy for reading."""
        target = self._target(key)
        with self._translated(absent=FileNotFoundError):
            return target.open("rb")

    def delete(self, key: str) -> None:
        """Delete the copy; deleting an absent one is a success."""
        target = self._target(key)
        with self._translated():
            target.unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        """Tell whether there is a copy."""
        target = self._target(key)
        with self._translated():
            return target.is_file()

    def head(self, key: str) -> PutResult | None:
        """Tell the copy's size; None when there is none. Its bytes are not read, so there is no ETag."""
        target = self._target(key)
        with self._translated():
            try:
                return PutResult("", None, target.stat().st_size)
            except FileNotFoundError:
                return None

    def public_url(self, key: str) -> str | None:
        """Answer None: a folder has no address."""
        return None

    def signed_url(self, key: str, expires_s: int) -> str | None:
        """Answer None: a folder has no address."""
        return None

    def probe(self) -> list[ProbeStep]:
        """Test the folder for real."""
        return run_probe(self)

    def _target(self, key: str) -> Path:
        # The folder is never created here. It is often the mount point of a disk, and a disk that is not
        # mounted must not be replaced silently by a folder that fills the system disk.
        if not self.folder.is_dir():
            sentence = said(
                "The mirror folder %(folder)s does not exist. Create it or mount the disk.",
                folder=self.folder,
            )
            raise MirrorError(sentence, "folder_missing", configuration=True)
        return self.folder / clean_key(key)

    def _copy(self, source: IO[bytes], target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            with part.open("xb") as copy:
                shutil.copyfileobj(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
            _move_without_overwriting(part, target)
        finally:
            part.unlink(missing_ok=True)
        # A new name is durable only when every folder on the way to it is synced.
        folder = target.parent
        sync_folder(folder)
        while folder != self.folder:
            folder = folder.parent
            sync_folder(folder)

    @contextmanager
    def _translated(self, absent: type[Exception] | tuple[()] = ()) -> Generator[None]:
        try:
            yield
        except absent:
            raise
        except OSError as error:
            raise self._explain(error) from error

    def _explain(self, error: OSError) -> MirrorError:
        if error.errno in FULL:
            return MirrorError(
                said("The disk of the mirror folder %(folder)s is full. Free space.", folder=self.folder),
                "disk_full",
            )
        if error.errno in FORBIDDEN:
            sentence = said(
                (
                    "PhotoHub has no permission to write to the mirror folder %(folder)s. Check its owner "
                    "and mount."
                ),
                folder=self.folder,
            )
            return MirrorError(sentence, "denied", configuration=True)
        sentence = said(
            "The mirror folder %(folder)s failed: %(why)s. Check the disk.",
            folder=self.folder,
            why=error.strerror,
        )
        return MirrorError(sentence, "disk")


def _move_without_overwriting(part: Path, target: Path) -> None:
    """Give the finished copy its name unless somebody else took it meanwhile."""
    try:
        with contextlib.suppress(FileExistsError):
            os.link(part, target)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}:
            raise
        # exFAT and some network disks have no hard links; there a rename after a look is the best there is.
        if not target.exists():
            part.rename(target)
