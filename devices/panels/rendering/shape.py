"""A small drawing of a panel's screen for pages: its shape, and a landscape in the colours that it can show."""

from dataclasses import dataclass

from .formats import Colour, read_palette
from .profile_values import Profile

BOX_W, BOX_H = 96, 72
_EDGE = 4
_LEAST = 20
_SKY, _SUN, _HILL, _GROUND = "#8fb7dd", "#ffd75e", "#6d8f6f", "#33513d"
# How far the channels of a colour lie apart, for it to be no grey.
_VIVID = 60
_GREYS = ("#e6e6e6", "#ffffff", "#8a8a8a", "#3a3a3a")


@dataclass(frozen=True)
class Shape:
    """The screen within a box of BOX_W × BOX_H, in the units of the drawing, and its four colours."""

    x: int
    y: int
    width: int
    height: int
    sky: str
    sun: str
    hill: str
    ground: str

    @property
    def body(self) -> dict[str, int]:
        """Return the frame around the screen."""
        return {
            "x": self.x - _EDGE,
            "y": self.y - _EDGE,
            "width": self.width + 2 * _EDGE,
            "height": self.height + 2 * _EDGE,
        }

    @property
    def disc(self) -> dict[str, int]:
        """Return the sun: its middle and radius."""
        radius = max(3, min(self.width, self.height) // 8)
        return {"x": self.x + self.width * 7 // 10, "y": self.y + self.height * 3 // 10, "r": radius}

    @property
    def hills(self) -> tuple[str, str]:
        """Return the points of the two hills, the far one first."""
        far = ((0, 70), (30, 38), (62, 66), (80, 52), (100, 74), (100, 100), (0, 100))
        near = ((0, 84), (38, 66), (70, 88), (100, 70), (100, 100), (0, 100))
        return self._points(far), self._points(near)

    def _points(self, percents: tuple[tuple[int, int], ...]) -> str:
        """Return points, given in percent of the screen, as SVG writes them."""
        places = ((self.x + self.width * x / 100, self.y + self.height * y / 100) for x, y in percents)
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def shape_of(profile: Profile) -> Shape:
    """Return the drawing for a profile; one without a size is drawn four to three."""
    wide, high = profile.width or 4, profile.height or 3
    if profile.mounting in (90, 270):
        wide, high = high, wide
    room_w, room_h = BOX_W - 2 * _EDGE, BOX_H - 2 * _EDGE
    scale = min(room_w / wide, room_h / high)
    width, height = max(_LEAST, round(wide * scale)), max(_LEAST, round(high * scale))
    return Shape((BOX_W - width) // 2, (BOX_H - height) // 2, width, height, *_colours_of(profile))


def _colours_of(profile: Profile) -> tuple[str, str, str, str]:
    """Return sky, sun, far and near hill as the screen can show them."""
    if profile.colours == "grey":
        return _GREYS
    palette = read_palette(profile.colours)
    if palette is None:
        return _SKY, _SUN, _HILL, _GROUND
    by_light = sorted(palette.colours, key=_brightness)
    dark, light = by_light[0], by_light[-1]
    # What stands out: colours where the screen has them, else its middle greys, else black.
    vivid = [colour for colour in by_light if max(colour) - min(colour) > _VIVID] or by_light[1:-1] or [dark]
    sun, hill = (vivid[-1], vivid[0]) if len(vivid) > 1 else (vivid[0], dark)
    return _hex(light), _hex(sun), _hex(hill), _hex(dark)


def _brightness(colour: Colour) -> int:
    red, green, blue = colour
    return 299 * red + 587 * green + 114 * blue


def _hex(colour: Colour) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in colour)
