"""Reading a picture's bytes: from the hub's own disk, else from the mirror."""

import hashlib
import logging

from django.conf import settings

from devices.events import troubles
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.mirror.stores import MirrorError, open_mirror
from media_pipeline.picture_files import store
from photohub.lib.pages.sentences import said

from . import thumbnails
from .models import Capture, Step

log = logging.getLogger(__name__)


class PictureMissing(Exception):
    """Neither this hub nor the mirror has the file."""


def read_picture(capture: Capture) -> bytes:
    """Return the file's bytes, exactly as they were sent. Raises PictureMissing."""
    try:
        return store.full_path(capture.path).read_bytes()
    except OSError:
        return _read_from_mirror(capture)


def _read_from_mirror(capture: Capture) -> bytes:
    row = OSSObject.objects.filter(pk=capture.pk, state=MirrorState.MIRRORED).first()
    try:
        mirror = open_mirror(settings) if row else None
        if mirror is None or row is None:
            raise PictureMissing
        with mirror.open(row.key) as file:
            data = file.read(settings.UPLOAD_MAX_BYTES + 1)
    except (FileNotFoundError, MirrorError) as error:
        log.warning("Picture %s is missing here and could not be read from the mirror: %s", capture.pk, error)
        why = error.said if isinstance(error, MirrorError) else said("it is missing")
        troubles.note(capture.device, "picture_unreadable", name=capture.name, detail=why)
        raise PictureMissing from error
    if hashlib.sha256(data).hexdigest() != capture.sha256:
        log.warning(
            "The mirror's copy of picture %s has other bytes than were received; it is not shown.", capture.pk
        )
        troubles.note(capture.device, "copy_differs", name=capture.name)
        raise PictureMissing
    troubles.over(capture.device, "copy_differs", "picture_unreadable")
    return data


def read_thumbnail(capture: Capture) -> bytes | None:
    """Return the small WebP, made on the spot when it is still missing; None when it cannot be made."""
    path = store.thumbnail_path(capture.pk)
    if not path.is_file() and capture.thumbnail_state != Step.FAILED:
        thumbnails.make_one(capture)
    try:
        return path.read_bytes()
    except OSError:
        return None
