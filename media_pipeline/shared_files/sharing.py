"""Handing files under their hash to other machines and getting theirs: through the object store, else from the machine itself.

offered:  own disk → row → object store        no answer: the row says so, and the sweep of this machine puts it
wanted:   own disk → object store → each machine that lives
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from devices.firmware import images
from devices.panels.sources import outbox
from media_pipeline.mirror.stores import MirrorError, MirrorStore, open_mirror
from media_pipeline.nodes import asking, here, known
from photohub.lib.database.db import one_writer
from photohub.lib.files.shared import Kind, NotShared, SharedAway
from photohub.lib.messaging.breaker import Breaker
from photohub.lib.pages.sentences import said

from .models import SharedFile

log = logging.getLogger(__name__)

PLACES = {"firmware": images.path_of, "panel": outbox.path_of}
_CONTENT_TYPE = "application/octet-stream"
_UNTOUCHED = timedelta(minutes=10)
_breaker = Breaker(longest_pause_s=15.0)


def key_of(kind: Kind, sha256: str) -> str:
    """Return the name of the row, under which the object store has the bytes."""
    return f"shared/{kind}/{sha256}"


def read_key(key: str) -> tuple[Kind, str]:
    """Return what `key_of` was told."""
    _shared, kind, sha256 = key.split("/")
    return ("firmware" if kind == "firmware" else "panel"), sha256


def forget() -> None:
    """Forget that the object store failed."""
    _breaker.leave(True)


class BetweenMachines:
    """What `photohub.lib.files.shared` asks of this room."""

    def is_on(self) -> bool:
        return here.is_one_of_several()

    def offer(self, kind: Kind, sha256: str, path: Path) -> bool:
        """Write the row, then the copy; True when there is a copy."""
        key = key_of(kind, sha256)
        row = _enter(key)
        return row.stored_at is not None or put(key, path)

    def touch(self, kind: Kind, sha256: str) -> bool:
        """Tell whether there is a row."""
        rows = SharedFile.objects.filter(pk=key_of(kind, sha256))
        with one_writer():
            rows.filter(used_at__lt=Now() - _UNTOUCHED).update(used_at=Now())
        return rows.exists()

    def fetch(self, kind: Kind, sha256: str, at_most: int) -> bytes:
        """Return the bytes. Raises NotShared, or SharedAway."""
        row = SharedFile.objects.filter(pk=key_of(kind, sha256)).first()
        is_away = False
        for read in _places_of(row, kind, sha256):
            try:
                data = read(at_most)
            except (FileNotFoundError, asking.NotThere):
                continue
            except (MirrorError, asking.NodeAway) as error:
                log.info("%s %s is not to be had there: %s", kind, sha256[:12], error)
                is_away = True
                continue
            if hashlib.sha256(data).hexdigest() == sha256:
                return data
            log.warning("Another place has other bytes than those of %s %s.", kind, sha256)
        raise (SharedAway if is_away else NotShared)(sha256)

    def adopt(self, kind: Kind, hashes: Iterable[str]) -> set[str]:
        """Make rows of those that have none, as of what was made before there were several machines."""
        keys = {key_of(kind, sha256): sha256 for sha256 in hashes}
        rows = SharedFile.objects.filter(pk__in=keys)
        known_keys = dict(rows.values_list("pk", "stored_at"))
        with one_writer():
            for key in sorted(keys.keys() - known_keys.keys()):
                _enter(key)
            # Whoever offered it may have no file any more.
            for key in sorted(key for key, stored_at in known_keys.items() if stored_at is None):
                SharedFile.objects.filter(pk=key, stored_at=None).update(node=here.mark())
        return {keys[key] for key, stored_at in known_keys.items() if stored_at is not None}


def _enter(key: str) -> SharedFile:
    """Return the row, which says that the file was used just now and, while there is no copy, that this machine has it."""
    mine = here.mark()
    with one_writer():
        row, is_new = SharedFile.objects.get_or_create(pk=key, defaults={"node": mine, "used_at": Now()})
        if not is_new:
            due = Q(stored_at=None) | Q(used_at__lt=Now() - _UNTOUCHED)
            SharedFile.objects.filter(due, pk=key).update(node=mine, used_at=Now())
            # It may have lost its copy meanwhile.
            row.stored_at = SharedFile.objects.filter(pk=key).values_list("stored_at", flat=True).first()
    return row


def put(key: str, path: Path) -> bool:
    """Copy a file of this machine to the object store; False when that cannot be done now."""
    try:
        with asking_store() as mirror:
            mirror.put(path, key, _CONTENT_TYPE)
    except MirrorError as error:
        log.warning("%s could not be copied to the object store: %s", key, error)
        return False
    with one_writer():
        return bool(SharedFile.objects.filter(pk=key).update(stored_at=Now()))


@contextmanager
def asking_store() -> Iterator[MirrorStore]:
    """Give the object store; whoever is told that it does not answer waits for nothing. Raises MirrorError."""
    if not _breaker.enter():
        raise MirrorError(said("The object store did not answer a moment ago."), "unreachable")
    ok: bool | None = None
    try:
        mirror = open_mirror(settings)
        if mirror is None:
            raise MirrorError(said("There is no object store."), "no_mirror", configuration=True)
        yield mirror
        ok = True
    except FileNotFoundError:
        ok = True
        raise
    except MirrorError as error:
        if not error.local:
            ok = error.permanent
        raise
    finally:
        _breaker.leave(ok)


def _places_of(row: SharedFile | None, kind: Kind, sha256: str):
    """Yield how to read the bytes from each place that may have them."""
    if row is not None and row.stored_at is not None:
        yield lambda at_most: _read_store(row, at_most)
    mine, likely = here.number(), known.find(row.node) if row is not None else None
    others = [node for node in known.every() if node.number != mine]
    for node in sorted(others, key=lambda node: node is not likely and (1 + node.is_silent)):
        yield lambda at_most, node=node: asking.fetch(node, kind, sha256, at_most)


def _read_store(row: SharedFile, at_most: int) -> bytes:
    try:
        with asking_store() as mirror, mirror.open(row.key) as file:
            return file.read(at_most + 1)
    except FileNotFoundError:
        # As after a change of the bucket: whoever has the file puts it again.
        with one_writer():
            SharedFile.objects.filter(pk=row.pk).update(stored_at=None)
        raise


def find_here(kind: Kind, sha256: str) -> Path:
    """Return where this machine has the bytes, if it has them."""
    return PLACES[kind](sha256)
