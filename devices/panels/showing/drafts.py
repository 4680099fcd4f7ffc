"""Pictures that somebody has chosen and not sent yet: from the history, a file, or an address.

A file and what came from an address lie in the outbox until the form comes back; a signed token brings them
back, which only the same person can use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core import signing

from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import PictureOrigin
from devices.panels.deliveries.queue import CannotDeliver, Wish, refusing
from devices.panels.rendering import drawing
from devices.panels.sources import fetching, making, outbox
from devices.panels.sources.sources import SourceAway, UnknownSource, read_source
from devices.protocol.pictures.packets import PictureRefused, count_packets
from devices.registry.models import Device
from photohub.lib.pages.sentences import said

# The outbox drops what no row names after an hour.
_GOOD_FOR_S = 3000
_DRAFT, _DRAWN = "photohub.draft", "photohub.drawn"


@dataclass(frozen=True)
class Draft:
    """A chosen picture. One with an address may have no bytes yet; `token` is empty for one of the history."""

    origin: PictureOrigin
    label: str
    picture: bytes | None = None
    stamp_at: datetime | None = None
    token: str = ""

    def wish(self, render: str, caption: str) -> Wish:
        """Return the wish to show it like this."""
        return Wish(self.origin, self.label, self.picture, render, caption, self.stamp_at)


@dataclass(frozen=True)
class Drawn:
    """A draft as a panel would get it; `token` leads to the picture. `packets` is 0 when nothing goes in packets."""

    token: str
    width: int
    height: int
    size_bytes: int
    packets: int
    undrawn: str


def read_draft(user, data: Mapping, files: Mapping, *, fetch: bool) -> Draft:
    """Return the picture that a form names. Raises CannotDeliver, or OSError when the disk refuses a file.

    `fetch` gets a picture from its address now; else that is left to whoever sends it.
    """
    match data.get("source", ""):
        case "file":
            return _read_file(user, data, files)
        case "url":
            return _read_url(user, data, fetch)
        case _:
            return read_capture(user, data.get("capture", ""))


def read_capture(user, reference: str) -> Draft:
    """Return a picture of the history. Raises CannotDeliver."""
    if not reference:
        raise CannotDeliver("no_picture", said("Choose a picture first."))
    try:
        found = read_source(user, reference)
    except UnknownSource as error:
        word = "away" if isinstance(error, SourceAway) else "not_found"
        raise CannotDeliver(word, error.said) from error
    return Draft(PictureOrigin.CAPTURE, found.reference, found.picture, found.taken_at)


def _read_file(user, data: Mapping, files: Mapping) -> Draft:
    file = files.get("file")
    if file is None:
        return _read_kept(user, data.get("kept", "")) or _refuse_empty()
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise CannotDeliver("too_large", said("The picture is larger than the hub accepts."))
    return _keep(user, PictureOrigin.UPLOAD, file.name or "", file.read())


def _refuse_empty() -> Draft:
    raise CannotDeliver("no_picture", said("Choose a file first."))


def _read_url(user, data: Mapping, fetch: bool) -> Draft:
    url = data.get("url", "").strip()[:500]
    if not url:
        raise CannotDeliver("no_picture", said("Enter an address first."))
    kept = _read_kept(user, data.get("kept", ""))
    if kept is not None and kept.label == url:
        return kept
    with refusing():
        if fetch:
            return _keep(user, PictureOrigin.URL, url, fetching.fetch_picture(url))
        fetching.check_address(url)
    return Draft(PictureOrigin.URL, url)


def _keep(user, origin: PictureOrigin, label: str, picture: bytes) -> Draft:
    if not picture:
        raise CannotDeliver("empty_body", said("The picture is empty."))
    claim = [user.pk, origin.value, label[:200], outbox.keep(picture)]
    return Draft(origin, label, picture, token=signing.dumps(claim, salt=_DRAFT))


def _read_kept(user, token: str) -> Draft | None:
    try:
        person, origin, label, sha256 = signing.loads(token, salt=_DRAFT, max_age=_GOOD_FOR_S)
        picture = outbox.read(sha256) if person == user.pk else None
    except (signing.BadSignature, outbox.BlobMissing):
        return None
    return Draft(PictureOrigin(origin), label, picture, token=token) if picture else None


# --- what it will look like ---


def draw_draft(user, device: Device, draft: Draft, render: str, caption: str) -> Drawn:
    """Draw a draft as this device would get it. Raises CannotDeliver, or OSError."""
    profile = deliveries.profile_for(device, render)
    return draw_picture(user, draft, profile.settings if profile else {}, caption)


def draw_picture(user, draft: Draft, profile_settings: dict, caption: str) -> Drawn:
    """Draw a draft by these settings of a render profile. Raises CannotDeliver, or OSError."""
    rendered = render_draft(draft, profile_settings, caption)
    size = [rendered.width, rendered.height]
    claim = [user.pk, outbox.keep(rendered.data), rendered.content_type, profile_settings, size]
    token = signing.dumps(claim, salt=_DRAWN, compress=True)
    try:
        packets = count_packets(len(rendered.data))
    except PictureRefused:
        packets = 0
    width, height = rendered.width, rendered.height
    return Drawn(token, width, height, len(rendered.data), packets, rendered.undrawn)


def render_draft(draft: Draft, profile_settings: dict, caption: str) -> drawing.Rendered:
    """Return the bytes that a panel with these settings gets. Raises CannotDeliver."""
    with refusing():
        return making.render(draft.picture or b"", profile_settings, caption[:200], draft.stamp_at)


def read_drawn(user, token: str) -> tuple[str, str, dict, tuple[int, int]] | None:
    """Return hash, type, settings and size of what was drawn for this person; None for other tokens."""
    try:
        person, sha256, kind, profile_settings, size = signing.loads(token, salt=_DRAWN, max_age=_GOOD_FOR_S)
    except signing.BadSignature:
        return None
    return (sha256, kind, profile_settings, (size[0], size[1])) if person == user.pk else None
