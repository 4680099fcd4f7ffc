"""Moving a file to its lasting place, also where folders of the hub are mounted from different disks."""

import errno
import os
import shutil
from pathlib import Path

from photohub.lib.files.blobs import sync_folder


def move(source: Path, target: Path) -> bool:
    """Give the file its new place at once and whole. Returns whether it was copied, and then it is durable already.

    Across file systems nothing can be renamed. There the bytes are copied beside the target, synced, and renamed inside
    its folder, so that nobody ever sees half a file. Raises OSError; then the source is as it was.
    """
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    else:
        return False
    # Named after the target, so that whoever looks for left-over files knows whose it was.
    part = target.with_name(f"{target.stem}.part")
    try:
        with source.open("rb") as original, part.open("wb") as copy:
            shutil.copyfileobj(original, copy, 1024 * 1024)
            copy.flush()
            os.fsync(copy.fileno())
        os.rename(part, target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
    source.unlink(missing_ok=True)
    return True
