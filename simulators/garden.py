"""A garden whose light follows the hour: a tree, a bird table and flowers in the wind."""

import math
import random
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from simulators.painting import (
    Colour,
    Point,
    Size,
    along,
    blend,
    faded,
    ridge,
    shadow,
    shape,
    texture,
    tint,
    vertical,
)
from simulators.skies import LOW, daylight, dress_sky, sky


@lru_cache(maxsize=4)
def tree(size: Size, seed: int) -> tuple[Image.Image, Image.Image, Image.Image]:
    """Return the masks of a tree's trunk, of its leaves and of the leaves that catch the light."""
    dice = random.Random(seed)
    wide, tall = size
    trunk = (
        (wide * 0.475, tall * 0.4),
        (wide * 0.525, tall * 0.4),
        (wide * 0.545, tall * 0.97),
        (wide * 0.445, tall * 0.97),
    )
    boughs = (
        (
            (wide * 0.49, tall * 0.72),
            (wide * 0.22, tall * 0.42),
            (wide * 0.25, tall * 0.4),
            (wide * 0.52, tall * 0.66),
        ),
    )
    leaves, bright = Image.new("L", size), Image.new("L", size)
    under, sunny = ImageDraw.Draw(leaves), ImageDraw.Draw(bright)
    # The crown is a heap of round tufts; each catches the light on its upper left side.
    for _ in range(34):
        angle, reach = dice.random() * math.tau, math.sqrt(dice.random())
        cx, cy = wide * (0.5 + 0.32 * reach * math.cos(angle)), tall * (0.33 + 0.2 * reach * math.sin(angle))
        tuft = dice.uniform(0.08, 0.14) * wide
        for _ in range(70):
            turn, out = dice.random() * math.tau, math.sqrt(dice.random()) * tuft
            x, y, r = (
                cx + out * math.cos(turn),
                cy + out * 0.85 * math.sin(turn),
                dice.uniform(0.006, 0.015) * wide,
            )
            under.ellipse((x - r, y - r * 0.8, x + r, y + r * 0.8), fill=round(dice.uniform(205, 255)))
            lit = max(0.0, (cx - x) * 0.5 + (cy - y)) / tuft
            if dice.random() < lit * 1.3:
                sunny.ellipse(
                    (x - r * 0.8, y - r, x + r * 0.6, y + r * 0.3), fill=round(50 + 170 * min(1.0, lit))
                )
    soft = ImageFilter.GaussianBlur(0.8)
    return shape(size, trunk, *boughs), leaves.filter(soft), bright.filter(soft)


