"""A workshop: turned parts on a conveyor, a press, a signal tower and a gauge."""

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
    glow,
    letters,
    shadow,
    shape,
    texture,
    tint,
    vertical,
)
from simulators.skies import LOW, daylight, sky

PART_COLOURS = ((206, 120, 62), (92, 140, 168), (196, 176, 96), (150, 156, 160), (120, 150, 108))
BELT = ((0.0, (74, 76, 80)), (0.16, (38, 40, 44)), (0.2, (196, 158, 60)), (0.4, (168, 128, 40)))
BELT += ((0.44, (60, 66, 70)), (1.0, (30, 34, 38)))


@lru_cache(maxsize=2)
def hall(size: Size, seed: int) -> Image.Image:
    """Return the hall's back wall, floor, pipes and lamps: all that never moves."""
    wide, tall = size
    floor = int(tall * 0.7)
    picture = Image.new("RGB", size)
    picture.paste(
        vertical((wide, floor), ((0.0, (48, 60, 72)), (0.5, (96, 112, 120)), (1.0, (122, 132, 132))))
    )
    picture.paste(vertical((wide, tall - floor), ((0.0, (92, 90, 86)), (1.0, (44, 44, 46)))), (0, floor))
    draw = ImageDraw.Draw(picture)
    for column in range(0, wide, wide // 9):
        draw.line((column, 0, column, floor), fill=(70, 82, 90), width=2)
    draw.rectangle((0, floor - tall * 0.1, wide, floor), fill=(66, 88, 92))
    draw.rectangle((0, floor - tall * 0.105, wide, floor - tall * 0.098), fill=(150, 160, 156))
    for y, thick, colour in (
        (0.05, 0.018, (120, 84, 60)),
        (0.085, 0.012, (96, 110, 120)),
        (0.112, 0.007, (150, 138, 92)),
    ):
        for step in range(int(tall * thick)):
            shine = 0.6 + 0.7 * math.sin(step / (tall * thick) * math.pi)
            draw.line((0, tall * y + step, wide, tall * y + step), fill=tint(colour, shine))
    picture = picture.filter(ImageFilter.GaussianBlur(2.2))
    grime = texture(size, (24, 18), seed, 214, 255)
    return ImageChops.multiply(picture, Image.merge("RGB", [grime] * 3))


@lru_cache(maxsize=8)
def turned_part(height: int, kind: int) -> tuple[Image.Image, Image.Image]:
    """Return a machined part and its mask: a cylinder with a collar, lit from the left."""
    size = (int(height * 0.78), height)
    w, h = float(size[0]), float(height)
    steel = Image.new("L", (64, 1))
    steel.putdata(
        [round(70 + 185 * max(0.0, math.sin((x / 63 * 0.86 + 0.1) * math.pi)) ** 1.6) for x in range(64)]
    )
    body = ImageChops.multiply(
        Image.new("RGB", size, PART_COLOURS[kind]), Image.merge("RGB", [steel.resize(size)] * 3)
    )
    neck = 0.2 + 0.05 * (kind % 3)
    outline = (
        (w * neck, h * 0.08),
        (w * (1 - neck), h * 0.08),
        (w * (1 - neck), h * 0.42),
        (w, h * 0.46),
        (w, h * 0.94),
    )
    outline += ((w * 0.86, h), (w * 0.14, h), (0.0, h * 0.94), (0.0, h * 0.46), (w * neck, h * 0.42))
    draw = ImageDraw.Draw(body)
    draw.ellipse((w * neck, h * 0.02, w * (1 - neck), h * 0.14), fill=tint(PART_COLOURS[kind], 1.25))
    draw.ellipse(
        (w * (neck + 0.1), h * 0.045, w * (0.9 - neck), h * 0.115), fill=tint(PART_COLOURS[kind], 0.4)
    )
    draw.line((0, h * 0.5, w, h * 0.5), fill=tint(PART_COLOURS[kind], 1.2), width=2)
    rim = tuple(
        (w / 2 + w * (0.5 - neck) * math.cos(a / 8), h * 0.08 + h * 0.06 * math.sin(a / 8)) for a in range(50)
    )
    return body, shape(size, outline, rim)


def paint_workshop(size: Size, t: float, hour: float, seed: int) -> Image.Image:
    """Paint a conveyor with turned parts passing a press, a signal tower, and a pressure gauge."""
    wide, tall = size
    picture = hall(size, seed).copy()
    _paint_window(picture, hour)
    busy, worked_s = _shift(t, seed)
    _paint_lamps(picture)
    _paint_gauge(picture, (wide * 0.87, tall * 0.34), tall * 0.1, t, busy)
    _paint_signal_tower(picture, busy, t)
    _paint_press(picture, worked_s, busy)
    _paint_conveyor(picture, worked_s, seed)
    return picture


def _shift(t: float, seed: int) -> tuple[bool, float]:
    """Tell whether the line runs now, and for how many seconds it has run since time 0."""
    rounds, into_s = divmod(t + seed * 7.0, 40.0)
    return into_s < 33.0, rounds * 33.0 + min(into_s, 33.0)


def _paint_window(picture: Image.Image, hour: float) -> None:
    """Show the hour through a factory window, and its light on the wall."""
    wide, tall = picture.size
    size = (int(wide * 0.3), int(tall * 0.32))
    place = (int(wide * 0.05), int(tall * 0.19))
    view = sky(size, hour).filter(ImageFilter.GaussianBlur(3))
    draw = ImageDraw.Draw(view)
    frame = (44, 52, 58)
    for column in range(6):
        x = (size[0] - 4) * column / 5
        draw.rectangle((x, 0, x + 3, size[1]), fill=frame)
    for row in range(5):
        y = (size[1] - 4) * row / 4
        draw.rectangle((0, y, size[0], y + 3), fill=frame)
    picture.paste(view, place)
    light = daylight(hour)
    centre = (place[0] + size[0] / 2, place[1] + size[1] / 2)
    glow(picture, centre, wide * 0.36, tint(along(LOW, hour), 0.45), 0.55 * light, 1.7)


def _paint_lamps(picture: Image.Image) -> None:
    wide, tall = picture.size
    for x in (0.24, 0.58, 0.9):
        at = (wide * x, tall * 0.145)
        size = (int(wide * 0.1), int(tall * 0.06))
        shade = shape(
            size, ((size[0] * 0.4, 0.0), (size[0] * 0.6, 0.0), (size[0], size[1] * 1.0), (0.0, size[1] * 1.0))
        )
        ImageDraw.Draw(picture).line((at[0], 0, at[0], at[1] - size[1]), fill=(26, 30, 34), width=3)
        glow(picture, (at[0], at[1] + tall * 0.02), tall * 0.5, (255, 222, 164), 0.5, 1.8)
        picture.paste((34, 44, 46), (int(at[0] - size[0] / 2), int(at[1] - size[1])), shade)
        ImageDraw.Draw(picture).ellipse(
            (at[0] - size[0] * 0.36, at[1] - 5, at[0] + size[0] * 0.36, at[1] + 5), fill=(255, 246, 220)
        )


def _paint_conveyor(picture: Image.Image, worked_s: float, seed: int) -> None:
    wide, tall = picture.size
    top, thick = int(tall * 0.7), int(tall * 0.075)
    shift = worked_s * wide * 0.05
    under = shadow((int(wide * 1.1), int(tall * 0.13)))
    picture.paste((12, 14, 16), (int(wide * -0.05), top + int(tall * 0.17)), under)
    _paint_belt(picture, top, thick, shift)
    gap = wide * 0.175
    first = math.floor(-shift / gap)
    for index in range(first, first + 9):
        x = index * gap + shift - gap
        kind = random.Random(index * 31 + seed).randrange(len(PART_COLOURS))
        body, mask = turned_part(int(tall * 0.165), kind)
        place = (int(x), top - body.height + int(thick * 0.12))
        cast = shadow((body.width + 30, int(thick * 0.45)))
        picture.paste((10, 10, 12), (place[0] - 6, top - int(thick * 0.1)), cast)
        picture.paste(body, place, mask)


def _paint_belt(picture: Image.Image, top: int, thick: int, shift: float) -> None:
    wide, tall = picture.size
    draw = ImageDraw.Draw(picture)
    for leg in (0.12, 0.5, 0.88):
        draw.rectangle((wide * leg - 12, top, wide * leg + 12, tall * 0.94), fill=(52, 60, 64))
        draw.rectangle((wide * leg - 12, top, wide * leg - 7, tall * 0.94), fill=(92, 102, 106))
    picture.paste(vertical((wide, thick), BELT), (0, top))
    for roller in range(-1, 23):
        x, y, r = roller * wide / 22 + shift % (wide / 22), top + thick * 0.7, thick * 0.21
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(118, 126, 130), outline=(28, 32, 34), width=2)
        tip = (x + r * 0.8 * math.cos(shift / r), y + r * 0.8 * math.sin(shift / r))
        draw.line((x, y, *tip), fill=(54, 60, 64), width=2)


