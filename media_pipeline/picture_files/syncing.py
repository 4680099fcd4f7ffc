"""Making files survive a power cut, with as few waits for the disk as the file system allows.

Where a journalling file system lies on a local disk and `syncfs(2)` reports errors (Linux 5.8), files are written and
renamed first, and there are two ways to make all of them, their names and their folders durable together:

    whole   one `syncfs`: a single wait, however many files, but also for whatever else is to be written on that disk
    each    the system is told to begin writing all of them, then each file and each folder is synced: the first wait
            commits the journal for all, the others are short

Which is quicker depends on how many files there are and who else uses the disk, so both are timed, and the one that was
quicker lately for about as many files is taken (`_Paces`): also for a lone file, whose folder is another wait.
Elsewhere each file is synced, then renamed, then each folder is synced.

`syncfs` reports the errors since its descriptor was opened. So the descriptor is opened before the files are written
(`watch`): what the system tried to write early, and failed, is heard of too. A file that was begun before that, such as
a large body that was spilled while it arrived, is synced by its own descriptor first. A file that had to be copied to
another file system is synced there by itself (`photohub.lib.files.moving`).
"""

import ctypes
import math
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
_SYNC_FILE_RANGE_WRITE = 2
# How long ago a way may have been timed, and how many times what it took: a slow one is tried again as rarely as not to
# be felt.
_TIMED_FOR_S, _TIMED_FOR_TIMES = 5.0, 60.0
_NEW_SHARE = 0.3

# Descriptor, where the file is, and where it shall be.
Move = tuple[int, Path, Path]
# A folder and its descriptor.
Watch = tuple[Path, int]

_libc = ctypes.CDLL(None, use_errno=True)
_supported: dict[int, bool] = {}


class _Paces:
    """What each way took lately, for about as many files: one, 2 or 3, 4 to 7, 8 to 15 …"""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, float]] = {}

    def choose(self, files: int) -> str:
        """Return "whole" or "each": the quicker one, or the one of which nothing is known any more."""
        times: dict[str, float] = {}
        for way in ("whole", "each"):
            took_s, at_s = self._known.get((way, files.bit_length()), (0.0, -math.inf))
            if time.monotonic() - at_s > max(_TIMED_FOR_S, _TIMED_FOR_TIMES * took_s):
                return way
            times[way] = took_s
        return min(times, key=times.__getitem__)

    def note(self, way: str, files: int, took_s: float) -> None:
        """Remember what a way took."""
        now_s = time.monotonic()
        before_s, at_s = self._known.get((way, files.bit_length()), (took_s, now_s))
        if now_s - at_s <= _TIMED_FOR_S:
            took_s = before_s + _NEW_SHARE * (took_s - before_s)
        self._known[way, files.bit_length()] = took_s, now_s


_paces = _Paces()


@contextmanager
def watch(folder: Path) -> Generator[Watch | None]:
    """Open what one sync of this folder's file system needs; None where each file is to be synced by itself.

    Everything that `move_all` gets with it is to be written inside, or to be named in `begun_before`.
    """
    if not _can_sync_at_once(folder):
        yield None
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield folder, descriptor
    finally:
        os.close(descriptor)


def move_all(
    moves: list[Move], moved: Callable[[Path], None], watching: Watch | None, begun_before: Sequence[int] = ()
) -> None:
    """Rename written files to their places and make them durable.

    `watching` comes from `watch`; `begun_before` are the descriptors of files that were begun before it. `moved` is told
    of each file that stands at its place, so that the caller can take it back. Raises OSError.
    """
    if watching is not None:
        for descriptor in begun_before:
            os.fsync(descriptor)
        _rename_all(moves, moved)
        _make_durable(moves, watching)
    else:
        for descriptor, _, _ in moves:
            os.fsync(descriptor)
        failpoints.hit("ingest.synced")
        _rename_all(moves, moved)
        _sync_folders(moves)
    failpoints.hit("ingest.folder_synced")


def _rename_all(moves: list[Move], moved: Callable[[Path], None]) -> None:
    for _, source, target in moves:
        move(source, target)
        moved(target)
    failpoints.hit("ingest.renamed")


def _make_durable(moves: list[Move], watching: Watch) -> None:
    way, begun_s = _paces.choose(len(moves)), time.monotonic()
    failpoints.hit("ingest.synced")
    if way == "whole":
        _sync_file_system(watching[1])
    else:
        if len(moves) > 1:
            _begin_writing(moves)
        for descriptor, _, _ in moves:
            os.fsync(descriptor)
        _sync_folders(moves, watching)
    _paces.note(way, len(moves), time.monotonic() - begun_s)


def _begin_writing(moves: list[Move]) -> None:
    # Only a hint: what it could not begin, the sync does, and tells of its errors.
    for descriptor, _, _ in moves:
        _libc.sync_file_range(descriptor, ctypes.c_int64(0), ctypes.c_int64(0), _SYNC_FILE_RANGE_WRITE)


def _sync_folders(moves: list[Move], watching: Watch | None = None) -> None:
    for folder in dict.fromkeys(target.parent for _, _, target in moves):
        if watching is not None and folder == watching[0]:
            os.fsync(watching[1])
        else:
            sync_folder(folder)


def _sync_file_system(descriptor: int) -> None:
    if _libc.syncfs(descriptor) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _can_sync_at_once(folder: Path) -> bool:
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
