"""The firmware store: images under their SHA-256, proved before they are kept and before they are served.

FIRMWARE_DIR/<sha256>      the image; several rows may name the same one
FIRMWARE_DIR/.in-…         one on its way; what nobody finished goes after an hour
FIRMWARE_DIR/.lock         held while a file and its row come or go together

Of several machines each has those that were uploaded or wanted on it. No row is written before the object store has the
image, so the machine at which it was uploaded may go.
"""

import errno
import fcntl
import hashlib
import io
import os
import secrets
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.access.rights import actor_of
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import EventType
from devices.protocol.firmware.manifest import encode_manifest
from photohub.lib.files import shared
from photohub.lib.files.blobs import sync_folder
from photohub.lib.pages.sentences import Said, columns, said

from . import checking, withdrawal
from .checking import Facts, Measured
from .errors import (
    FirmwareAway,
    FirmwareBroken,
    FirmwareError,
    FirmwareNotHere,
    FirmwareRefused,
    FirmwareTaken,
)
from .image_cache import ImageCache, look_of
from .models import Firmware, FirmwareState
from .signing import SignedManifest

CACHE_BYTES = 256 * 2**20
_CHUNK_BYTES = 256 * 1024
_FRONT_BYTES = 64
_FULL = {errno.ENOSPC, errno.EDQUOT}
_STALE_S = 3600

_cache, _fetching = ImageCache(CACHE_BYTES), Lock()


def path_of(sha256: str) -> Path:
    return settings.FIRMWARE_DIR / sha256


@dataclass(frozen=True, slots=True)
class Labels:
    """What people see of an image besides its facts."""

    file_name: str = ""
    note: str = ""


class Readable(Protocol):
    """Where an image comes from."""

    def read(self, size: int = ..., /) -> Any: ...


def store_firmware(
    source: Readable | UploadedFile,
    facts: Facts,
    signed: SignedManifest | None,
    user=None,
    *,
    labels: Labels | None = None,
    lower_allowed: bool = False,
) -> Firmware:
    """Take an image in: bytes to the disk, everything checked, one row. Raises FirmwareError; nothing is left then."""
    labels = labels or Labels()
    with _receiving(source) as (measured, temporary):
        manifest = checking.settle_facts(facts, measured, signed)
        checking.check_image(measured.front)
        key = checking.find_signer(manifest, signed.signature if signed else None)
        checking.check_age(manifest)
        checking.check_counter(manifest, lower_allowed=lower_allowed)
        row = Firmware(
            product=manifest.product,
            hardware=manifest.hardware,
            module=manifest.module,
            version=manifest.version,
            counter=manifest.counter,
            file_name=os.path.basename(labels.file_name)[:120],
            note=labels.note,
            size_bytes=measured.size_bytes,
            md5=measured.md5,
            sha1=measured.sha1,
            sha256=measured.sha256,
            manifest=encode_manifest(manifest).decode(),
            signature=signed.signature.raw if signed and signed.signature and key else None,
            signing_key=key,
            uploaded_by=actor_of(user),
        )
        _share(row, temporary)
        with _folder_lock():
            _keep(row, temporary)
    return row


def _share(row: Firmware, temporary: Path) -> None:
    if not shared.offer("firmware", row.sha256, temporary):
        sentence = _(
            "The image could not be copied to the object store, from which the hub's other machines take it. "
            "Test it on the status page, and upload the image again."
        )
        raise FirmwareAway("store", sentence)


@contextmanager
def _receiving(source: Readable | UploadedFile) -> Generator[tuple[Measured, Path]]:
    """Write what comes into a temporary file, measuring it, and take the file away in the end."""
    temporary = settings.FIRMWARE_DIR / f".in-{secrets.token_hex(12)}"
    try:
        try:
            measured = _write(source, temporary)
        except OSError as error:
            raise _no_room(error) from error
        yield measured, temporary
    finally:
        temporary.unlink(missing_ok=True)


