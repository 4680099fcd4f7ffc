"""Tell what is wrong with a picture as people see it: cut short, a grey band, black, blown out, blurred.

Measured on the small picture that becomes the preview, with Pillow alone: a millisecond or two. A picture is called faulty
only where nobody would say otherwise; fog, night and a plain wall are none.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from PIL import Image, ImageChops, ImageFilter, ImageStat

CUT_SHORT, GREY_BAND, BLACK, BLOWN_OUT, BLURRED = "cut_short", "grey_band", "black", "blown_out", "blurred"
WORDS = (CUT_SHORT, GREY_BAND, BLACK, BLOWN_OUT, BLURRED)

# Decoders fill with the middle of the scale what they got no data for, in every channel and without any grain. Fog and
# walls can be as grey, but not for so long to the very level.
_FILL = bytes([128]) * 16
_ROWS, _COLUMNS = 96, len(_FILL)
_BAND_AT_LEAST = 5
# A covered sensor of these boards reads up to 16, and its noise hardly more; a lit window at night is far above.
_BLACK_AT_MOST, _BLACK_SHARE = 36, 0.998
_WHITE_AT_LEAST, _WHITE_SHARE = 250, 0.75
# Of 160 pixels width. Cameras in focus have 0.4 to 1 between the finest detail and that four times as coarse; with a
# focus ring turned too far it falls below 0.23. Where there is little coarse detail either, nothing can be said.
_WIDTH_PX, _SHARP_AT_LEAST, _DETAIL_AT_LEAST, _ROUNDING = 160, 0.25, 5.0, 2.0
_EDGES = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, as a word of WORDS, and the figures that say so."""

    word: str
    values: dict[str, int | float] = field(default_factory=dict)


def find_fault(small: Image.Image, truncated: bool) -> Fault | None:
    """Return the worst fault of an upright RGB picture of at most a few hundred pixels; None for a sound one."""
    lost = _lost_percent(small)
    if truncated:
        return Fault(CUT_SHORT, {"lost_percent": lost} if lost else {})
    if lost:
        return Fault(GREY_BAND, {"lost_percent": lost})
    grey = small.convert("L")
    return _find_bad_light(grey) or _find_blur(grey)


def _lost_percent(small: Image.Image) -> int:
    """Return how much of the height is filled with the decoder's grey from side to side, 0 for less than a band."""
    if small.width < _COLUMNS or small.height < _BAND_AT_LEAST:
        return 0
    size = (_COLUMNS, _ROWS)
    channels = small.convert("YCbCr").split()
    step = ImageChops.difference(channels[0], ImageChops.offset(channels[0], 1, 0))
    cells = [channel.resize(size, Image.Resampling.BOX).tobytes() for channel in channels]
    steps = step.resize(size, Image.Resampling.BOX).tobytes()
    flat = [not any(steps[row]) and all(cell[row] == _FILL for cell in cells) for row in _slices()]
    bands = [len(list(rows)) for is_flat, rows in groupby(flat) if is_flat]
    widest = max(bands, default=0)
    return round(100 * sum(bands) / _ROWS) if widest >= _BAND_AT_LEAST else 0


def _slices() -> Iterator[slice]:
    return (slice(row * _COLUMNS, (row + 1) * _COLUMNS) for row in range(_ROWS))


def _find_bad_light(grey: Image.Image) -> Fault | None:
    histogram = grey.histogram()
    pixels = sum(histogram)
    dark, white = sum(histogram[: _BLACK_AT_MOST + 1]), sum(histogram[_WHITE_AT_LEAST:])
    if dark >= _BLACK_SHARE * pixels:
        return Fault(BLACK, {"brightness": round(ImageStat.Stat(grey).mean[0])})
    if white >= _WHITE_SHARE * pixels:
        return Fault(BLOWN_OUT, {"white_percent": round(100 * white / pixels)})
    return None


def _find_blur(grey: Image.Image) -> Fault | None:
    if grey.width < _WIDTH_PX or grey.height < _WIDTH_PX // 4:
        return None
    height = round(grey.height * _WIDTH_PX / grey.width)
    fine = grey.resize((_WIDTH_PX, height), Image.Resampling.BOX)
    coarse = _detail_of(fine.reduce(4))
    if coarse < _DETAIL_AT_LEAST:
        return None
    # What rounding to whole levels adds by itself is no detail.
    finest = max(0.0, _detail_of(fine) ** 2 - _ROUNDING**2) ** 0.5
    sharpness = round(finest / coarse, 3)
    return Fault(BLURRED, {"sharpness": sharpness}) if sharpness < _SHARP_AT_LEAST else None


def _detail_of(grey: Image.Image) -> float:
    width, height = grey.size
    return ImageStat.Stat(grey.filter(_EDGES).crop((1, 1, width - 1, height - 1))).stddev[0]