@lru_cache(maxsize=4)
def meadow(size: Size, seed: int) -> Image.Image:
    """Return the lawn in neutral light: mown stripes in perspective, mottled, and paler far away."""
    lawn = vertical(size, ((0.0, (150, 176, 92)), (0.35, (108, 148, 66)), (1.0, (62, 104, 44)))).copy()
    far, near = size[0] * 0.09, size[0] * 0.42
    for stripe in range(-6, 7, 2):
        middle = size[0] * 0.5
        outline = ((middle + stripe * far, 0.0), (middle + (stripe + 1) * far, 0.0))
        outline += ((middle + (stripe + 1) * near, float(size[1])), (middle + stripe * near, float(size[1])))
        lawn.paste((176, 196, 112), (0, 0), faded(shape(size, outline), 0.16))
    speckle = texture(size, (size[0] // 7, size[1] // 5), seed, 208, 255)
    return ImageChops.multiply(lawn, Image.merge("RGB", [speckle] * 3))


@lru_cache(maxsize=16)
def border(size: Size, seed: int, sway: int) -> tuple[Image.Image, Image.Image]:
    """Return a bed of leaves and flowers with its mask; `sway` bends the stems by so many pixels."""
    dice = random.Random(seed)
    bed, mask = Image.new("RGB", size, (42, 80, 38)), Image.new("L", size)
    draw, cover = ImageDraw.Draw(bed), ImageDraw.Draw(mask)
    petals = ((226, 92, 110), (244, 196, 92), (236, 232, 240), (150, 110, 200), (240, 138, 72))
    for plant in range(420):
        depth = plant / 420
        x, foot = dice.random() * size[0], size[1] * (0.74 + 0.5 * depth)
        height = size[1] * dice.uniform(0.34, 0.66)
        bend = sway * dice.uniform(0.5, 1.2) + dice.uniform(-6, 6)
        green = tint((78, 128, 58), 0.55 + 0.5 * depth + dice.uniform(-0.1, 0.1))
        blade = ((x - 3, foot), (x + 3, foot), (x + bend + 1, foot - height))
        draw.polygon(blade, fill=green)
        cover.polygon(blade, fill=255)
        r = size[1] * dice.uniform(0.018, 0.044)
        head = (x + bend - r, foot - height - r, x + bend + r, foot - height + r * 0.8)
        colour = tint(dice.choice(petals), 0.7 + 0.35 * depth) if dice.random() < 0.34 else tint(green, 1.15)
        draw.ellipse(head, fill=colour)
        cover.ellipse(head, fill=255)
        draw.ellipse(
            (x + bend - r * 0.3, foot - height - r * 0.4, x + bend + r * 0.3, foot - height + r * 0.2),
            fill=tint(colour, 0.8),
        )
    cover.rectangle((0, size[1] * 0.95, size[0], size[1]), fill=255)
    return bed.filter(ImageFilter.GaussianBlur(0.7)), mask.filter(ImageFilter.GaussianBlur(0.7))


def paint_garden(size: Size, t: float, hour: float, seed: int) -> Image.Image:
    """Paint a lawn with a tree, a bird table that a bird visits, and a bed of flowers in the wind."""
    wide, tall = size
    horizon = int(tall * 0.5)
    light, haze = daylight(hour), along(LOW, hour)
    picture = Image.new("RGB", size)
    picture.paste(sky((wide, horizon), hour))
    dress_sky(picture, (wide, horizon), t, hour, seed)
    for layer, (height, depth) in enumerate(((0.36, 0.6), (0.2, 0.3))):
        hills = shape((wide, horizon), ridge((wide, horizon), 1.0, height, seed * 5 + layer, 0.4))
        picture.paste(blend(tint((58, 92, 62), 0.22 + 0.78 * light), haze, depth), (0, 0), hills)
    ambient = blend((52, 66, 112), blend(haze, (255, 255, 250), 0.75), min(1.0, 0.1 + light))
    lit = Image.new("RGB", (wide, tall - horizon), ambient)
    picture.paste(ImageChops.multiply(meadow(lit.size, seed), lit), (0, horizon))
    _paint_tree(picture, horizon, ambient, seed)
    _paint_bird_table(picture, horizon, t, ambient, light, seed)
    bed, mask = border((wide, int(tall * 0.3)), seed, round(5 * math.sin(t * 0.8)))
    flowers = ImageChops.multiply(bed, Image.new("RGB", bed.size, ambient))
    picture.paste(flowers, (0, tall - bed.height), mask)
    return picture


def _under(colour: Colour, ambient: Colour) -> Colour:
    """Return a surface's colour under the ambient light."""
    red, green, blue = (part * lamp // 255 for part, lamp in zip(colour, ambient, strict=True))
    return (red, green, blue)


def _paint_tree(picture: Image.Image, horizon: int, ambient: Colour, seed: int) -> None:
    wide, tall = picture.size
    size = (int(wide * 0.46), int(tall * 0.62))
    place = (int(wide * 0.02), int(horizon - tall * 0.42))
    shade = shadow((int(wide * 0.5), int(tall * 0.1)))
    picture.paste(_under((30, 56, 28), ambient), (int(wide * 0.03), place[1] + int(size[1] * 0.9)), shade)
    trunk, leaves, bright = tree(size, seed)
    picture.paste(_under((86, 66, 52), ambient), place, trunk)
    picture.paste(_under((58, 98, 48), ambient), place, leaves)
    picture.paste(_under((164, 190, 88), ambient), place, bright)


def _paint_bird_table(
    picture: Image.Image, horizon: int, t: float, ambient: Colour, light: float, seed: int
) -> None:
    wide, tall = picture.size
    size = (int(wide * 0.17), int(tall * 0.44))
    w, h = float(size[0]), float(size[1])
    place = (int(wide * 0.68), int(horizon - tall * 0.13))
    shade = shadow((int(w * 1.3), int(h * 0.12)))
    picture.paste(_under((34, 60, 30), ambient), (place[0] - int(w * 0.1), place[1] + int(h * 0.93)), shade)
    wood = shape(
        size,
        ((w * 0.46, h * 0.4), (w * 0.54, h * 0.4), (w * 0.55, h), (w * 0.45, h)),
        ((w * 0.08, h * 0.37), (w * 0.92, h * 0.37), (w * 0.92, h * 0.41), (w * 0.08, h * 0.41)),
        ((w * 0.16, h * 0.16), (w * 0.2, h * 0.16), (w * 0.2, h * 0.38), (w * 0.16, h * 0.38)),
        ((w * 0.8, h * 0.16), (w * 0.84, h * 0.16), (w * 0.84, h * 0.38), (w * 0.8, h * 0.38)),
    )
    roof = shape(
        size,
        ((0.0, h * 0.2), (w * 0.5, h * 0.02), (w, h * 0.2), (w * 0.97, h * 0.225), (w * 0.03, h * 0.225)),
    )
    picture.paste(_under((142, 106, 74), ambient), place, wood)
    picture.paste(_under((112, 66, 52), ambient), place, roof)
    visit = (t / 20 + seed * 0.29) % 1.0
    if light > 0.2 and visit < 0.6:
        hop = abs(math.sin(t * 2.1)) * h * 0.014
        spot = (place[0] + w * (0.36 + 0.24 * math.sin(t * 0.4)), place[1] + h * 0.37 - hop)
        _paint_bird(picture, spot, h * 0.085, ambient)


def _paint_bird(picture: Image.Image, foot: Point, scale: float, ambient: Colour) -> None:
    size = (int(scale * 2.4), int(scale * 1.6))
    s = scale
    body = tuple(
        (s * 1.15 + s * 0.62 * math.cos(a / 8), s * 0.9 + s * 0.46 * math.sin(a / 8)) for a in range(50)
    )
    head = tuple(
        (s * 1.68 + s * 0.31 * math.cos(a / 8), s * 0.5 + s * 0.31 * math.sin(a / 8)) for a in range(50)
    )
    tail = ((s * 0.7, s * 0.75), (s * 0.05, s * 0.62), (s * 0.1, s * 0.85), (s * 0.75, s * 1.1))
    beak = ((s * 1.95, s * 0.42), (s * 2.28, s * 0.53), (s * 1.93, s * 0.6))
    breast = tuple(
        (s * 1.4 + s * 0.34 * math.cos(a / 8), s * 0.92 + s * 0.34 * math.sin(a / 8)) for a in range(50)
    )
    place = (int(foot[0] - s * 1.2), int(foot[1] - s * 1.36))
    for outline, colour in (
        (tail, (74, 84, 96)),
        (body, (96, 108, 120)),
        (head, (70, 82, 98)),
        (breast, (226, 118, 62)),
        (beak, (54, 44, 40)),
    ):
        picture.paste(_under(colour, ambient), place, shape(size, outline))
