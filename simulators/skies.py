"""The sky of every scene: its colours by the hour, stars, clouds, sun and moon."""

import math
import random
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from simulators.painting import Point, Size, along, blend, faded, glow, shape, texture, vertical

# Hour -> colour of the zenith, of the middle and of the sky at the horizon.
ZENITH = (
    (0, (9, 14, 32)),
    (5, (22, 30, 62)),
    (6.5, (58, 84, 138)),
    (9, (70, 126, 190)),
    (16, (66, 120, 184)),
)
ZENITH += ((18.3, (64, 78, 132)), (19.6, (32, 36, 78)), (21.5, (10, 15, 36)), (24, (9, 14, 32)))
MIDDLE = (
    (0, (18, 26, 50)),
    (5, (62, 62, 104)),
    (6.5, (176, 148, 164)),
    (9, (138, 182, 216)),
    (16, (142, 180, 210)),
)
MIDDLE += ((18.3, (214, 142, 122)), (19.6, (104, 70, 110)), (21.5, (20, 28, 56)), (24, (18, 26, 50)))
LOW = (
    (0, (32, 44, 70)),
    (5, (168, 116, 116)),
    (6.5, (252, 206, 156)),
    (9, (214, 230, 236)),
    (16, (226, 226, 216)),
)
LOW += ((18.3, (255, 190, 116)), (19.6, (208, 110, 92)), (21.5, (38, 48, 78)), (24, (32, 44, 70)))


def daylight(hour: float) -> float:
    """Return how light it is, from 0 at night to 1 at noon."""
    return min(1.0, max(0.0, 0.5 + 1.35 * math.sin((hour - 6.0) / 24 * math.tau)))


def sky(size: Size, hour: float) -> Image.Image:
    """Paint a sky down to the horizon at the picture's lower edge."""
    # A tenth of an hour is finer than the eye and lets the gradient be kept between frames.
    hour = round(hour, 1)
    stops = ((0.0, along(ZENITH, hour)), (0.55, along(MIDDLE, hour)), (1.0, along(LOW, hour)))
    return vertical(size, stops).copy()


@lru_cache(maxsize=4)
def stars(size: Size, seed: int) -> Image.Image:
    """Return a mask of stars, fainter towards the horizon."""
    dice, mask = random.Random(seed), Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    for _ in range(170):
        x, y = dice.random() * size[0], dice.random() ** 1.5 * size[1] * 0.9
        bright = round(dice.uniform(60, 220) * (1 - y / size[1]))
        draw.ellipse((x, y, x + 1 + (bright > 150), y + 1 + (bright > 150)), fill=bright)
    return mask


@lru_cache(maxsize=4)
def clouds(size: Size, seed: int) -> Image.Image:
    """Return a mask of long thin clouds, twice as wide as the sky so that it can drift."""
    wide = (size[0] * 2, size[1])
    mask = texture(wide, (14, 16), seed)
    mask = ImageChops.multiply(mask, texture(wide, (44, 34), seed + 1, 120, 255))
    mask = mask.point([max(0, min(200, (v - 92) * 2)) for v in range(256)])
    fade = (
        Image.linear_gradient("L")
        .resize(wide)
        .point([round(255 * math.sin(v / 255 * math.pi)) for v in range(256)])
    )
    return ImageChops.multiply(mask, fade).filter(ImageFilter.GaussianBlur(2))


def dress_sky(picture: Image.Image, size: Size, t: float, hour: float, seed: int) -> Point:
    """Add stars, clouds and the sun or moon to the upper part; return where the light stands."""
    night = 1 - min(1.0, daylight(hour) * 2.5)
    if night > 0:
        picture.paste((235, 240, 255), (0, 0), faded(stars(size, seed), night))
    is_day = 5.4 <= hour <= 19.0
    along_arc = (hour - 5.4) / 13.6 if is_day else ((hour - 18.2) % 24) / 12.2
    place = (size[0] * (0.1 + 0.8 * along_arc), size[1] * (1.02 - 0.86 * math.sin(along_arc * math.pi)))
    if is_day:
        warm = along(
            ((0, (255, 176, 92)), (0.3, (255, 240, 206)), (1, (255, 250, 236))), math.sin(along_arc * math.pi)
        )
        glow(picture, place, size[0] * 0.42, warm, 0.55, 2.4)
        glow(picture, place, size[0] * 0.07, (255, 250, 232), 1.0, 0.8)
    else:
        glow(picture, place, size[0] * 0.16, (176, 196, 236), 0.4, 2.6)
        r = size[0] * 0.018
        disc = shape(
            (int(r * 2) + 2,) * 2,
            tuple((r + r * math.cos(a / 20), r + r * math.sin(a / 20)) for a in range(126)),
        )
        picture.paste((232, 236, 240), (int(place[0] - r), int(place[1] - r)), disc)
    drift = int(t * size[0] / 240) % size[0]
    lit = blend(along(LOW, hour), (255, 255, 255), 0.45 * daylight(hour))
    band = clouds(size, seed).crop((drift, 0, drift + size[0], size[1]))
    picture.paste(lit, (0, 0), faded(band, 0.35 + 0.4 * daylight(hour)))
    return place
