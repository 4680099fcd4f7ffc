"""Pictures in a panel's own form, made once: the same picture, profile and texts are remembered by their hash."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime

from django.conf import settings
from django.core.cache import cache

from devices.panels.rendering import drawing
from devices.panels.rendering import fonts as panel_fonts
from devices.panels.rendering.profiles import profile_of
from photohub.lib.memory import budget as memory
from photohub.lib.memory import decoding
from photohub.lib.pages.times.wording import stamp
from photohub.lib.pages.timezones import hub_timezone

from . import outbox

_REMEMBERED_S = 24 * 3600


@dataclass(frozen=True)
class Made:
    """A rendered picture, which lies in the outbox under its hash."""

    sha256: str
    size_bytes: int
    content_type: str
    extension: str
    width: int
    height: int


def make(picture: bytes, profile: dict, caption: str = "", stamp_at: datetime | None = None) -> Made:
    """Return the picture as a profile's settings say. Raises rendering.RenderRefused, or OSError of the disk."""
    rendered = render(picture, profile, caption, stamp_at)
    return Made(
        outbox.keep(rendered.data),
        len(rendered.data),
        rendered.content_type,
        rendered.extension,
        rendered.width,
        rendered.height,
    )


def render(
    picture: bytes, profile: dict, caption: str = "", stamp_at: datetime | None = None
) -> drawing.Rendered:
    """Draw the picture as a profile's settings say. Raises rendering.RenderRefused, or memory.Crowded."""
    settled = profile_of(profile)
    try:
        # Without a size of its own a panel gets the picture as large as it is.
        with decoding.room_for(picture, scaled=bool(settled.width or settled.height)):
            return drawing.render(
                picture,
                settled,
                caption=caption,
                stamp=stamp(stamp_at, hub_timezone()) if stamp_at else "",
                font=panel_fonts.find_font(),
                max_pixels=settings.UPLOAD_MAX_PIXELS,
            )
    except memory.TooLarge as error:
        raise drawing.TooManyPixels(str(error)) from error


def make_once(picture: bytes, profile: dict, caption: str = "", stamp_at: datetime | None = None) -> Made:
    """Like `make`, but remembers: asking for the same again costs a look into the cache and a file's time."""
    name = _name_of(picture, profile, caption, stamp_at)
    known = cache.get(name)
    if known is not None:
        made = Made(**known)
        if outbox.still_has(made.sha256):
            return made
    made = make(picture, profile, caption, stamp_at)
    cache.set(name, asdict(made), _REMEMBERED_S)
    return made


def _name_of(picture: bytes, profile: dict, caption: str, stamp_at: datetime | None) -> str:
    # The zone is in it, because the stamp is written in it.
    zone = str(hub_timezone())
    facts = [hashlib.sha256(picture).hexdigest(), profile, caption, str(stamp_at), zone]
    return "panel-picture-" + hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
