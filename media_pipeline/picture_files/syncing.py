"""Making files survive a power cut, with as few waits for the disk as the file system allows.

A sync costs the same few milliseconds for one file as for many, because each is one commit of the file system's
journal. So where `syncfs(2)` reports errors (Linux 5.8) and the file system is a journalling one on a local disk,
files are written and renamed, and one sync makes all of them, their names and their folders durable together.
Elsewhere each file is synced, then renamed, then each folder is synced.

`syncfs` reports the errors since its descriptor was opened. So the descriptor is opened before the files are written
(`watch`): what the system tried to write early, and failed, is heard of too. A file that was begun before that, such as
a large body that was spilled while it arrived, is synced by its own descriptor first. A file that had to be copied to
another file system is synced there by itself (`photohub.lib.files.moving`).
"""

import ctypes
import os
import platform
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from photohub.lib import failpoints
from photohub.lib.files.blobs import sync_folder
from photohub.lib.files.moving import move

_LOCAL_JOURNALS = {0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs", 0xF2F52010: "f2fs"}
_SLOW_S = 0.5
_AVOID_S = 30.0

# Descriptor, where the file is, and where it shall be.
Move = tuple[int, Path, Path]

_libc = ctypes.CDLL(None, use_errno=True)
_avoid_until = 0.0
_supported: dict[int, bool] = {}


@contextmanager
def watch(folder: Path) -> Generator[int | None]:
    """Open what one sync of this folder's file system needs; None where each file is to be synced by itself.

    Everything that `move_all` gets with it is to be written inside, or to be named in `begun_before`.
    """
    if not _can_sync_at_once(folder):
        yield None
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def move_all(
    moves: list[Move], moved: Callable[[Path], None], watching: int | None, begun_before: Sequence[int] = ()
) -> None:
    """Rename written files to their places and make them durable.

    `watching` comes from `watch`; `begun_before` are the descriptors of files that were begun before it. `moved` is told
    of each file that stands at its place, so that the caller can take it back. Raises OSError.
    """
    if watching is not None:
        for descriptor in begun_before:
            os.fsync(descriptor)
        _rename_all(moves, moved)
        _sync_file_system(watching)
    else:
        for descriptor, _, _ in moves:
            os.fsync(descriptor)
        failpoints.hit("ingest.synced")
        _rename_all(moves, moved)
        for folder in dict.fromkeys(target.parent for _, _, target in moves):
            sync_folder(folder)
    failpoints.hit("ingest.folder_synced")


def _rename_all(moves: list[Move], moved: Callable[[Path], None]) -> None:
    for _, source, target in moves:
        move(source, target)
        moved(target)
    failpoints.hit("ingest.renamed")


def _sync_file_system(descriptor: int) -> None:
    # Somebody else's large copy on the same disk would be waited for as well: then each file for itself is faster.
    global _avoid_until
    begun = time.monotonic()
    failpoints.hit("ingest.synced")
    if _libc.syncfs(descriptor) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if time.monotonic() - begun > _SLOW_S:
        _avoid_until = time.monotonic() + _AVOID_S


def _can_sync_at_once(folder: Path) -> bool:
    if time.monotonic() < _avoid_until:
        return False
    device = os.stat(folder).st_dev
    if device not in _supported:
        _supported[device] = _kernel_reports_errors() and _file_system_of(folder) in _LOCAL_JOURNALS
    return _supported[device]


def _kernel_reports_errors() -> bool:
    numbers = platform.release().split(".")[:2]
    try:
        return platform.system() == "Linux" and tuple(int(n) for n in numbers) >= (5, 8)
    except ValueError:
        return False


class _Statfs(ctypes.Structure):
    """The beginning of `struct statfs` (statfs(2)): its first word is the file system's type."""

    _fields_ = [("f_type", ctypes.c_long), ("rest", ctypes.c_byte * 256)]


def _file_system_of(folder: Path) -> int:
    facts = _Statfs()
    if _libc.statfs(os.fsencode(folder), ctypes.byref(facts)) != 0:
        return 0
    return facts.f_type & 0xFFFFFFFF
