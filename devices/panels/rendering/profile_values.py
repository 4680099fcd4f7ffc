"""How each kind of panel wants its pictures: the values, their faults, and ready-made ones by name."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from PIL import ImageColor

from .formats import RAW_BITS, read_palette

MAX_SIDE_PX = 4096
MAX_AREA_PX = 4_000_000
TURNS = (0, 90, 180, 270)
FITS = ("fit", "crop", "pad")
DITHERS = ("floyd-steinberg", "ordered", "none")
FORMATS = ("original", "jpeg", "png", "bmp", "raw1", "raw2", "raw4", "planes", "rgb565")
EDGES = ("none", "top", "bottom")


@dataclass(frozen=True, slots=True)
class Profile:
    """How one kind of panel wants its pictures.

    width, height   of the panel as it takes its rows, in px; None: as the picture has it
    rotate          turns the picture clockwise, after its EXIF orientation and before fitting
    mounting        the panel itself hangs turned clockwise by so much; picture and text are turned to stand upright
    fit             "fit": whole, at most this size, never enlarged; "crop": exactly this size, the middle of the
                    picture; "pad": exactly this size, whole, the rest in the background's colour
    colours         "colour", "grey", "palette:<name>" or "palette:#rrggbb,#rrggbb…"
    dither          for palettes; for rgb565 everything but "none" is the ordered one
    quality         of a JPEG; with target_bytes the highest that is tried
    byte_order      of rgb565; bit_order and inverted are for raw1, raw2, raw4 and planes
    caption_at, stamp_at   the edge on which each text stands; both on one edge share a band
    text_px         the text's size; None: by the shorter side
    """

    width: int | None = None
    height: int | None = None
    rotate: int = 0
    mounting: int = 0
    fit: str = "fit"
    background: str = "white"
    colours: str = "colour"
    dither: str = "floyd-steinberg"
    format: str = "jpeg"
    quality: int = 85
    target_bytes: int | None = None
    byte_order: str = "big"
    bit_order: str = "msb"
    inverted: bool = False
    caption_at: str = "bottom"
    stamp_at: str = "bottom"
    text_px: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a profile: the field, and a word that stays the same.

    unknown             not one of the words that the field takes
    out_of_range        not a whole number within the limits
    not_a_colour        neither a name nor #rrggbb
    bad_palette         neither a known palette nor 2 to 16 different colours
    needs_palette       this format takes codes, so `colours` must be a palette
    too_many_codes      this format has fewer bits than the palette's codes need
    needs_lossless      a JPEG blurs a palette away
    needs_size          crop and pad need both width and height
    too_large           width times height is more than 4 million
    only_for_jpeg       target_bytes without the format jpeg
    unchanged           "original" changes nothing, so nothing else may be asked for
    """

    field: str
    word: str


def _one_of(*words: object) -> Callable[[object], bool]:
    return lambda value: any(value == word and type(value) is type(word) for word in words)


def _between(low: int, high: int, optional: bool = False) -> Callable[[object], bool]:
    return lambda value: (optional and value is None) or (type(value) is int and low <= value <= high)


_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "width": (_between(1, MAX_SIDE_PX, optional=True), "out_of_range"),
    "height": (_between(1, MAX_SIDE_PX, optional=True), "out_of_range"),
    "rotate": (_one_of(*TURNS), "unknown"),
    "mounting": (_one_of(*TURNS), "unknown"),
    "fit": (_one_of(*FITS), "unknown"),
    "dither": (_one_of(*DITHERS), "unknown"),
    "format": (_one_of(*FORMATS), "unknown"),
    "quality": (_between(1, 95), "out_of_range"),
    "target_bytes": (_between(100, 50_000_000, optional=True), "out_of_range"),
    "byte_order": (_one_of("big", "little"), "unknown"),
    "bit_order": (_one_of("msb", "lsb"), "unknown"),
    "inverted": (_one_of(True, False), "unknown"),
    "caption_at": (_one_of(*EDGES), "unknown"),
    "stamp_at": (_one_of(*EDGES), "unknown"),
    "text_px": (_between(6, 400, optional=True), "out_of_range"),
}


def check(profile: Profile) -> list[Fault]:
    """Return what is wrong with a profile; nothing when it can be used."""
    faults = [
        Fault(name, word) for name, (holds, word) in _RULES.items() if not holds(getattr(profile, name))
    ]
    faults += _check_background(profile) + _check_colours(profile)
    return faults or _check_together(profile)