def _paint_press(picture: Image.Image, worked_s: float, busy: bool) -> None:
    """Paint the press in the middle; its ram comes down once for every part."""
    wide, tall = picture.size
    x, half = wide * 0.53, wide * 0.085
    stroke = max(0.0, math.sin(worked_s / 3.5 * math.tau)) ** 3 if busy else 0.0
    draw = ImageDraw.Draw(picture)
    ram = tall * (0.37 + 0.13 * stroke)
    draw.rectangle((x - half * 0.16, tall * 0.28, x + half * 0.16, ram), fill=(196, 202, 204))
    draw.rectangle((x - half * 0.16, tall * 0.28, x - half * 0.04, ram), fill=(122, 130, 134))
    draw.rounded_rectangle((x - half * 0.5, ram - 4, x + half * 0.5, ram + tall * 0.03), 4, fill=(62, 70, 74))
    head = vertical(
        (int(half * 2), int(tall * 0.13)),
        ((0.0, (86, 142, 140)), (0.15, (62, 112, 114)), (1.0, (32, 66, 70))),
    )
    picture.paste(head, (int(x - half), int(tall * 0.19)))
    draw.rectangle((x - half, tall * 0.3, x + half, tall * 0.32), fill=(226, 184, 66))
    for stripe in range(8):
        left = x - half + stripe * half / 4
        draw.polygon(
            (
                (left, tall * 0.32),
                (left + half / 8, tall * 0.32),
                (left + half / 4, tall * 0.3),
                (left + half / 8, tall * 0.3),
            ),
            fill=(34, 36, 38),
        )
    draw.text((x, tall * 0.243), "P-04", (214, 232, 226), letters(max(12, int(tall * 0.032))), "mm")
    if stroke > 0.9:
        glow(picture, (x, ram + tall * 0.03), tall * 0.07, (255, 210, 140), 0.8)


