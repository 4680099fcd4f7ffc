"""A greenhouse: rows of plants under glass, grow lamps at night, passing mist."""

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
    glow,
    shadow,
    shape,
    texture,
    tint,
    vertical,
)
from simulators.skies import LOW, daylight, dress_sky, sky


@lru_cache(maxsize=2)
def glass_roof(size: Size) -> Image.Image:
    """Return the mask of the ribs and glazing bars of an arched house, seen along its middle."""
    mask = Image.new("L", (size[0] * 2, size[1] * 2))
    draw = ImageDraw.Draw(mask)
    cx, cy = size[0], size[1] * 1.02
    rings = [1.9 * 0.68**depth for depth in range(7)]
    for ring in rings:
        rx, ry = size[0] * ring * 0.74, size[1] * ring * 0.86
        draw.arc((cx - rx, cy - ry, cx + rx, cy + ry), 180, 360, fill=235, width=max(2, int(11 * ring)))
        for side in (-1, 1):
            draw.line(
                (cx + side * rx, cy, cx + side * rx, cy + size[1] * ring * 0.5),
                fill=235,
                width=max(2, int(11 * ring)),
            )
    for bar in range(13):
        angle = math.pi + math.pi * bar / 12
        ends = [
            (cx + size[0] * k * 0.74 * math.cos(angle), cy + size[1] * k * 0.86 * math.sin(angle))
            for k in (rings[0], rings[-1])
        ]
        draw.line((*ends[0], *ends[1]), fill=190, width=4)
    return mask.reduce(2)


@lru_cache(maxsize=160)
def seedling(height: int, kind: int, bend: int) -> tuple[Image.Image, Image.Image]:
    """Return one plant and its mask: pairs of leaves up a stem, some with fruit."""
    dice = random.Random(kind * 97)
    big = height * 2
    size = (big, big)
    plant, mask = Image.new("RGB", size), Image.new("L", size)
    draw, cover = ImageDraw.Draw(plant), ImageDraw.Draw(mask)
    hue = blend((52, 116, 56), (118, 150, 62), dice.random())
    for level in range(9):
        share = level / 8
        y, x = big * (0.95 - 0.82 * share), big * 0.5 + bend * 2 * share**2
        reach = big * (0.4 - 0.27 * share) * dice.uniform(0.85, 1.1)
        for side in (-1, 1):
            lift = reach * dice.uniform(0.15, 0.6)
            leaf = (
                (x, y),
                (x + side * reach * 0.4, y - lift - reach * 0.2),
                (x + side * reach, y - lift * 0.6),
                (x + side * reach * 0.5, y + reach * 0.12),
            )
            green = tint(hue, (0.55 + 0.6 * share) * dice.uniform(0.85, 1.15) * (1.12 if side < 0 else 0.9))
            draw.polygon(leaf, fill=green)
            draw.line((leaf[0], leaf[2]), fill=tint(green, 1.3), width=2)
            cover.polygon(leaf, fill=255)
        if kind % 2 == 0 and 1 < level < 7:
            r, fx = big * 0.035, x + dice.uniform(-0.14, 0.14) * big
            draw.ellipse(
                (fx - r, y - r, fx + r, y + r),
                fill=dice.choice(((206, 58, 44), (222, 96, 48), (150, 168, 70))),
            )
            draw.ellipse((fx - r * 0.5, y - r * 0.6, fx, y - r * 0.1), fill=(246, 190, 160))
            cover.ellipse((fx - r, y - r, fx + r, y + r), fill=255)
    return plant.reduce(2), mask.reduce(2)


def paint_greenhouse(size: Size, t: float, hour: float, seed: int) -> Image.Image:
    """Paint two benches of plants under an arched glass roof, with grow lamps at night and a passing mist."""
    wide, tall = size
    light, haze = daylight(hour), along(LOW, hour)
    horizon = int(tall * 0.46)
    picture = Image.new("RGB", size)
    outside = Image.new("RGB", (wide, horizon))
    outside.paste(sky(outside.size, hour))
    dress_sky(outside, outside.size, t, hour, seed)
    picture.paste(outside.filter(ImageFilter.BoxBlur(3)))
    ground = vertical(
        (wide, tall - horizon), ((0.0, (128, 140, 116)), (0.3, (122, 116, 98)), (1.0, (92, 84, 72)))
    )
    ambient = blend((148, 98, 152), blend(haze, (255, 255, 246), 0.7), min(1.0, 0.08 + light))
    picture.paste(ImageChops.multiply(ground, Image.new("RGB", ground.size, ambient)), (0, horizon))
    _paint_path(picture, horizon, ambient)
    rib = blend(tint((226, 232, 226), 0.25 + 0.7 * light), haze, 0.2)
    picture.paste(rib, (0, 0), glass_roof(size))
    glow(picture, (wide * 0.5, horizon), wide * 0.3, tint(haze, 0.7), 0.6 * light + 0.1)
    _paint_rows(picture, horizon, t, ambient, haze, light, seed)
    if light < 0.45:
        for row, near in ((0.2, 0.5), (0.8, 0.5), (0.35, 0.2), (0.65, 0.2)):
            _paint_grow_lamp(
                picture, (wide * row, horizon - tall * (0.02 + 0.28 * near)), near, 1 - light * 2
            )
    _paint_mist(picture, t, seed, light)
    return picture


