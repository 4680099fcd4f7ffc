"""Reading a picture's bytes: from the hub's own disk, else from the mirror, else from the machine that has the file."""

import hashlib
import logging
import threading
from collections import OrderedDict
from uuid import UUID

from django.conf import settings

from devices.events import troubles
from media_pipeline.formats import images
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.mirror.stores import MirrorError, open_mirror
from media_pipeline.nodes import asking, here, known, wording
from media_pipeline.nodes.models import NodeState
from media_pipeline.picture_files import store
from photohub.lib.memory import budget as memory
from photohub.lib.memory import decoding
from photohub.lib.pages.sentences import Said, said

from . import thumbnails
from .models import Capture, Step

log = logging.getLogger(__name__)

_PREVIEW_AT_MOST_BYTES = 2 * 2**20
_PREVIEWS_KEPT_BYTES = 16 * 2**20


class PictureMissing(Exception):
    """Neither this hub nor the mirror has the file."""


class PictureAway(PictureMissing):
    """The file is on a machine that does not answer now; it is not lost. `said` says so to people."""

    def __init__(self, sentence: Said) -> None:
        super().__init__(sentence)
        self.said = sentence


def read_picture(capture: Capture) -> bytes:
    """Return the file's bytes, exactly as they were sent. Raises PictureMissing, or PictureAway."""
    if not here.holds(capture.node):
        return _read_elsewhere(capture)
    try:
        return store.full_path(capture.path).read_bytes()
    except OSError:
        return _read_from_mirror(capture)


def _read_elsewhere(capture: Capture) -> bytes:
    try:
        return _read_from_mirror(capture)
    except PictureMissing:
        data = _ask_for(capture, "original", capture.size_bytes)
    if hashlib.sha256(data).hexdigest() != capture.sha256:
        log.warning("Another machine's file of picture %s has other bytes than were received.", capture.pk)
        raise PictureMissing
    return data


def _ask_for(capture: Capture, kind: asking.Kind, at_most: int) -> bytes:
    """Fetch a file from the machine that has it. Raises PictureMissing, or PictureAway."""
    node = known.find(capture.node)
    if node is not None and node.state == NodeState.FORGOTTEN:
        raise PictureMissing
    try:
        if node is None:
            raise asking.NodeAway
        return asking.fetch(node, kind, capture.pk, at_most)
    except asking.NotThere as error:
        raise PictureMissing from error
    except asking.NodeAway as error:
        raise PictureAway(wording.away(node)) from error


def why_away(capture: Capture) -> Said | None:
    """Say on which machine the picture's only file is, if that does not answer. Asks no machine."""
    copy = getattr(capture, "mirror", None)
    if here.holds(capture.node) or (copy is not None and copy.state == MirrorState.MIRRORED):
        return None
    node = known.find(capture.node)
    if node is not None and (node.state == NodeState.FORGOTTEN or not asking.is_failing(node)):
        return None
    return wording.away(node)


def is_at_hand(capture: Capture) -> bool:
    """Tell whether the file is on this machine's disk, or can be had as quickly from another's."""
    if here.holds(capture.node):
        return store.full_path(capture.path).is_file()
    node = known.find(capture.node)
    return node is not None and node.state != NodeState.FORGOTTEN and not asking.is_failing(node)


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
    if not here.holds(capture.node):
        return _thumbnail_from_elsewhere(capture)
    path = store.thumbnail_path(capture.pk)
    if not path.is_file() and capture.thumbnail_state != Step.FAILED:
        thumbnails.make_one(capture)
    try:
        return path.read_bytes()
    except OSError:
        # Neither file is here, as of a picture that a lost machine had: the mirror's copy shows it.
        is_here = capture.thumbnail_state == Step.FAILED or store.full_path(capture.path).is_file()
        return None if is_here else _previews.get(capture.pk) or _preview_of_copy(capture)


class _Previews:
    """Previews of pictures whose files are elsewhere, those asked for last. Whoever asks has looked for the row before."""

    def __init__(self, at_most_bytes: int) -> None:
        self._at_most_bytes = at_most_bytes
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._kept: OrderedDict[UUID, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: UUID) -> bytes | None:
        with self._lock:
            if (data := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
            return data

    def keep(self, key: UUID, data: bytes) -> bytes:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = data
                self._bytes += len(data)
            while self._bytes > self._at_most_bytes:
                _key, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone)
        return data


_previews = _Previews(_PREVIEWS_KEPT_BYTES)
forget_previews = _previews.forget


def _thumbnail_from_elsewhere(capture: Capture) -> bytes | None:
    """Return the preview that the machine with the file has, or one made of the mirror's copy."""
    if (data := _previews.get(capture.pk)) is not None:
        return data
    if capture.thumbnail_state == Step.FAILED:
        return None
    try:
        return _previews.keep(capture.pk, _ask_for(capture, "preview", _PREVIEW_AT_MOST_BYTES))
    except PictureMissing:
        return _preview_of_copy(capture)


def _preview_of_copy(capture: Capture) -> bytes | None:
    try:
        original = _read_from_mirror(capture)
        with decoding.room_for(original):
            preview = images.make_thumbnail(original, thumbnails.SIDE_PX)
    except (PictureMissing, memory.TooLarge, images.ThumbnailFailed):
        return None
    return _previews.keep(capture.pk, preview.data)
