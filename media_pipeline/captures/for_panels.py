"""Pictures of the history for panels: what `devices` asks for when it sends one."""

import re

from django.db.models import Exists, OuterRef

from devices.panels.sources.fetching import CannotFetch
from devices.panels.sources.sources import Found, SourceAway
from devices.registry.models import Device
from photohub.lib.ids import read_id

from .finding import has_lasting_link
from .models import Capture
from .reading import PictureAway, PictureMissing, read_picture

_LINK = re.compile(r"/p/([0-9a-z]{6,24})/?")


def read_by_id(user, reference: str) -> Found | None:
    """Return a picture that this person may see."""
    key = read_id(reference)
    rows = Capture.objects.visible_to(user).select_related("device")
    capture = rows.filter(pk=key).first() if key else None
    return _found(capture) if capture else None


def read_newest(camera: Device) -> Found | None:
    """Return a camera's newest picture."""
    capture = camera.captures.select_related("device").order_by("-received_at", "-id").first()
    return _found(capture) if capture else None


def trashed_among(hashes: set[str]) -> set[str]:
    """Return which of these bytes lie in the trash, and not outside it as well."""
    rows = Capture.everything.in_trash().filter(sha256__in=hashes)
    shown = Capture.objects.filter(device=OuterRef("device"), sha256=OuterRef("sha256"))
    return set(rows.filter(~Exists(shown)).values_list("sha256", flat=True))


def read_link(path: str) -> bytes | None:
    """Return the picture behind one of the hub's own links, which need no login; None for other addresses."""
    match = _LINK.fullmatch(path)
    rows = Capture.objects.select_related("device")
    capture = rows.filter(code=match[1]).first() if match else None
    try:
        found = _found(capture) if capture and has_lasting_link(capture) else None
    except SourceAway as error:
        raise CannotFetch("fetch_failed", error.said) from error
    return found.picture if found else None


def _found(capture: Capture) -> Found | None:
    try:
        picture = read_picture(capture)
    except PictureAway as error:
        raise SourceAway(error.said) from error
    except PictureMissing:
        return None
    return Found(picture, str(capture.pk), capture.captured_at or capture.received_at)
