"""Making large pictures smaller without a second large one in memory.

Palettes, 16-bit greys and transparent pictures have to be converted before their pixels can be averaged. A converted copy of
a whole picture of 40 million pixels takes 160 to 320 MB, so a strip at a time is converted and made smaller.
"""

import math
from collections.abc import Callable

from PIL import Image

# Pillow averages these as they are.
_PLAIN = ("L", "RGB", "CMYK", "YCbCr")
_STRIP_ROWS = 16


def reduce(image: Image.Image, factor: int, averageable: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Return the picture made smaller by a whole factor; `averageable` converts one whose pixels cannot be averaged.

    Plain pictures are returned as they are: Pillow makes them smaller on the way to their final size.
    """
    if factor < 2 or (image.mode in _PLAIN and "transparency" not in image.info):
        return averageable(image)
    image.load()
    small: Image.Image | None = None
    height = factor * _STRIP_ROWS
    for top in range(0, image.height, height):
        box = (0, top, image.width, min(top + height, image.height))
        strip = averageable(image.crop(box)).reduce(factor)
        if small is None:
            size = (math.ceil(image.width / factor), math.ceil(image.height / factor))
            small = Image.new(strip.mode, size)
            small.info = dict(strip.info)
        small.paste(strip, (0, top // factor))
    if small is None:
        raise ValueError("A picture without rows cannot be made smaller.")
    return small
