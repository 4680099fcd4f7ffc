"""A bay whose light follows the hour, with a town, a lighthouse and a sailing boat."""

import math
import random
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from simulators.painting import Colour, Point, Size, along, blend, faded, glow, ridge, ripples, shape, tint
from simulators.skies import LOW, daylight, dress_sky, sky


@lru_cache(maxsize=4)
def town(size: Size, seed: int) -> tuple[Image.Image, Image.Image, Image.Image]:
    """Return the masks of the houses along the shore, their sunlit roofs and their windows."""
    dice = random.Random(seed)
    big = (size[0] * 2, size[1] * 2)
    walls, roofs, windows = (Image.new("L", big) for _ in range(3))
    wall, roof, window = (ImageDraw.Draw(mask) for mask in (walls, roofs, windows))
    x = 0.0
    while x < big[0]:
        wide, tall = dice.uniform(0.05, 0.11) * big[0], dice.uniform(0.3, 0.62) * big[1]
        top = big[1] - tall
        wall.rectangle((x, top, x + wide, big[1]), fill=round(dice.uniform(150, 255)))
        peak = min(tall * 0.35, wide * 0.42)
        roof.polygon(((x - 3, top), (x + wide / 2, top - peak), (x + wide + 3, top)), fill=255)
        gap = big[0] * 0.019
        for column in range(int((wide - gap / 2) / gap)):
            for row in range(int(tall / gap / 1.35)):
                if dice.random() < 0.42:
                    left, up = x + gap * (column + 0.5), top + gap * (0.45 + row * 1.35)
                    window.rectangle(
                        (left, up, left + gap * 0.42, up + gap * 0.6), fill=round(dice.uniform(120, 255))
                    )
        x += wide
    return walls.reduce(2), roofs.reduce(2), windows.reduce(2)


@lru_cache(maxsize=8)
def sailing_boat(height: int, heel: int) -> tuple[Image.Image, Image.Image]:
    """Return the masks of the sails and of the hull with its mast; `heel` is the lean in pixels."""
    h = float(height)
    size = (int(h * 0.9), height)
    mast = h * 0.42 + heel
    main = ((mast, h * 0.02), (h * 0.45, h * 0.74), (h * 0.83, h * 0.76), (h * 0.66 + heel * 0.6, h * 0.42))
    jib = (
        (mast - h * 0.02, h * 0.1),
        (h * 0.41, h * 0.74),
        (h * 0.08, h * 0.76),
        (h * 0.25 + heel * 0.5, h * 0.45),
    )
    hull = ((h * 0.02, h * 0.8), (h * 0.88, h * 0.8), (h * 0.78, h * 0.93), (h * 0.16, h * 0.93))
    pole = ((mast - 1, 0.0), (mast + 1, 0.0), (h * 0.435 + 1, h * 0.82), (h * 0.435 - 1, h * 0.82))
    return shape(size, main, jib), shape(size, hull, pole)


def paint_harbour(size: Size, t: float, hour: float, seed: int) -> Image.Image:
    """Paint a bay with hills, a town, a lighthouse, a sailing boat, and the sun or moon on the water."""
    wide, tall = size
    horizon = int(tall * 0.56)
    light = daylight(hour)
    haze = along(LOW, hour)
    picture = Image.new("RGB", size)
    picture.paste(sky((wide, horizon), hour))
    lamp = dress_sky(picture, (wide, horizon), t, hour, seed)
    for layer, (height, depth) in enumerate(((0.42, 0.72), (0.3, 0.5), (0.17, 0.28))):
        hills = shape((wide, horizon), ridge((wide, horizon), 1.0, height, seed * 7 + layer, 0.48))
        dark = tint((46, 66, 74), 0.25 + 0.75 * light)
        picture.paste(blend(dark, haze, depth), (0, 0), hills)
    _paint_town(picture, horizon, light, haze, seed)
    _paint_water(picture, horizon, t, hour, lamp, seed)
    _paint_lighthouse(picture, horizon, t, light, haze)
    _paint_boat(picture, horizon, t, light, haze, seed)
    return picture


def _paint_town(picture: Image.Image, horizon: int, light: float, haze: Colour, seed: int) -> None:
    size = (int(picture.width * 0.46), int(picture.height * 0.13))
    place = (picture.width - size[0], horizon - size[1])
    walls, roofs, windows = town(size, seed)
    picture.paste(blend(tint((214, 196, 176), 0.16 + 0.8 * light), haze, 0.25), place, walls)
    picture.paste(blend(tint((150, 86, 70), 0.16 + 0.8 * light), haze, 0.2), place, roofs)
    if light < 0.75:
        picture.paste((255, 214, 138), place, faded(windows, 1.2 - light))
        glow(picture, (picture.width * 0.8, horizon), picture.width * 0.3, (120, 84, 44), 0.6 * (1 - light))
    else:
        picture.paste((92, 98, 104), place, faded(windows, 0.6))


