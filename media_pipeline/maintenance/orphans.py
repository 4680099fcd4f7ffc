"""Picture files that no row names: what a kill between the rename and the commit leaves behind.

Nobody was told that such a picture is safe, and its camera sends it again. It is set aside and not deleted,
because a database restored from an old backup makes orphans of good pictures too: `lost/` keeps them 30 days.
"""

import logging
import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from devices.events import heartbeats
from devices.events import record as events
from devices.events.models import EventType
from media_pipeline.captures.models import Capture
from media_pipeline.nodes import here
from photohub.lib.files.moving import move
from photohub.lib.pages.sentences import said

from .models import Removal

log = logging.getLogger(__name__)

HEARTBEAT = "orphans"
_DAYS = 7  # `verify` walks everything; this only looks where a kill of late can have left something.
_KEEP_S = 30 * 24 * 3600
_BATCH = 500


def set_orphans_aside(older_than_s: float = 3600) -> int:
    """Move files without a row out of the picture folder. Returns how many."""
    moved = 0
    batch: dict[UUID, Path] = {}
    for id_, path in _old_files(time.time() - older_than_s):
        batch[id_] = path
        if len(batch) == _BATCH:
            moved += _set_aside(batch)
            batch = {}
    return moved + _set_aside(batch)


def _old_files(before: float) -> Iterator[tuple[UUID, Path]]:
    today = timezone.now()
    days = [f"{today - timedelta(days=back):%Y-%m-%d}" for back in range(-1, _DAYS)]
    for device in _folders(settings.PICTURES_DIR):
        for folder in (device / day for day in days):
            with suppress(FileNotFoundError, NotADirectoryError), _passing_over(folder):
                for entry in os.scandir(folder):
                    # A name that is no capture's id was put there by somebody else, and is left to him.
                    with suppress(ValueError, FileNotFoundError):
                        if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < before:
                            yield UUID(Path(entry.name).stem), Path(entry.path)


@contextmanager
def _passing_over(path: Path) -> Generator[None]:
    """Leave what the disk refuses, with a line in the log, so that those behind it have their turn."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        log.warning("%s is passed over: %s", path, error.strerror)


def _folders(parent: Path) -> list[Path]:
    try:
        return [path for path in parent.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []


def _set_aside(files: dict[UUID, Path]) -> int:
    # A Removal's file is on its way out already.
    named = set(Capture.everything.filter(pk__in=files).values_list("pk", flat=True))
    named |= set(Removal.objects.filter(pk__in=files).values_list("pk", flat=True))
    orphans = [path for id_, path in files.items() if id_ not in named]
    lost = lost_folder()
    for path in orphans:
        lost.mkdir(exist_ok=True)
        with suppress(FileNotFoundError), _passing_over(path):
            os.utime(path)  # From now on its days are counted.
            move(path, lost / path.name)
    if orphans:
        log.warning("%d picture files belong to no picture; they were moved to %s.", len(orphans), lost)
        sentence = said(
            (
                "Picture files that belong to no picture: %(count)s. They were moved to %(folder)s and "
                "stay there for 30 days."
            ),
            count=len(orphans),
            folder=lost,
        )
        heartbeats.note(here.named(HEARTBEAT), False, sentence)
        events.record(EventType.NOTICE, sentence, problem=True)
    return len(orphans)


def lost_folder() -> Path:
    return settings.PICTURES_DIR.with_name("lost")


def drop_long_lost() -> int:
    """Delete what was set aside a month ago."""
    dropped = 0
    with suppress(FileNotFoundError):
        for path in list(lost_folder().iterdir()):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _KEEP_S:
                    path.unlink()
                    dropped += 1
    return dropped
