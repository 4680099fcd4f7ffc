"""A picture to try render profiles with: a sky, hills, greys, colours and a fine pattern."""

import io
from functools import cache

from PIL import Image, ImageDraw

WIDTH_PX, HEIGHT_PX = 960, 640
_COLOURS = ("#d22f27", "#e98a15", "#f2d024", "#2f8f46", "#2d67c4", "#7a3fa0", "#f1f1f1", "#161616")
_GREYS = 9


@cache
def sample_picture() -> bytes:
    """Return the sample as a PNG; the same bytes each time."""
    sky = Image.linear_gradient("L").resize((WIDTH_PX, HEIGHT_PX))
    image = Image.composite(Image.new("RGB", sky.size, "#f5d9a8"), Image.new("RGB", sky.size, "#3f78b8"), sky)
    draw = ImageDraw.Draw(image)
    draw.ellipse((640, 90, 800, 250), fill="#fff3cf")
    draw.polygon(
        [(0, 430), (240, 250), (470, 420), (680, 300), (960, 450), (960, 640), (0, 640)], fill="#54735c"
    )
    draw.polygon([(0, 500), (300, 400), (620, 520), (960, 420), (960, 640), (0, 640)], fill="#2f4b3a")
    _draw_bars(draw)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _draw_bars(draw: ImageDraw.ImageDraw) -> None:
    """Draw what shows how colours, greys and fine lines come out."""
    for n, colour in enumerate(_COLOURS):
        draw.rectangle((60 + n * 60, 60, 60 + n * 60 + 52, 112), fill=colour)
    for n in range(_GREYS):
        level = 255 * n // (_GREYS - 1)
        draw.rectangle((60 + n * 53, 124, 60 + n * 53 + 52, 156), fill=(level, level, level))
    for n in range(0, 120, 6):
        draw.line((60 + n * 2, 172, 60 + n * 2, 212), fill="#101010", width=1 + n // 40)
