"""What a panel shows while there is no picture for it: a plain drawing with a line of text."""

import io
from dataclasses import replace

from django.utils.translation import gettext as _
from PIL import Image, ImageDraw

from devices.panels.rendering import profiles as render_profiles
from devices.panels.rendering.profile_values import PROFILES, Profile
from devices.panels.sources import making
from devices.panels.sources.making import Made
from devices.registry.models import Device

# What a panel that sets itself up takes at once; in it a bitmap has exactly 48062 bytes.
SETUP_PROFILE = "epaper-800x480-bw"
_WIDTH_PX, _HEIGHT_PX = 640, 400
_ANY = Profile(_WIDTH_PX, _HEIGHT_PX, fit="crop")


def nothing_yet(device: Device, settings: dict) -> Made:
    """Return a picture in the panel's own form that says there is none yet."""
    text = _("%(device)s is waiting for its first picture.") % {"device": device.name}
    return make_card(render_profiles.profile_of(settings) if settings else _ANY, text)


def welcome(device: Device) -> Made:
    """Return the picture that a panel shows when it has just set itself up."""
    text = _("This panel is %(device)s now.") % {"device": device.name}
    return make_card(PROFILES[SETUP_PROFILE], text)


def make_card(profile: Profile, text: str) -> Made:
    """Return a card in this form; one that takes no text of its own gets it all the same."""
    if profile.format == "original":
        profile = _ANY
    profile = replace(profile, caption_at="bottom", dither="none")
    drawn = _draw(profile.width or _WIDTH_PX, profile.height or _HEIGHT_PX)
    return making.make_once(drawn, render_profiles.settings_of(profile), text)


def _draw(width: int, height: int) -> bytes:
    """Return a frame with hills and a sun in it, in black on white, as a PNG."""
    card = Image.new("L", (width, height), 255)
    pen, side = ImageDraw.Draw(card), min(width, height)
    left, top, size, line = (width - side // 2) // 2, (height - side // 2) // 2, side // 2, max(1, side // 80)

    def at(x: float, y: float) -> tuple[int, int]:
        return left + int(size * x), top + int(size * y)

    pen.rectangle([at(0, 0.1), at(1, 0.85)], outline=0, width=line)
    pen.ellipse([at(0.65, 0.2), at(0.8, 0.35)], outline=0, width=line)
    pen.line(
        [at(0.08, 0.75), at(0.35, 0.4), at(0.55, 0.65), at(0.68, 0.52), at(0.92, 0.75)], fill=0, width=line
    )
    out = io.BytesIO()
    card.save(out, "PNG")
    return out.getvalue()
