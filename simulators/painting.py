"""The brushes of the simulated scenes: gradients, glows, silhouettes, textures, grain and the caption.

Everything is a function of its arguments, so that a scene can be painted again to the last pixel. Brushes
that do not change from frame to frame are cached; callers must not paint on what they return.
"""

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

Colour = tuple[int, int, int]
Point = tuple[float, float]
Size = tuple[int, int]
Stops = Sequence[tuple[float, Colour]]

GRAIN_TILE = 256


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Return the mixture with `share` (0..1) of the second colour."""
    share = min(1.0, max(0.0, share))
    mixed = [round(a + (b - a) * share) for a, b in zip(first, second, strict=True)]
    return (mixed[0], mixed[1], mixed[2])


def along(stops: Stops, position: float) -> Colour:
    """Return the colour at `position` on a scale of (position, colour) stops in rising order."""
    before = stops[0]
    for after in stops:
        if position <= after[0]:
            width = after[0] - before[0]
            return blend(before[1], after[1], (position - before[0]) / width if width else 1.0)
        before = after
    return before[1]


def tint(colour: Colour, light: float) -> Colour:
    """Return the colour under more (above 1) or less light."""
    red, green, blue = (min(255, max(0, round(part * light))) for part in colour)
    return (red, green, blue)


@lru_cache(maxsize=64)
def vertical(size: Size, stops: tuple[tuple[float, Colour], ...]) -> Image.Image:
    """Return a gradient from top (0) to bottom (1)."""
    column = Image.new("RGB", (1, 128))
    column.putdata([along(stops, row / 127) for row in range(128)])
    return column.resize(size, Image.Resampling.BICUBIC)


@lru_cache(maxsize=1)
def _distance() -> Image.Image:
    """Return the distance from the middle: 0 there, 255 on the inscribed circle and beyond."""
    side, middle = 256, 127.5
    rows = [
        [min(255, round(math.hypot(x - middle, y - middle) * 2)) for x in range(side)] for y in range(side)
    ]
    return Image.frombytes("L", (side, side), bytes(value for row in rows for value in row))


@lru_cache(maxsize=64)
def halo(diameter: int, sharpness: float) -> Image.Image:
    """Return a round mask, full in the middle and fading outwards; more sharpness is a smaller core."""
    radial = _distance().resize((diameter, diameter), Image.Resampling.BILINEAR)
    return radial.point([round(255 * (1 - value / 255) ** sharpness) for value in range(256)])


@lru_cache(maxsize=32)
def shadow(size: Size) -> Image.Image:
    """Return the mask of a soft oval shadow on the ground."""
    flat = _distance().resize(size, Image.Resampling.BILINEAR)
    return flat.point([round(180 * (1 - v / 255) ** 1.1) for v in range(256)])


def glow(
    picture: Image.Image,
    centre: Point,
    radius: float,
    colour: Colour,
    strength: float = 1.0,
    sharpness: float = 2.0,
) -> None:
    """Add light around a point, as a lamp does: colours only become brighter."""
    diameter = max(2, int(radius * 2))
    left, top = int(centre[0] - radius), int(centre[1] - radius)
    box = (
        max(0, left),
        max(0, top),
        min(picture.width, left + diameter),
        min(picture.height, top + diameter),
    )
    if box[0] >= box[2] or box[1] >= box[3]:
        return
    mask = halo(diameter, sharpness).crop((box[0] - left, box[1] - top, box[2] - left, box[3] - top))
    light = Image.merge(
        "RGB", [mask.point([round(v * part * strength / 255) for v in range(256)]) for part in colour]
    )
    picture.paste(ImageChops.screen(picture.crop(box), light), box)


@lru_cache(maxsize=64)
def shape(size: Size, *outlines: tuple[Point, ...]) -> Image.Image:
    """Return a smooth-edged mask of polygons, given in pixels of the result."""
    mask = Image.new("L", (size[0] * 2, size[1] * 2))
    draw = ImageDraw.Draw(mask)
    for outline in outlines:
        draw.polygon([(x * 2, y * 2) for x, y in outline], fill=255)
    return mask.reduce(2)


def ridge(size: Size, base: float, height: float, seed: int, roughness: float = 0.5) -> tuple[Point, ...]:
    """Return the outline of hills on the bottom edge; `base` and `height` are parts of the height."""
    dice = random.Random(seed)
    waves = [(2**octave, dice.random() * math.tau, roughness**octave) for octave in range(6)]
    total = sum(weight for _, _, weight in waves)
    outline: list[Point] = [(0.0, float(size[1]))]
    for x in range(0, size[0] + 8, 4):
        turn = x / size[0] * math.tau * 0.6
        lift = sum(math.sin(turn * pace + phase) * weight for pace, phase, weight in waves) / total
        outline.append((float(x), size[1] * (base - height * (0.5 + lift / 2))))
    outline.append((float(size[0] + 8), float(size[1])))
    return tuple(outline)


@lru_cache(maxsize=16)
def texture(size: Size, cells: Size, seed: int, low: int = 0, high: int = 255) -> Image.Image:
    """Return smooth random blotches between two brightnesses, so many across and down."""
    noise = Image.frombytes("L", cells, random.Random(seed).randbytes(cells[0] * cells[1]))
    return noise.resize(size, Image.Resampling.BICUBIC).point(
        [low + (high - low) * v // 255 for v in range(256)]
    )


@lru_cache(maxsize=8)
def ripples(size: Size, seed: int) -> Image.Image:
    """Return a mask of wave crests on water seen from low above it: fine far away (top), broad near by."""
    dice = random.Random(seed)
    mask = Image.new("L", size)
    y = 0
    while y < size[1]:
        thick = 2 + int(y / size[1] * 7)
        cells = max(6, int(size[0] / (10 + 90 * y / size[1])))
        # The row is painted three times over and its middle kept, so that it closes on itself when it drifts.
        row, empty = dice.randbytes(cells) * 3, bytes(cells * 3)
        strip = Image.frombytes("L", (cells * 3, 3), empty + row + empty)
        strip = strip.resize((size[0] * 3, thick * 2), Image.Resampling.BICUBIC)
        mask.paste(strip.crop((size[0], 0, size[0] * 2, thick * 2)), (0, y))
        y += thick
    # Blurred only up and down, for the sides must go on matching.
    return mask.filter(ImageFilter.BoxBlur((0, 0.6)))


@lru_cache(maxsize=4)
def grain(size: Size, strength: int) -> Image.Image:
    """Return sensor noise around middle grey."""
    tile = Image.frombytes("L", (GRAIN_TILE, GRAIN_TILE), random.Random(1).randbytes(GRAIN_TILE**2))
    tile = tile.filter(ImageFilter.GaussianBlur(0.7)).point(
        [128 + (v - 128) * strength // 128 for v in range(256)]
    )
    sheet = Image.new("L", (size[0] + GRAIN_TILE, size[1] + GRAIN_TILE))
    for x in range(0, sheet.width, GRAIN_TILE):
        for y in range(0, sheet.height, GRAIN_TILE):
            sheet.paste(tile, (x, y))
    return sheet.convert("RGB")


@lru_cache(maxsize=4)
def lens_shade(size: Size) -> Image.Image:
    """Return the darkening of a cheap lens towards the corners, to be multiplied with a picture."""
    radial = _distance().point([255 - round(36 * (v / 255) ** 2.4) for v in range(256)])
    return radial.resize(size, Image.Resampling.BICUBIC).convert("RGB")


def develop(picture: Image.Image, frame: int, strength: int = 7) -> Image.Image:
    """Return the picture as the sensor sees it: shaded corners, and grain that moves with every frame."""
    dice = random.Random(frame)
    left, top = dice.randrange(GRAIN_TILE), dice.randrange(GRAIN_TILE)
    noise = grain(picture.size, strength).crop((left, top, left + picture.width, top + picture.height))
    return ImageChops.add(ImageChops.multiply(picture, lens_shade(picture.size)), noise, 1, -128)


@lru_cache(maxsize=8)
def letters(size: int) -> Any:
    """Return Pillow's own scalable font."""
    return ImageFont.load_default(size)


def caption(picture: Image.Image, left: str, right: str) -> None:
    """Burn the camera's name and clock into the top corners, white on a dark edge as cheap cameras do."""
    size = max(11, picture.height // 42)
    draw, pad = ImageDraw.Draw(picture), size * 3 // 4
    for text, x, anchor in ((left, pad, "la"), (right, picture.width - pad, "ra")):
        draw.text(
            (x, pad),
            text,
            (244, 246, 244),
            letters(size),
            anchor,
            stroke_width=max(1, size // 9),
            stroke_fill=(18, 20, 22),
        )


def faded(mask: Image.Image, share: float) -> Image.Image:
    """Return the mask made weaker, to `share` of its strength."""
    return mask.point([round(v * min(1.0, max(0.0, share))) for v in range(256)])
