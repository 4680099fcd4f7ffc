"""Who a data folder is: an id and a name in a file of its own, written durably once."""

import json
import os
import re
import secrets
import socket
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from photohub.lib.files.blobs import sync_folder

FILE = "node.json"
_NAME_AT_MOST = 40
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class IdentityDamaged(Exception):
    """The file does not say who the folder is; the text says what to do."""


@dataclass(frozen=True)
class Identity:
    """A folder's id and name, and which copy of the folder this is."""

    uid: uuid.UUID
    name: str
    place: str


def read_or_make(folder: Path, name: str = "") -> Identity:
    """Return who this folder is; at its first start it gets an id, and this name or the machine's."""
    path = folder / FILE
    if not path.exists():
        _make(path, {"id": str(uuid.uuid4()), "name": clean_name(name or socket.gethostname())})
    try:
        known = json.loads(path.read_text("utf-8"))
        return Identity(uuid.UUID(known["id"]), clean_name(known["name"]), _place_of(path))
    except (ValueError, KeyError, TypeError) as error:
        raise IdentityDamaged(
            f"{path} does not say which machine this is. Restore it from a backup; without it the pictures in "
            "this folder are taken for those of another machine."
        ) from error


def clean_name(name: str) -> str:
    """Return what can be said, typed and kept of a name."""
    cleaned = re.sub(r"[^\w.-]+", "-", name.strip()).strip("-")[:_NAME_AT_MOST]
    return cleaned or "node"


def _place_of(path: Path) -> str:
    """Tell this file from a copy of it: a copy on this machine is another file, one elsewhere is on another machine."""
    status = path.stat()
    return f"{_machine()}/{status.st_dev:x}/{status.st_ino:x}"


def _machine() -> str:
    # One for each start of a kernel: containers share it, and machines that were cloned do not.
    with suppress(OSError):
        return _BOOT.read_text().strip()
    return f"{uuid.getnode():x}"


def _make(path: Path, known: dict[str, str]) -> None:
    # Written under another name and linked into place: processes that start together agree, and none reads it half.
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(known, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
    sync_folder(path.parent)