def _paint_path(picture: Image.Image, horizon: int, ambient: Colour) -> None:
    wide, tall = picture.size
    size = (wide, tall - horizon)
    path = shape(
        size,
        (
            (wide * 0.485, 0.0),
            (wide * 0.515, 0.0),
            (wide * 0.68, float(size[1])),
            (wide * 0.32, float(size[1])),
        ),
    )
    stone = ImageChops.multiply(
        vertical(size, ((0.0, (206, 204, 190)), (1.0, (168, 160, 146)))), Image.new("RGB", size, ambient)
    )
    picture.paste(stone, (0, horizon), path)


def _paint_rows(
    picture: Image.Image, horizon: int, t: float, ambient: Colour, haze: Colour, light: float, seed: int
) -> None:
    """Paint the plants from the far end to the near one, paler with distance."""
    wide, tall = picture.size
    lit = Image.new("RGB", (1, 1), ambient)
    for step in range(13):
        near = (step / 12) ** 2.1
        foot = horizon + tall * (0.035 + 0.56 * near)
        height = int(tall * (0.06 + 0.46 * near))
        for side in (-1, 1):
            kind = (step * 5 + side + seed) % 8
            sway = round(math.sin(t * 0.6 + step * 0.7 + side) * (1 + 2 * near))
            plant, mask = seedling(height, kind, sway)
            tone = ImageChops.multiply(plant, lit.resize(plant.size))
            fog = Image.new("RGB", plant.size, tint(haze, 0.3 + 0.6 * light))
            tone = Image.blend(tone, fog, 0.42 * (1 - near) ** 2)
            x = wide * 0.5 + side * wide * (0.055 + 0.38 * near) - plant.width / 2
            bench = (34, 40, 34)
            picture.paste(
                bench, (int(x), int(foot - height * 0.06)), shadow((plant.width, max(4, int(height * 0.2))))
            )
            picture.paste(tone, (int(x), int(foot - plant.height)), mask)


def _paint_grow_lamp(picture: Image.Image, at: Point, near: float, strength: float) -> None:
    wide = picture.width
    half = wide * 0.1 * near + 8
    glow(picture, (at[0], at[1] + half * 0.6), half * 4.6, (232, 120, 214), 0.6 * strength, 1.7)
    draw = ImageDraw.Draw(picture)
    draw.line((at[0] - half * 0.7, 0, at[0] - half * 0.7, at[1]), fill=(46, 46, 52), width=2)
    draw.line((at[0] + half * 0.7, 0, at[0] + half * 0.7, at[1]), fill=(46, 46, 52), width=2)
    draw.rounded_rectangle((at[0] - half, at[1] - 5, at[0] + half, at[1] + 4), 3, fill=(52, 50, 58))
    draw.rectangle((at[0] - half * 0.92, at[1] + 3, at[0] + half * 0.92, at[1] + 6), fill=(255, 216, 248))


def _paint_mist(picture: Image.Image, t: float, seed: int, light: float) -> None:
    wide, tall = picture.size
    size = (wide, int(tall * 0.5))
    mist = texture((wide * 2, size[1]), (12, 6), seed + 9, 0, 150)
    shift = int(t * wide / 60) % wide
    band = mist.crop((shift, 0, shift + wide, size[1]))
    fade = (
        Image.linear_gradient("L")
        .resize(size)
        .point([round(255 * math.sin(v / 255 * math.pi) ** 2) for v in range(256)])
    )
    strength = 0.16 + 0.14 * math.sin(t / 30 * math.tau)
    picture.paste(
        tint((232, 238, 230), 0.4 + 0.6 * light),
        (0, int(tall * 0.3)),
        faded(ImageChops.multiply(band, fade), strength),
    )