def _check_background(profile: Profile) -> list[Fault]:
    try:
        ImageColor.getrgb(profile.background)
    # A value of another type is as wrong as an unknown name.
    except (ValueError, TypeError, AttributeError):
        return [Fault("background", "not_a_colour")]
    return []


def _check_colours(profile: Profile) -> list[Fault]:
    if not isinstance(profile.colours, str):
        return [Fault("colours", "unknown")]
    try:
        palette = read_palette(profile.colours)
    except ValueError:
        return [Fault("colours", "bad_palette")]
    known = palette or profile.colours in ("colour", "grey")
    return [] if known else [Fault("colours", "unknown")]


def _check_together(profile: Profile) -> list[Fault]:
    """Return the faults of values that are right alone and wrong with each other."""
    if profile.format == "original":
        plain = Profile(format="original")
        changed = (f.name for f in fields(Profile) if getattr(profile, f.name) != getattr(plain, f.name))
        return [Fault(name, "unchanged") for name in changed]
    faults = _check_codes(profile)
    if profile.fit != "fit" and not (profile.width and profile.height):
        faults.append(Fault("fit", "needs_size"))
    if (profile.width or 1) * (profile.height or 1) > MAX_AREA_PX:
        faults.append(Fault("width", "too_large"))
    if profile.target_bytes is not None and profile.format != "jpeg":
        faults.append(Fault("target_bytes", "only_for_jpeg"))
    return faults


def _check_codes(profile: Profile) -> list[Fault]:
    palette = read_palette(profile.colours)
    if palette is None:
        needed = profile.format in RAW_BITS or profile.format == "planes"
        return [Fault("colours", "needs_palette")] if needed else []
    if profile.format == "jpeg":
        return [Fault("format", "needs_lossless")]
    if profile.format in RAW_BITS and max(palette.codes) >= 1 << RAW_BITS[profile.format]:
        return [Fault("format", "too_many_codes")]
    return []


def _panel(width: int, height: int, **values: Any) -> Profile:
    return Profile(width, height, fit="crop", **values)


# Names stand in rules and addresses, so they stay.
PROFILES: dict[str, Profile] = {
    "as-is": Profile(format="original"),
    "jpeg-320x240": Profile(320, 240, quality=80),
    "jpeg-640x480": Profile(640, 480, target_bytes=45_000),
    "jpeg-800x480": Profile(800, 480),
    "epaper-800x480-bw": _panel(800, 480, colours="palette:bw", format="bmp"),
    "epaper-800x480-bw-png": _panel(800, 480, colours="palette:bw", format="png"),
    "epaper-800x480-bw-raw": _panel(800, 480, colours="palette:bw", format="raw1"),
    "epaper-800x480-grey4": _panel(800, 480, colours="palette:grey4", format="png"),
    "epaper-800x480-grey4-raw": _panel(800, 480, colours="palette:grey4", format="raw2"),
    "epaper-800x480-grey16": _panel(800, 480, colours="palette:grey16", format="raw4"),
    "epaper-800x480-bwr": _panel(800, 480, colours="palette:bwr", format="planes"),
    "epaper-800x480-bwry": _panel(800, 480, colours="palette:bwry", format="raw2"),
    "epaper-7colour-800x480": _panel(800, 480, colours="palette:acep7", format="raw4"),
    "epaper-7colour-600x448": _panel(600, 448, colours="palette:acep7", format="raw4"),
    "epaper-spectra6-800x480": _panel(800, 480, colours="palette:spectra6", format="raw4"),
    "epaper-spectra6-1600x1200": _panel(1600, 1200, colours="palette:spectra6", format="raw4"),
    "epaper-296x128-bw": _panel(296, 128, colours="palette:bw", format="raw1"),
    "epaper-400x300-bw": _panel(400, 300, colours="palette:bw", format="raw1"),
    "tft-128x160-rgb565": _panel(128, 160, format="rgb565"),
    "tft-240x240-rgb565": _panel(240, 240, format="rgb565"),
    "tft-320x240-rgb565": _panel(320, 240, format="rgb565"),
    "tft-480x320-rgb565": _panel(480, 320, format="rgb565"),
    "oled-128x64-bw": _panel(128, 64, colours="palette:bw", format="raw1"),
}