def _write(source: Readable | UploadedFile, temporary: Path) -> Measured:
    hashes = [hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha1", "sha256")]
    size_bytes, front = 0, b""
    with temporary.open("xb") as file:
        while chunk := source.read(_CHUNK_BYTES):
            size_bytes += len(chunk)
            if size_bytes > settings.FIRMWARE_MAX_BYTES:
                sentence = _("The file is larger than %(limit)d MiB. PHOTOHUB_MAX_FIRMWARE sets the limit.")
                raise FirmwareRefused("too_large", sentence % {"limit": settings.FIRMWARE_MAX_BYTES >> 20})
            front = front or chunk[:_FRONT_BYTES]
            for one in hashes:
                one.update(chunk)
            file.write(chunk)
            _check_room()
        file.flush()
        os.fsync(file.fileno())
    md5, sha1, sha256 = (one.hexdigest() for one in hashes)
    return Measured(size_bytes, md5, sha1, sha256, front)


def _check_room() -> None:
    if shutil.disk_usage(settings.FIRMWARE_DIR).free < settings.DISK_FLOOR_BYTES:
        raise OSError(errno.ENOSPC, "below the floor")


def _no_room(error: OSError) -> FirmwareAway:
    if error.errno in _FULL:
        sentence = _("The hub's disk is full. Free some space and upload the image again.")
        return FirmwareAway("disk_full", sentence)
    return FirmwareAway("disk", _("The hub could not write the image. Check the disk of its data folder."))


@contextmanager
def _folder_lock() -> Generator[None]:
    """Let one process at a time make file and row agree, so that no file goes while its next row comes."""
    with (settings.FIRMWARE_DIR / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _keep(row: Firmware, temporary: Path) -> None:
    known = {name: getattr(row, name) for name in ("product", "hardware", "module", "version")}
    same = Firmware.objects.filter(**known).first()
    if same is not None:
        raise _taken(row, same)
    try:
        os.replace(temporary, path_of(row.sha256))
        sync_folder(settings.FIRMWARE_DIR)
    except OSError as error:
        raise _no_room(error) from error
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            _tell(
                row, said("The firmware %(name)s was uploaded.", name=str(row)), row.uploaded_by, Word.ADDED
            )
    except IntegrityError as error:
        raise _taken(row, None) from error
    finally:
        _drop_unnamed(row.sha256)


def _taken(row: Firmware, same: Firmware | None) -> FirmwareTaken:
    if same is not None and same.sha256 == row.sha256:
        sentence = _("%(name)s is already stored, with the same contents.")
        return FirmwareTaken("taken", sentence % {"name": row})
    sentence = _("%(name)s is already stored. Give the new image a different version.")
    return FirmwareTaken("taken", sentence % {"name": row})


def _drop_unnamed(sha256: str) -> None:
    """Remove a file that no row names; called with the folder locked."""
    if not Firmware.objects.filter(sha256=sha256).exists():
        path_of(sha256).unlink(missing_ok=True)
        _cache.forget(sha256)


def _tell(firmware: Firmware, sentence: Said, user, word: Word) -> None:
    events.record(EventType.NOTICE, subject=firmware.pk, actor=user, sentence=sentence)
    audit.note(word, Kind.FIRMWARE, firmware.pk, firmware, sentence)


def publish(firmware: Firmware, user=None, *, lower_allowed: bool = False) -> Firmware:
    """Let rollouts use an image, after everything was checked once more, its bytes on the disk included."""
    manifest = checking.check_row(firmware)
    lower = checking.check_counter(manifest, lower_allowed=lower_allowed)
    _cache.forget(firmware.sha256)
    _proved(firmware)
    with transaction.atomic():
        rows = Firmware.objects.filter(pk=firmware.pk).exclude(state=FirmwareState.PUBLISHED)
        if rows.update(state=FirmwareState.PUBLISHED, published_at=timezone.now(), **columns("problem", "")):
            sentence = said("The firmware %(name)s was published.", name=firmware)
            if lower:
                sentence = said(
                    "The firmware %(name)s was published, though its counter is not the highest.",
                    name=firmware,
                )
            _tell(firmware, sentence, user, Word.CHANGED)
    firmware.refresh_from_db()
    return firmware


def delete_firmware(firmware: Firmware, user=None) -> None:
    """Delete an image that no open rollout uses; ended rollouts of it go with it. Raises FirmwareTaken."""
    withdrawal.clear(firmware)
    with _folder_lock():
        with transaction.atomic():
            Firmware.objects.select_for_update().get(pk=firmware.pk)
            withdrawal.let_go(firmware)
            _tell(firmware, said("The firmware %(name)s was deleted.", name=firmware), user, Word.DELETED)
            Firmware.objects.filter(pk=firmware.pk).delete()
        _drop_unnamed(firmware.sha256)


def verified_bytes(firmware: Firmware) -> bytes:
    """Return an image's bytes, which are those that were signed: the one thing that endpoints may serve from.

    Read and proved once, then kept in memory for as long as the file looks the same. Raises FirmwareBroken when
    the disk holds other bytes, FirmwareRefused when key, signature or age do not fit any more (in both cases its
    rollouts are paused), and FirmwareAway when it cannot be read just now.
    """
    if firmware.state == FirmwareState.BROKEN:
        raise _broken(firmware)
    try:
        checking.check_row(firmware)
    except FirmwareError as error:
        withdrawal.withdraw([firmware.pk], error.word)
        raise
    return _proved(firmware)


def _broken(firmware: Firmware) -> FirmwareBroken:
    sentence = _("The stored image of %(name)s is damaged and will not be handed out. Upload it again.")
    return FirmwareBroken("integrity", sentence % {"name": firmware})


def _proved(firmware: Firmware) -> bytes:
    try:
        return _read(firmware)
    except FirmwareNotHere as fault:
        # Those who want it at the same moment wait for one of them.
        with _fetching:
            return _fetch(firmware, fault.problem)


def _read(firmware: Firmware) -> bytes:
    """Return the bytes of the file on this machine, proved. Raises FirmwareNotHere, or FirmwareAway."""
    try:
        with path_of(firmware.sha256).open("rb") as file:
            look = look_of(os.fstat(file.fileno()))
            if (known := _cache.get(firmware.sha256, look)) is not None:
                return known
            data = file.read(firmware.size_bytes + 1)
    except FileNotFoundError as error:
        if not settings.FIRMWARE_DIR.is_dir():
            raise _away() from error
        raise FirmwareNotHere(said("The file is missing.")) from error
    except OSError as error:
        raise _away() from error
    if len(data) != firmware.size_bytes or hashlib.sha256(data).hexdigest() != firmware.sha256:
        raise FirmwareNotHere(said("The file on disk is not the one that was uploaded."))
    _cache.put(firmware.sha256, look, data)
    return data


def _fetch(firmware: Firmware, problem: Said) -> bytes:
    """Return the bytes that another place has, and keep them here; where none has them, the image is broken."""
    if not shared.is_on():
        raise _mark_broken(firmware, problem)
    with suppress(FirmwareNotHere):
        return _read(firmware)
    try:
        _check_room()
        data = shared.fetch("firmware", firmware.sha256, firmware.size_bytes)
    except shared.NotShared:
        raise _mark_broken(firmware, problem) from None
    except shared.SharedAway as error:
        sentence = _("The image is on another machine or in the object store, which do not answer just now.")
        raise FirmwareAway("away", sentence) from error
    except OSError as error:
        raise _no_room(error) from error
    with _receiving(io.BytesIO(data)) as (_measured, temporary), _folder_lock():
        try:
            os.replace(temporary, path_of(firmware.sha256))
        except OSError as error:
            raise _no_room(error) from error
    return data


def _away() -> FirmwareAway:
    return FirmwareAway("disk", _("The image cannot be read right now. Check the disk of the data folder."))


def _mark_broken(firmware: Firmware, problem: Said) -> FirmwareBroken:
    """Stop everything that would hand out these bytes, and raise the alarm once."""
    _cache.forget(firmware.sha256)
    with transaction.atomic():
        rows = Firmware.objects.filter(sha256=firmware.sha256).exclude(state=FirmwareState.BROKEN)
        keys = list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        rows.filter(pk__in=keys).update(state=FirmwareState.BROKEN, **columns("problem", problem))
        if keys:
            withdrawal.withdraw(keys, "integrity")
            sentence = said(
                "The stored image of %(name)s is damaged: its rollouts are paused. %(problem)s",
                name=firmware,
                problem=problem,
            )
            events.record(EventType.NOTICE, subject=firmware.pk, sentence=sentence, problem=True)
    return _broken(firmware)


def find_damage(deep: bool) -> Iterator[tuple[str, str]]:
    """Yield (kind, file name) of images that are missing or changed, and of files that no row names."""
    named = dict(Firmware.objects.values_list("sha256", "size_bytes"))
    for sha256, size_bytes in named.items():
        kind = checking.damage_of(path_of(sha256), size_bytes, sha256 if deep else "")
        # What was never wanted here is elsewhere.
        if kind and not (kind == "firmware_missing" and shared.touch("firmware", sha256)):
            yield kind, sha256
    before = time.time() - _STALE_S
    for path in sorted(settings.FIRMWARE_DIR.glob("[!.]*")):
        with suppress(FileNotFoundError):
            if path.name not in named and path.stat().st_mtime < before:
                yield "firmware_extra", path.name


def hashes_in_use(hashes: list[str]) -> set[str]:
    """Return those of these hashes that are images'."""
    return set(Firmware.objects.filter(sha256__in=hashes).values_list("sha256", flat=True))


def share_old() -> None:
    """Let others have images from before there were several machines, and drop those that were deleted on another one."""
    if not shared.is_on():
        return
    names = [path.name for path in settings.FIRMWARE_DIR.glob("[!.]*")]
    named = hashes_in_use(names)
    shared.adopt("firmware", named)
    before = time.time() - _STALE_S
    for name in set(names) - named:
        with suppress(FileNotFoundError):
            if path_of(name).stat().st_mtime < before:
                with _folder_lock():
                    _drop_unnamed(name)


def drop_stale_uploads() -> int:
    """Delete temporary files that nobody finished."""
    dropped = 0
    for path in settings.FIRMWARE_DIR.glob(".in-*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _STALE_S:
                path.unlink()
                dropped += 1
    return dropped