def _paint_water(picture: Image.Image, horizon: int, t: float, hour: float, lamp: Point, seed: int) -> None:
    """Mirror what stands above the horizon, darken it with depth, and move wave crests over it."""
    wide, deep = picture.width, picture.height - horizon
    mirror = picture.crop((0, horizon - deep if deep < horizon else 0, wide, horizon)).resize((wide, deep))
    mirror = mirror.transpose(Image.Transpose.FLIP_TOP_BOTTOM).filter(ImageFilter.BoxBlur((3, 9)))
    depth = tint((28, 62, 78), 0.2 + 0.8 * daylight(hour))
    water = Image.composite(Image.new("RGB", (wide, deep), depth), mirror, _depth_mask((wide, deep)))
    crests = ripples((wide, deep), seed)
    first = ImageChops.offset(crests, int(t * 9) % wide, 0)
    second = ImageChops.offset(crests, -int(t * 14) % wide, 5)
    moving = ImageChops.multiply(first, second)
    water.paste(
        tint(depth, 0.55), (0, 0), ImageChops.invert(first).point([max(0, v - 150) for v in range(256)])
    )
    water.paste(along(LOW, hour), (0, 0), moving.point([min(150, max(0, v - 36) * 2) for v in range(256)]))
    path = _light_path((int(wide * 0.5), deep))
    glitter = Image.new("L", (wide, deep))
    glitter.paste(path, (int(lamp[0] - path.width / 2), 0))
    sparks = moving.point([min(255, max(0, v - 28) * 6) for v in range(256)])
    height = max(0.0, 1 - lamp[1] / horizon)
    water.paste(blend((255, 206, 140), (255, 250, 230), height), (0, 0), ImageChops.multiply(glitter, sparks))
    picture.paste(water, (0, horizon))


@lru_cache(maxsize=4)
def _depth_mask(size: Size) -> Image.Image:
    return (
        Image.linear_gradient("L")
        .resize(size)
        .point([round(70 + 150 * (v / 255) ** 0.7) for v in range(256)])
    )


@lru_cache(maxsize=4)
def _light_path(size: Size) -> Image.Image:
    """Return the mask of a lamp's reflection: narrow at the horizon, wide near by."""
    half = size[0] / 2
    outline = (
        (half * 0.86, 0.0),
        (half * 1.14, 0.0),
        (half * 1.62, float(size[1])),
        (half * 0.38, float(size[1])),
    )
    return faded(shape(size, outline).filter(ImageFilter.GaussianBlur(size[0] / 22)), 0.95)


def _paint_lighthouse(picture: Image.Image, horizon: int, t: float, light: float, haze: Colour) -> None:
    wide, tall = picture.size
    rock = shape((int(wide * 0.3), int(tall * 0.09)), _rock_outline(int(wide * 0.3), int(tall * 0.09)))
    top, foot, x = horizon - tall * 0.235, horizon + tall * 0.012, wide * 0.12
    picture.paste(
        blend(tint((54, 52, 52), 0.25 + 0.75 * light), haze, 0.1), (0, int(horizon - tall * 0.045)), rock
    )
    tower = Image.new("RGB", (int(wide * 0.05), int(foot - top)), tint((236, 232, 224), 0.34 + 0.64 * light))
    bands = ImageDraw.Draw(tower)
    for band in (0.3, 0.66):
        edge = tower.height * band
        bands.rectangle(
            (0, edge, tower.width, edge + tower.height * 0.17), fill=tint((178, 56, 48), 0.36 + 0.64 * light)
        )
    w, h = float(tower.width), float(tower.height)
    mask = shape(tower.size, ((w * 0.3, h * 0.16), (w * 0.7, h * 0.16), (w * 0.86, h), (w * 0.14, h)))
    shade = (
        Image.linear_gradient("L")
        .rotate(90)
        .resize(tower.size)
        .point([255 - v * 110 // 255 for v in range(256)])
    )
    picture.paste(
        ImageChops.multiply(tower, Image.merge("RGB", [shade] * 3)), (int(x - w / 2), int(top)), mask
    )
    head = (
        (w * 0.22, h * 0.16),
        (w * 0.22, h * 0.135),
        (w * 0.34, h * 0.13),
        (w * 0.34, h * 0.05),
        (w * 0.5, 0.0),
    )
    head += tuple((w - px, py) for px, py in reversed(head[:4]))
    picture.paste(
        tint((62, 40, 40), 0.35 + 0.65 * light), (int(x - w / 2), int(top)), shape(tower.size, head)
    )
    flash = max(0.0, math.cos(t / 6 * math.tau)) ** 6 * (1 - 0.75 * light)
    glow(picture, (x, top + h * 0.095), wide * (0.03 + 0.09 * flash), (255, 232, 170), 0.5 + 0.5 * flash, 1.8)


def _rock_outline(wide: int, tall: int) -> tuple[Point, ...]:
    dice = random.Random(4)
    tops = [
        (wide * i / 14, tall * (0.1 + 0.75 * (i / 14) ** 1.6 + dice.uniform(-0.07, 0.07))) for i in range(15)
    ]
    return ((0.0, float(tall)), *tops, (float(wide), float(tall)))


def _paint_boat(picture: Image.Image, horizon: int, t: float, light: float, haze: Colour, seed: int) -> None:
    wide, tall = picture.size
    way = ((t / 150 + seed * 0.37 + 0.3) % 1.0) * 1.3 - 0.15
    heel = round(math.sin(t * 0.7) * tall * 0.004)
    height = int(tall * 0.19)
    sails, hull = sailing_boat(height, heel)
    x, y = int(wide * way), int(horizon + tall * 0.1 - height + math.sin(t * 0.9) * tall * 0.003)
    white = blend(tint((250, 246, 236), 0.24 + 0.76 * light), haze, 0.12)
    dark = blend(tint((58, 34, 36), 0.3 + 0.7 * light), haze, 0.08)
    for mask, colour in ((sails, white), (hull, dark)):
        reflection = mask.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((mask.width, int(height * 0.7)))
        picture.paste(
            colour, (x, y + int(height * 0.92)), faded(reflection.filter(ImageFilter.BoxBlur((5, 2))), 0.3)
        )
        picture.paste(colour, (x, y), mask)
    shade = faded(ImageChops.multiply(sails, Image.linear_gradient("L").rotate(90).resize(sails.size)), 0.28)
    picture.paste(tint((70, 84, 110), 0.4 + 0.6 * light), (x, y), shade)
    if light < 0.5:
        glow(picture, (x + height * 0.42, y + height * 0.05), wide * 0.02, (255, 240, 200), 1.0)
