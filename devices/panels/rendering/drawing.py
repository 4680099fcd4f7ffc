"""Draw a picture as a panel wants it: turned, fitted, in its colours, with its texts, packed into its bytes.

RenderRefused        the picture cannot be drawn so; `word` says why and stays the same
├── NotImage         not_image: not a picture that is taken, or too damaged to draw
├── TooManyPixels    too_many_pixels: its header promises more pixels than are safe to decode
├── TargetTooSmall   target_too_small: no JPEG of it is as small as `target_bytes`
└── BadProfile       bad_profile: `faults` says what is wrong

The same picture, profile and texts give the same bytes.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageColor

from devices.protocol.pictures.jpeg_end import EndFinder
from photohub.lib.memory import scaling as picture_scaling
from photohub.lib.memory.orientation import SIDEWAYS, make_upright, read_orientation

from . import formats
from .formats import RAW_BITS, Palette, read_palette
from .profile_values import PROFILES, Fault, Profile, check
from .text import FontFile, Paint, make_readable, write_band

__all__ = [
    "PROFILES", "BadProfile", "Fault", "FontFile", "NotImage", "Profile", "RenderRefused", "Rendered",
    "TargetTooSmall", "TooManyPixels", "check", "preview", "render",
]  # fmt: skip

MAX_PIXELS = 40_000_000
MAX_SCANS = 100
_TAKEN = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
_TYPES = {
    "jpeg": ("image/jpeg", "jpg"), "png": ("image/png", "png"), "webp": ("image/webp", "webp"),
    "bmp": ("image/bmp", "bmp"), "gif": ("image/gif", "gif"),
}  # fmt: skip
_PACKED = ("application/octet-stream", "bin")
_END_OF_IMAGE = b"\xff\xd9"
# Pillow turns counter-clockwise.
_CLOCKWISE = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
# Below this a smaller picture looks better than a coarser one.
_QUALITY_AT_LEAST = 30
_SMALLER = 0.8
_SIDE_AT_LEAST_PX = 16


class RenderRefused(ValueError):
    """The picture cannot be drawn so."""

    word = ""


class NotImage(RenderRefused):
    word = "not_image"


class TooManyPixels(RenderRefused):
    word = "too_many_pixels"


class TargetTooSmall(RenderRefused):
    word = "target_too_small"


class BadProfile(RenderRefused):
    word = "bad_profile"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.word}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Rendered:
    """What goes to the panel. `width` and `height` are those of the data; `undrawn` holds characters without a glyph."""

    data: bytes
    content_type: str
    extension: str
    width: int
    height: int
    undrawn: str
    profile: Profile


def render(
    picture: bytes,
    profile: Profile,
    *,
    caption: str = "",
    stamp: str = "",
    font: FontFile | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Rendered:
    """Draw a picture as this profile says; raises RenderRefused.

    Taken are JPEG (a cut one as far as it goes), PNG, WebP, BMP and GIF (its first frame).
    """
    if faults := check(profile):
        raise BadProfile(faults)
    if profile.format == "original":
        return _keep_original(picture, profile, max_pixels)
    source = _guarded(lambda: _decode(picture, profile, max_pixels))
    caption, undrawn_in_caption = make_readable(caption, font)
    stamp, undrawn_in_stamp = make_readable(stamp, font)

    def draw(scale: float) -> Image.Image:
        frame = _frame(profile, source.size, scale)
        image = _colour(_place(source, profile, frame), profile)
        _write_texts(image, profile, caption, stamp, font)
        return _turn(image, -profile.mounting)

    image, data = _encode(draw, profile)
    kind = _TYPES.get(profile.format, _PACKED)
    return Rendered(data, *kind, *image.size, undrawn_in_caption + undrawn_in_stamp, profile)


def preview(data: bytes, profile: Profile, width: int, height: int) -> bytes:
    """Return a PNG of what people see on the panel that got these bytes; raises RenderRefused."""
    image = _guarded(lambda: _read_back(data, profile, (width, height)))
    return formats.build_png(_turn(image, profile.mounting))


def _keep_original(picture: bytes, profile: Profile, max_pixels: int) -> Rendered:
    image = _guarded(lambda: _open(picture, max_pixels))
    # Pillow calls a JPEG with more pictures behind the first MPO; to a panel it is a JPEG.
    kind = _TYPES.get((image.format or "jpeg").lower(), _TYPES["jpeg"])
    return Rendered(picture, *kind, *image.size, "", profile)


def _palette_of(profile: Profile) -> Palette:
    """Return the palette of a profile whose format packs codes: `check_profile` refuses such a one without."""
    palette = read_palette(profile.colours)
    if palette is None:
        raise ValueError(f"{profile.colours} is no palette.")
    return palette


def _read_back(data: bytes, profile: Profile, size: tuple[int, int]) -> Image.Image:
    bits = (profile.bit_order, profile.inverted)
    if profile.format in RAW_BITS:
        palette = _palette_of(profile)
        image = formats.unpack_codes(data, size, RAW_BITS[profile.format], *bits)
        return formats.attach_table(image, palette)
    if profile.format == "planes":
        palette = _palette_of(profile)
        return formats.attach_table(formats.unpack_planes(data, size, palette, *bits), palette)
    if profile.format == "rgb565":
        return formats.unpack_rgb565(data, size, profile.byte_order)
    image = _open(data, MAX_PIXELS)
    orientation = read_orientation(image) if profile.format == "original" else 1
    image = _flatten(_averageable(image), profile.background)
    return make_upright(image, orientation)


def _guarded(act: Callable[[], Image.Image]) -> Image.Image:
    try:
        return act()
    except RenderRefused:
        raise
    # The second is only a warning, which a process may have made an error.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(f"{error}") from error
    # Decoders raise many kinds of errors on damaged bytes; here they all mean the same.
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise NotImage(f"This is not a picture that can be drawn ({reason}).") from error


def _open(picture: bytes, max_pixels: int) -> Image.Image:
    """Open a picture, nothing decoded yet, once its header says a size that is safe."""
    picture = bytes(picture)
    if picture.startswith(b"\xff\xd8\xff"):
        picture = _whole_jpeg(picture)
    image = Image.open(io.BytesIO(picture), formats=_TAKEN)
    if image.width * image.height > max_pixels:
        raise TooManyPixels(
            f"The picture has {image.width} × {image.height} pixels, at most {max_pixels / 1e6:g} million are drawn."
        )
    return image


def _whole_jpeg(picture: bytes) -> bytes:
    """Return the first picture of these bytes with an end, so that the decoder draws a cut one as far as it goes."""
    # Between coded bytes FF DA cannot stand by chance, so this counts scans well enough against a made file.
    if picture.count(b"\xff\xda") > MAX_SCANS:
        raise NotImage(f"This JPEG has more than {MAX_SCANS} scans, which takes too long to draw.")
    end = EndFinder().find(picture)
    if end is not None and end > 0:
        return picture[:end]
    # Pillow's switch for cut files is one for all threads; with an EOI the decoder takes the bytes as whole.
    return picture[: -end if end else None] + _END_OF_IMAGE


def _decode(picture: bytes, profile: Profile, max_pixels: int) -> Image.Image:
    """Return the picture in RGB or L, upright and rotated, about twice as large as needed when it was larger."""
    with _open(picture, max_pixels) as image:
        orientation = read_orientation(image)
        sideways = (orientation in SIDEWAYS) != (profile.rotate in (90, 270))
        scale = min(1.0, 2 * _scale(profile, image.size[::-1] if sideways else image.size))
        wanted = (math.ceil(image.width * scale), math.ceil(image.height * scale))
        image.draft("L" if _is_grey(profile) else None, wanted)
        # By how much it is still too large: the decoder of a JPEG has made it smaller already.
        factor = image.width // wanted[0]
        source = picture_scaling.reduce(image, factor, _averageable)
        if (factor := source.width // wanted[0]) > 1:
            source = source.reduce(factor)
        source = _flatten(source, profile.background)
    return _turn(make_upright(source, orientation), profile.rotate)


def _averageable(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that can be made smaller: palettes and 16-bit greys cannot be averaged."""
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda level: level * (1 / 257)).convert("L")
    if image.mode in ("L", "RGB") and "transparency" in image.info:
        return image.convert("RGBA")
    return image if image.mode in ("L", "LA", "RGB", "RGBA") else image.convert("RGB")


