"""Render profiles in words for people: the screen that a ready-made one is for, and what comes out of one."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .formats import PALETTES
from .profile_values import Profile

_FULL = gettext_lazy("full colour")
COLOURS: dict[str, str | Promise] = {
    "colour": _FULL,
    "grey": gettext_lazy("grey"),
    "palette:bw": gettext_lazy("black and white"),
    "palette:grey4": gettext_lazy("4 greys"),
    "palette:grey16": gettext_lazy("16 greys"),
    "palette:bwr": gettext_lazy("black, white, red"),
    "palette:bwy": gettext_lazy("black, white, yellow"),
    "palette:bwry": gettext_lazy("black, white, yellow, red"),
    "palette:acep7": gettext_lazy("7 colours (ACeP)"),
    "palette:spectra6": gettext_lazy("6 colours (Spectra)"),
}
FORMATS: dict[str, str | Promise] = {
    "jpeg": "JPEG",
    "png": "PNG",
    "bmp": "BMP",
    "raw1": gettext_lazy("raw, 1 bit a pixel"),
    "raw2": gettext_lazy("raw, 2 bits a pixel"),
    "raw4": gettext_lazy("raw, 4 bits a pixel"),
    "planes": gettext_lazy("raw, one plane a colour"),
    "rgb565": "RGB565",
    "original": gettext_lazy("the original file"),
}

_EPAPER = gettext_lazy("%(inches)s inch e-paper, %(colours)s")
_TFT = gettext_lazy("%(inches)s inch colour display")
_OLED = gettext_lazy("%(inches)s inch OLED, %(colours)s")


@dataclass(frozen=True)
class Screen:
    """The screen that a ready-made profile is for: its kind, and its diagonal as shops write it."""

    kind: str | Promise
    inches: str
    colours: str = "colour"


# By the profile's name. Shops sell several sizes with one number of pixels; this is the usual one.
SCREENS: dict[str, Screen] = {
    "epaper-800x480-bw": Screen(_EPAPER, "7.5", "palette:bw"),
    "epaper-800x480-bw-png": Screen(_EPAPER, "7.5", "palette:bw"),
    "epaper-800x480-bw-raw": Screen(_EPAPER, "7.5", "palette:bw"),
    "epaper-800x480-grey4": Screen(_EPAPER, "7.5", "palette:grey4"),
    "epaper-800x480-grey4-raw": Screen(_EPAPER, "7.5", "palette:grey4"),
    "epaper-800x480-grey16": Screen(_EPAPER, "7.5", "palette:grey16"),
    "epaper-800x480-bwr": Screen(_EPAPER, "7.5", "palette:bwr"),
    "epaper-800x480-bwry": Screen(_EPAPER, "7.3", "palette:bwry"),
    "epaper-7colour-800x480": Screen(_EPAPER, "7.3", "palette:acep7"),
    "epaper-7colour-600x448": Screen(_EPAPER, "5.65", "palette:acep7"),
    "epaper-spectra6-800x480": Screen(_EPAPER, "7.3", "palette:spectra6"),
    "epaper-spectra6-1600x1200": Screen(_EPAPER, "13.3", "palette:spectra6"),
    "epaper-296x128-bw": Screen(_EPAPER, "2.9", "palette:bw"),
    "epaper-400x300-bw": Screen(_EPAPER, "4.2", "palette:bw"),
    "tft-128x160-rgb565": Screen(_TFT, "1.8"),
    "tft-240x240-rgb565": Screen(_TFT, "1.3"),
    "tft-320x240-rgb565": Screen(_TFT, "2.8"),
    "tft-480x320-rgb565": Screen(_TFT, "3.5"),
    "oled-128x64-bw": Screen(_OLED, "0.96", "palette:bw"),
}
_OTHERS: dict[str, str | Promise] = {
    "as-is": gettext_lazy("Any screen: the picture as it is"),
    "jpeg-320x240": gettext_lazy("Small screen that reads JPEG"),
    "jpeg-640x480": gettext_lazy("Screen that reads JPEG, up to 45 kB"),
    "jpeg-800x480": gettext_lazy("Wide screen that reads JPEG"),
}


def name_ready_made(slug: str) -> str:
    """Return what people call the screen of a ready-made profile; empty for one that is none."""
    screen = SCREENS.get(slug)
    if screen is None:
        return str(_OTHERS.get(slug, ""))
    return screen.kind % {"inches": screen.inches, "colours": COLOURS[screen.colours]}


def describe(profile: Profile) -> str:
    """Say in a few words what comes out: size, form, colours."""
    if profile.format == "original":
        return _("the original file")
    size = f"{profile.width} × {profile.height}" if profile.width and profile.height else ""
    return " · ".join(part for part in (size, str(FORMATS[profile.format]), _colours_of(profile)) if part)


def _colours_of(profile: Profile) -> str:
    if profile.colours == "colour":
        return ""
    if profile.colours in COLOURS:
        return str(COLOURS[profile.colours])
    name = profile.colours.removeprefix("palette:")
    return name if name in PALETTES else _("%(count)s colours of its own") % {"count": name.count(",") + 1}
