"""Draw what viewers of a live picture see when there is none: the last one with its age, then a plain notice.

Both languages stand on the picture because one frame goes to all viewers. Pillow's own font has no Chinese
characters and a server may have no font at all, so the few that are needed are drawn here, stroke by stroke.
"""

import io
from functools import lru_cache

from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from media_pipeline.formats.images import MAX_PIXELS

NOTICE_SIZE = (640, 480)
_MAX_SIDE = 1280
_GRID = 20

_Stroke = tuple[tuple[int, int], ...]

# Each character on a grid of 20 × 20, from the upper left corner.
_STROKES: dict[str, tuple[_Stroke, ...]] = {
    "无": (
        ((3, 4), (17, 4)),
        ((2, 9), (18, 9)),
        ((9, 4), (9, 9), (7, 14), (2, 18)),
        ((11, 9), (11, 16), (12, 18), (17, 18), (18, 15)),
    ),
    "实": (
        ((10, 1), (11, 3)),
        ((3, 7), (3, 4), (18, 4), (17, 7)),
        ((6, 7), (8, 9)),
        ((4, 10), (7, 12)),
        ((2, 13), (18, 13)),
        ((12, 6), (12, 12), (9, 16), (3, 19)),
        ((12, 15), (17, 19)),
    ),
    "时": (
        ((2, 4), (2, 16)),
        ((2, 4), (7, 4), (7, 16), (2, 16)),
        ((2, 10), (7, 10)),
        ((9, 7), (18, 7)),
        ((15, 2), (15, 18), (12, 17)),
        ((10, 10), (12, 13)),
    ),
    "画": (
        ((3, 3), (17, 3)),
        ((6, 6), (14, 6), (14, 14), (6, 14), (6, 6)),
        ((10, 6), (10, 14)),
        ((6, 10), (14, 10)),
        ((3, 8), (3, 17), (17, 17)),
        ((17, 8), (17, 18)),
    ),
    "面": (
        ((2, 3), (18, 3)),
        ((10, 3), (8, 6)),
        ((3, 6), (17, 6), (17, 18), (3, 18), (3, 6)),
        ((8, 6), (8, 18)),
        ((12, 6), (12, 18)),
        ((8, 10), (12, 10)),
        ((8, 14), (12, 14)),
    ),
    "秒": (
        ((8, 2), (3, 4)),
        ((2, 7), (9, 7)),
        ((6, 3), (6, 18)),
        ((6, 8), (2, 14)),
        ((6, 9), (9, 12)),
        ((14, 2), (14, 10)),
        ((11, 5), (10, 10)),
        ((17, 5), (18, 9)),
        ((18, 11), (15, 16), (9, 19)),
    ),
    "分": (
        ((8, 2), (6, 6), (2, 10)),
        ((12, 2), (14, 6), (18, 10)),
        ((5, 10), (15, 10), (14, 17), (12, 18), (11, 17)),
        ((9, 10), (8, 14), (4, 18)),
    ),
    "钟": (
        ((6, 2), (2, 7)),
        ((5, 5), (9, 5)),
        ((3, 9), (8, 9)),
        ((2, 13), (9, 13)),
        ((5, 9), (5, 18), (9, 15)),
        ((11, 6), (18, 6), (18, 12), (11, 12), (11, 6)),
        ((14, 2), (14, 19)),
    ),
    "小": (((10, 2), (10, 18), (8, 17)), ((6, 7), (3, 13)), ((14, 7), (17, 13))),
    "前": (
        ((6, 1), (8, 4)),
        ((14, 1), (12, 4)),
        ((2, 5), (18, 5)),
        ((4, 8), (4, 18)),
        ((4, 8), (9, 8), (9, 18), (8, 17)),
        ((4, 11), (9, 11)),
        ((4, 14), (9, 14)),
        ((12, 8), (12, 15)),
        ((16, 7), (16, 18), (14, 17)),
    ),
}


@lru_cache(maxsize=1)
def draw_no_picture() -> bytes:
    """Return the frame that says in both languages that there is no live picture."""
    width, height = NOTICE_SIZE
    picture = Image.new("RGB", NOTICE_SIZE, (24, 28, 32))
    draw = ImageDraw.Draw(picture)
    for text, middle, size in (
        ("No live picture", height // 2 - 34, 36),
        ("无实时画面", height // 2 + 34, 36),
    ):
        _write(draw, ((width - _width(text, size)) // 2, middle - size // 2), text, size)
    return _encode(picture)


def draw_last(jpeg: bytes, age_s: float) -> bytes:
    """Return the last picture, dimmed, with its age in both languages; a damaged one gives the notice."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as file:
            if file.width * file.height > MAX_PIXELS:
                return draw_no_picture()
            file.draft("RGB", (_MAX_SIDE, _MAX_SIDE))
            picture = file.convert("RGB")
    except Exception:  # damaged pictures make Pillow raise whatever it likes, and the viewer waits
        return draw_no_picture()
    picture.thumbnail((_MAX_SIDE, _MAX_SIDE))
    picture = ImageEnhance.Brightness(picture).enhance(0.6)
    text, size = describe_age(age_s), max(10, min(28, picture.width // 26))
    draw, band = ImageDraw.Draw(picture), size * 2
    draw.rectangle((0, picture.height - band, picture.width, picture.height), fill=(24, 28, 32))
    _write(draw, ((picture.width - _width(text, size)) // 2, picture.height - band + size // 2), text, size)
    return _encode(picture)


def describe_age(age_s: float) -> str:
    """Return an age in both languages."""
    if age_s >= 3600:
        count, english, chinese = int(age_s // 3600), "h", "小时"
    elif age_s >= 60:
        count, english, chinese = int(age_s // 60), "min", "分钟"
    else:
        count, english, chinese = int(max(0.0, age_s)), "s", "秒"
    return f"Last picture {count} {english} ago / {count} {chinese}前"


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int) -> None:
    x, y = at
    for run in _runs(text):
        if run in _STROKES:
            _draw_strokes(draw, x, y, _STROKES[run], size)
        else:
            draw.text((x, y + size / 2), run, fill="white", font=_font(size), anchor="lm")
        x += _width(run, size)


def _draw_strokes(draw: ImageDraw.ImageDraw, x: int, y: int, strokes: tuple[_Stroke, ...], size: int) -> None:
    scale = size / _GRID
    for stroke in strokes:
        points = [(x + px * scale, y + py * scale) for px, py in stroke]
        draw.line(points, fill="white", width=max(1, round(size / 14)), joint="curve")


def _width(text: str, size: int) -> int:
    return sum(size + 2 if run in _STROKES else round(_font(size).getlength(run)) for run in _runs(text))


def _runs(text: str) -> list[str]:
    """Cut a text into drawn characters and stretches of letters."""
    runs: list[str] = []
    for char in text:
        if runs and char not in _STROKES and runs[-1] not in _STROKES:
            runs[-1] += char
        else:
            runs.append(char)
    return runs


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _encode(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()