def _flatten(image: Image.Image, background: str) -> Image.Image:
    """Return the picture in L or RGB, on the background where it is transparent."""
    if image.mode in ("LA", "RGBA"):
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (*ImageColor.getrgb(background)[:3], 255))
        return Image.alpha_composite(ground, layer).convert("RGB")
    image.load()
    # Encoders copy what the picture says about itself: comments, profiles, a colour that is transparent.
    image.info.clear()
    return image


def _turn(image: Image.Image, clockwise: int) -> Image.Image:
    turn = _CLOCKWISE.get(clockwise % 360)
    return image if turn is None else image.transpose(turn)


def _is_grey(profile: Profile) -> bool:
    palette = read_palette(profile.colours)
    return profile.colours == "grey" or (palette is not None and palette.is_grey)


def _box(profile: Profile) -> tuple[int | None, int | None]:
    """Return the panel's size as people see it."""
    sideways = profile.mounting in (90, 270)
    return (profile.height, profile.width) if sideways else (profile.width, profile.height)


def _scale(profile: Profile, size: tuple[int, int]) -> float:
    ratios = [limit / side for limit, side in zip(_box(profile), size, strict=True) if limit]
    choose = max if profile.fit == "crop" else min
    return choose(ratios, default=1.0)


def _frame(profile: Profile, size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return the size of the finished picture as people see it."""
    own = min(1.0, _scale(profile, size)) if profile.fit == "fit" else None
    width, height = _box(profile) if own is None else (size[0] * own, size[1] * own)
    if width is None or height is None:
        raise ValueError(f"A picture that is made to {profile.fit} needs a size.")
    return max(1, round(width * scale)), max(1, round(height * scale))


def _place(source: Image.Image, profile: Profile, frame: tuple[int, int]) -> Image.Image:
    """Return the source in a frame of this size."""
    ratios = [side / own for side, own in zip(frame, source.size, strict=True)]
    if profile.fit == "crop":
        shown = [min(own, side / max(ratios)) for side, own in zip(frame, source.size, strict=True)]
        left, top = ((own - part) / 2 for own, part in zip(source.size, shown, strict=True))
        return source.resize(frame, Image.Resampling.LANCZOS, (left, top, left + shown[0], top + shown[1]))
    if profile.fit == "fit":
        return source if source.size == frame else source.resize(frame, Image.Resampling.LANCZOS)
    inner = [max(1, round(own * min(ratios))) for own in source.size]
    ground = Image.new("RGB", frame, ImageColor.getrgb(profile.background)[:3])
    ground.paste(
        source.resize(inner, Image.Resampling.LANCZOS),
        ((frame[0] - inner[0]) // 2, (frame[1] - inner[1]) // 2),
    )
    return ground


def _colour(image: Image.Image, profile: Profile) -> Image.Image:
    if palette := read_palette(profile.colours):
        return formats.reduce_colours(image, palette, profile.dither)
    # A copy, because texts are written on it and the source may be drawn from again.
    return image.convert("L" if profile.colours == "grey" else "RGB").copy()


def _write_texts(
    image: Image.Image, profile: Profile, caption: str, stamp: str, font: FontFile | None
) -> None:
    paint = _paint(image, read_palette(profile.colours))
    for edge in ("top", "bottom"):
        left = caption if profile.caption_at == edge else ""
        right = stamp if profile.stamp_at == edge else ""
        write_band(image, edge, left, right, paint, profile.text_px, font)


def _paint(image: Image.Image, palette: Palette | None) -> Paint:
    if palette is not None:
        return Paint(*palette.darkest_and_lightest(), smooth=False)
    return Paint(0, 255, True) if image.mode == "L" else Paint((0, 0, 0), (255, 255, 255), True)


def _encode(draw: Callable[[float], Image.Image], profile: Profile) -> tuple[Image.Image, bytes]:
    """Draw and pack; only a JPEG with a limit is drawn at more than one scale."""
    if profile.format == "jpeg" and profile.target_bytes is not None:
        return _encode_within(draw, profile.quality, profile.target_bytes)
    image = draw(1.0)
    return image, _pack(image, profile)


def _pack(image: Image.Image, profile: Profile) -> bytes:
    if profile.format == "jpeg":
        return _save_jpeg(image, profile.quality)
    if profile.format == "png":
        return formats.build_png(image)
    if profile.format == "bmp":
        return formats.build_bmp(image)
    if profile.format == "rgb565":
        # A palette was dithered already.
        ordered = profile.dither != "none" and image.mode != "P"
        return formats.pack_rgb565(image.convert("RGB"), profile.byte_order, ordered)
    bits = (profile.bit_order, profile.inverted)
    if profile.format == "planes":
        return formats.pack_planes(image, _palette_of(profile), *bits)
    return formats.pack_codes(image, RAW_BITS[profile.format], *bits)


def _save_jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    # Baseline, because the small decoders of displays read nothing else.
    image.save(out, "JPEG", quality=quality, optimize=True, subsampling="4:2:0")
    return out.getvalue()


def _encode_within(
    draw: Callable[[float], Image.Image], quality: int, target_bytes: int
) -> tuple[Image.Image, bytes]:
    """Return the JPEG of the highest quality that fits, of a smaller picture where none does."""
    scale, worst = 1.0, min(quality, _QUALITY_AT_LEAST)
    while True:
        image = draw(scale)
        data = _save_jpeg(image, worst)
        if len(data) <= target_bytes:
            return image, _best_within(image, worst, quality, target_bytes) or data
        scale *= _SMALLER
        if max(image.size) * _SMALLER < _SIDE_AT_LEAST_PX:
            raise TargetTooSmall(f"No JPEG of this picture has at most {target_bytes} bytes.")


def _best_within(image: Image.Image, worst: int, quality: int, target_bytes: int) -> bytes | None:
    """Search between a quality that fits and the one that is wanted; None when nothing is better than the first."""
    best, low, high = None, worst, quality
    while low < high:
        middle = (low + high + 1) // 2
        data = _save_jpeg(image, middle)
        if len(data) <= target_bytes:
            best, low = data, middle
        else:
            high = middle - 1
    return best
