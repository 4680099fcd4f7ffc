"""Write captions and times on pictures: in a band along an edge, wrapped, shortened, never over the rim.

Pillow brings a Latin font of its own; other scripts need a font file, which the caller names. A character that no
font has is written as its plain letter, or as one question mark for a row of them.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

MAX_CHARS = 500
_LINES_AT_MOST = 2
# What is broken between lines: words with the space behind them, and single characters of scripts without spaces.
_WORDS = re.compile(r"[^\s\u2e80-\uffef]+\s*|.", re.DOTALL)
_Face = ImageFont.FreeTypeFont | ImageFont.ImageFont


class FontFile(NamedTuple):
    """A font on disk; `index` chooses one of those in a collection."""

    path: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class Paint:
    """The values of ground and letters in the picture's own mode; `smooth` letters have soft rims."""

    ground: int | tuple[int, int, int]
    letters: int | tuple[int, int, int]
    smooth: bool


@lru_cache(maxsize=64)
def _face(font: FontFile | None, size_px: int) -> _Face | None:
    """Return a font in one size, None when the file cannot be used."""
    if font is None:
        return ImageFont.load_default(size_px)
    try:
        return ImageFont.truetype(font.path, size_px, font.index)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=8192)
def _has(font: FontFile | None, char: str) -> bool:
    """Tell whether a font can draw a character: what it cannot looks like a character that does not exist."""
    face = _face(font, 20)
    if face is None:
        return False
    drawn, absent = face.getmask(char), face.getmask("\U0010ffff")
    # Pillow's core images give their bytes, which its types do not say.
    # pyrefly: ignore[bad-argument-type]
    return drawn.getbbox() is not None and (drawn.size, bytes(drawn)) != (absent.size, bytes(absent))


class _Pen:
    """Fonts in one size: the named one where it has a character, else Pillow's own."""

    def __init__(self, font: FontFile | None, size_px: int) -> None:
        self.fonts = [font, None] if font else [None]
        self.size_px = size_px
        self.line_px = round(size_px * 1.3)
        self.ellipsis = "…" if any(_has(own, "…") for own in self.fonts) else "..."

    def font_of(self, char: str) -> FontFile | None:
        return next((font for font in self.fonts if _has(font, char)), None)

    def runs(self, text: str) -> list[tuple[_Face, str]]:
        """Cut a text where the font changes; spaces stay with what is before them."""
        found: list[tuple[FontFile | None, str]] = []
        for char in text:
            font = found[-1][0] if found and char == " " else self.font_of(char)
            if found and found[-1][0] == font:
                found[-1] = (font, found[-1][1] + char)
            else:
                found.append((font, char))
        return [(face, run) for font, run in found if (face := _face(font, self.size_px)) is not None]

    def width(self, text: str) -> float:
        return sum(face.getlength(run) for face, run in self.runs(text))

    def write(self, draw: ImageDraw.ImageDraw, x: float, baseline: float, text: str) -> None:
        for face, run in self.runs(text):
            draw.text((round(x), baseline), run, fill=255, font=face, anchor="ls")
            x += face.getlength(run)

    def shorten(self, text: str, room_px: float) -> str:
        """Return the text, or its beginning with an ellipsis, or nothing."""
        if self.width(text) <= room_px:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            fits = self.width(text[:middle].rstrip() + self.ellipsis) <= room_px
            low, high = (middle, high) if fits else (low, middle - 1)
        return text[:low].rstrip() + self.ellipsis if low else ""

    def wrap(self, text: str, room_px: float, lines_at_most: int) -> list[str]:
        """Return the lines of a text; the last one is shortened when they are not enough."""
        lines = [""]
        for word in self._words(text, room_px):
            if lines[-1] and self.width((lines[-1] + word).rstrip()) > room_px:
                lines.append("")
            lines[-1] += word
        if len(lines) > lines_at_most:
            rest = "".join(lines[lines_at_most - 1 :])
            lines = [*lines[: lines_at_most - 1], self.shorten(rest, room_px)]
        return [line for line in (line.strip() for line in lines) if line]

    def _words(self, text: str, room_px: float) -> list[str]:
        words = []
        for word in _WORDS.findall(text):
            # A word that is longer than a line is broken anywhere.
            words += list(word) if self.width(word.rstrip()) > room_px else [word]
        return words


def make_readable(text: str, font: FontFile | None = None) -> tuple[str, str]:
    """Return a text with only what can be drawn, on one line, and the characters that could not be."""
    pen, drawn, undrawn = _Pen(font, 20), [], []
    for char in " ".join(text[:MAX_CHARS].split()):
        if char == " " or any(_has(own, char) for own in pen.fonts):
            drawn.append(char)
        elif unicodedata.category(char)[0] in "CM":
            continue
        else:
            plain = _plain_letters(char, pen)
            undrawn += [] if plain else [char]
            # One mark for a row of them says as much and leaves room.
            if plain or drawn[-1:] != ["?"]:
                drawn.append(plain or "?")
    return "".join(drawn), "".join(dict.fromkeys(undrawn))


def _plain_letters(char: str, pen: _Pen) -> str:
    parts = unicodedata.normalize("NFKD", char)
    return "".join(part for part in parts if any(_has(own, part) for own in pen.fonts))


def write_band(
    image: Image.Image,
    edge: str,
    left: str,
    right: str,
    paint: Paint,
    text_px: int | None,
    font: FontFile | None,
) -> None:
    """Draw a band along the top or bottom edge, one text at its left and a short one at its right.

    The band takes at most a third of the height; where not even one line has room in half of it, nothing is drawn.
    """
    pen = _Pen(font, text_px or max(11, min(48, min(image.size) // 22)))
    margin = max(2, pen.size_px // 3)
    room = image.width - 2 * margin
    lines_at_most = max(1, min(_LINES_AT_MOST, (image.height // 3 - margin) // pen.line_px))
    if pen.line_px + margin > image.height // 2 or room < 2 * pen.size_px or not (left or right):
        return
    right = pen.shorten(right, room)
    left_room = room - (pen.width(right) + 2 * margin if right else 0)
    lines = pen.wrap(left, left_room, lines_at_most) if left_room >= 2 * pen.size_px else []
    # Without soft rims letters stay letters on panels that have no tones between.
    mask = Image.new("L" if paint.smooth else "1", (image.width, pen.line_px * max(1, len(lines)) + margin))
    draw = ImageDraw.Draw(mask)
    baselines = [margin / 2 + pen.line_px * index + pen.size_px for index in range(max(1, len(lines)))]
    for line, baseline in zip(lines, baselines, strict=False):
        pen.write(draw, margin, round(baseline), line)
    pen.write(draw, image.width - margin - pen.width(right), round(baselines[-1]), right)
    top = 0 if edge == "top" else image.height - mask.height
    image.paste(paint.ground, (0, top, image.width, top + mask.height))
    image.paste(paint.letters, (0, top), mask)