def _paint_signal_tower(picture: Image.Image, busy: bool, t: float) -> None:
    wide, tall = picture.size
    x, w, h = wide * 0.7, wide * 0.026, tall * 0.052
    draw = ImageDraw.Draw(picture)
    draw.rectangle((x - 4, tall * 0.36, x + 4, tall * 0.7), fill=(92, 98, 102))
    lit = 2 if busy else (0 if t % 2 < 1 else -1)
    lamps: tuple[tuple[Colour, Colour], ...] = (
        ((255, 74, 58), (74, 26, 26)),
        ((255, 190, 64), (84, 62, 24)),
        ((96, 240, 140), (24, 66, 42)),
    )
    for row, (on, off) in enumerate(lamps):
        top = tall * 0.36 - h * (3 - row)
        colour = on if row == lit else off
        draw.rounded_rectangle((x - w / 2, top, x + w / 2, top + h - 3), 5, fill=colour)
        draw.line(
            (x - w * 0.25, top + 5, x - w * 0.25, top + h - 9),
            fill=blend(colour, (255, 255, 255), 0.4),
            width=3,
        )
    if lit >= 0:
        glow(picture, (x, tall * 0.36 - h * (2.5 - lit)), tall * 0.13, lamps[lit][0], 0.75)
    draw.rounded_rectangle(
        (x - w * 0.4, tall * 0.36 - h * 3.2, x + w * 0.4, tall * 0.36 - h * 3), 3, fill=(40, 44, 48)
    )


def _paint_gauge(picture: Image.Image, at: Point, radius: float, t: float, busy: bool) -> None:
    """Paint a round gauge: its needle trembles while the line runs."""
    dial, mask = gauge_dial(radius)
    face = dial.copy()
    draw, c, r = ImageDraw.Draw(face), radius * 2, radius * 1.96
    level = (0.6 + 0.07 * math.sin(t * 0.31) + 0.012 * math.sin(t * 7)) if busy else 0.22
    angle = math.radians(135 + 270 * level)
    draw.line(
        (*_polar(c, -r * 0.16, angle), *_polar(c, r * 0.7, angle)), (188, 48, 40), max(3, int(r * 0.05))
    )
    draw.ellipse(_round_box(c, r * 0.09), fill=(44, 46, 50))
    shade = shadow((int(radius * 2.7), int(radius * 2.7)))
    picture.paste((16, 20, 24), (int(at[0] - radius * 1.25), int(at[1] - radius * 1.2)), shade)
    picture.paste(face.reduce(2), (int(at[0] - radius), int(at[1] - radius)), mask)


@lru_cache(maxsize=2)
def gauge_dial(radius: float) -> tuple[Image.Image, Image.Image]:
    """Return the dial at twice its size, without a needle, and its mask at the right size."""
    face = Image.new("RGB", (int(radius * 4), int(radius * 4)))
    ring = Image.new("L", face.size)
    draw, c, r = ImageDraw.Draw(face), radius * 2, radius * 1.96
    ImageDraw.Draw(ring).ellipse(_round_box(c, r), fill=255)
    for share, colour in ((1.0, (58, 64, 68)), (0.95, (176, 182, 182)), (0.87, (238, 236, 226))):
        draw.ellipse(_round_box(c, r * share), fill=colour)
    zones = ((135, 300, (92, 158, 110)), (300, 360, (222, 172, 72)), (360, 405, (198, 76, 60)))
    for start, end, colour in zones:
        draw.arc(_round_box(c, r * 0.78), start, end, fill=colour, width=max(2, int(r * 0.1)))
    for tick in range(11):
        angle, inner = math.radians(135 + tick * 27), r * (0.56 if tick % 5 == 0 else 0.62)
        ends = (*_polar(c, inner, angle), *_polar(c, r * 0.67, angle))
        draw.line(ends, fill=(52, 54, 56), width=max(2, int(r * 0.025)))
    draw.text((c, c + r * 0.42), "bar", (86, 88, 90), letters(max(10, int(r * 0.2))), "mm")
    return face, ring.reduce(2)


def _polar(centre: float, reach: float, angle: float) -> Point:
    return centre + reach * math.cos(angle), centre + reach * math.sin(angle)


def _round_box(centre: float, radius: float) -> tuple[float, float, float, float]:
    return centre - radius, centre - radius, centre + radius, centre + radius
