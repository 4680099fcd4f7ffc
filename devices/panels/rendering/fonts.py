"""Find a font of this machine for the texts on pictures, one with Chinese characters where there is one."""

from functools import lru_cache
from pathlib import Path

from .text import FontFile

# The simplified Chinese member of each collection; the first is in the project's own image.
KNOWN = (
    FontFile("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    FontFile("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2),
    FontFile("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc", 2),
    FontFile("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc", 2),
    FontFile("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc"),
    FontFile("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"),
    FontFile("/System/Library/Fonts/Hiragino Sans GB.ttc"),
    FontFile("/System/Library/Fonts/STHeiti Light.ttc", 1),
    FontFile("C:/Windows/Fonts/msyh.ttc"),
    FontFile("C:/Windows/Fonts/simsun.ttc"),
    # No Chinese, but more letters than the font that comes with Pillow.
    FontFile("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
)


def choose_font(candidates: tuple[FontFile, ...]) -> FontFile | None:
    """Return the first font that is there, None without one."""
    return next((font for font in candidates if Path(font.path).is_file()), None)


@lru_cache(maxsize=1)
def find_font() -> FontFile | None:
    """Return the best font of this machine, looked for once; None: only unaccented Latin letters can be drawn."""
    return choose_font(KNOWN)
