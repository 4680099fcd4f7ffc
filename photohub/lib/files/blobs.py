"""Files kept under the SHA-256 of their bytes: written once, durable, never changed.

The name says what the bytes must be, so the same bytes are kept once and a damaged file cannot pass for a whole one.
"""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{64}")


class BlobMissing(Exception):
    """No such file, or its bytes are not those of its name."""


def path_of(folder: Path, sha256: str) -> Path:
    """Return where the bytes with this hash lie. Raises BlobMissing for what is no hash."""
    if not _NAME.fullmatch(sha256):
        raise BlobMissing(sha256)
    return folder / sha256[:2] / sha256


def put(folder: Path, data: bytes) -> str:
    """Keep these bytes durably and return their hash. Raises OSError.

    Bytes that are kept already get a new time of change, so that nobody takes them for forgotten ones.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    target = path_of(folder, sha256)
    if touch(folder, sha256):
        return sha256
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"in-{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
    return sha256


def touch(folder: Path, sha256: str) -> bool:
    """Give the bytes with this hash a new time of change; False when they are not there."""
    try:
        os.utime(path_of(folder, sha256))
    except FileNotFoundError:
        return False
    return True


def read(folder: Path, sha256: str) -> bytes:
    """Return the bytes with this hash, checked. Raises BlobMissing."""
    try:
        data = path_of(folder, sha256).read_bytes()
    except OSError as error:
        raise BlobMissing(sha256) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BlobMissing(sha256)
    return data


def older_than(folder: Path, age_s: float) -> Iterator[str]:
    """Yield the hashes that nobody put lately, and delete unfinished files on the way."""
    before = time.time() - age_s
    for path in folder.glob("??/*"):
        try:
            if path.stat().st_mtime >= before:
                continue
        except FileNotFoundError:
            continue
        if _NAME.fullmatch(path.name):
            yield path.name
        elif path.name.startswith("in-"):
            path.unlink(missing_ok=True)


def remove(folder: Path, sha256: str) -> None:
    """Delete the bytes with this hash, if they are there."""
    path_of(folder, sha256).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Return when the names in this folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
